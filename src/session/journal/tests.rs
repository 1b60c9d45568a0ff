// SPDX-License-Identifier: MIT OR Apache-2.0

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::Receiver;

use proptest::prelude::*;
use tokio::sync::{mpsc, watch};

use super::store::Store;
use super::*;
use crate::config;
use crate::lifecycle::{Cause, Event, Outcome, Role, Step, StopReason, Unclean, UncleanWhy, Undo};
use crate::session::{Done, SessionStatus, StepResult, Timeline};
use crate::wire::Codec;

/// The least that the configuration takes.
const LIMIT: u64 = 256 << 10;

/// A session of the run `run`, in `phase`, with the steps that it has then.
fn session(id: u64, run: &str, phase: Phase) -> SessionTimeline {
    let mut timeline = Timeline::begin();
    timeline.step(Step::CreatePeer);
    let outcome = (phase == Phase::Ended).then(|| Outcome {
        cause: Cause::Requested { by: StopReason::Viewer },
        unclean: Vec::new(),
        held: Vec::new(),
    });
    if phase == Phase::Ended {
        timeline.end("create-peer", StepResult::Done, Done::noted("worker 7"));
    }
    SessionTimeline {
        session: SessionStatus {
            id: SessionId(id),
            run: run.to_owned(),
            generation: id,
            serial: 1,
            camera: "head".to_owned(),
            role: Role::Answerer,
            codec: Codec::H264,
            viewer: Some("192.0.2.7:40000".to_owned()),
            phase,
            step: None,
            asked_at: timeline.asked_at(),
            outcome,
        },
        entries: timeline.entries().to_vec(),
    }
}

fn ended(id: u64) -> SessionTimeline {
    session(id, "run", Phase::Ended)
}

fn open(directory: &Path) -> Store {
    Store::open(directory, LIMIT, "run").unwrap()
}

fn ids(store: &Store) -> Vec<u64> {
    store.newest(usize::MAX).iter().map(|kept| kept.id.0).collect()
}

/// The journal's files, oldest first.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn size(directory: &Path) -> u64 {
    files(directory).iter().map(|file| file.metadata().unwrap().len()).sum()
}

/// A journal whose thread does not come round to its work.
fn stuck() -> (Journal, Receiver<Job>) {
    let (jobs, queue) = sync_channel(QUEUE);
    (Journal { run: "run".into(), jobs: Some(jobs), lost: Arc::default() }, queue)
}

fn journal(directory: &Path) -> Journal {
    Journal::begin(Some(&config::Journal { directory: directory.to_owned(), max_size: LIMIT }))
}

#[test]
fn the_last_word_on_each_session_stands_in_the_order_of_their_beginning() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    store.keep(&session(1, "run", Phase::Starting)).unwrap();
    store.keep(&session(2, "run", Phase::Starting)).unwrap();
    store.keep(&ended(2)).unwrap();
    store.keep(&session(3, "run", Phase::Running)).unwrap();
    store.keep(&ended(1)).unwrap();
    for _ in 0..2 {
        assert_eq!(ids(&store), [3, 2, 1]);
        assert_eq!(store.newest(2).len(), 2);
        let one = store.find(SessionId(1)).unwrap();
        assert_eq!((one.session.phase, one.entries.len()), (Phase::Ended, 1));
        assert_eq!(store.find(SessionId(3)).unwrap().session.phase, Phase::Running);
        assert_eq!(store.find(SessionId(4)), None);
        drop(store);
        store = open(directory.path());
    }
}

#[test]
fn the_oldest_make_room_and_most_are_there() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    for id in 0..1000 {
        store.keep(&ended(id)).unwrap();
        assert!(size(directory.path()) <= LIMIT);
    }
    assert!(size(directory.path()) > LIMIT / 2);
    let kept = ids(&store);
    assert!(kept.len() > 100, "{}", kept.len());
    assert_eq!(kept, (0..1000).rev().take(kept.len()).collect::<Vec<_>>());
    drop(store);
    // The bound is what the configuration says now.
    let store = Store::open(directory.path(), LIMIT / 2, "run").unwrap();
    assert!(size(directory.path()) <= LIMIT / 2);
    assert_eq!(ids(&store)[0], 999);
}

#[test]
fn what_was_torn_costs_only_itself() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path()).keep(&ended(1)).unwrap();
    let file = files(directory.path()).remove(0);
    let append = |bytes: &[u8]| {
        OpenOptions::new().append(true).open(&file).unwrap().write_all(bytes).unwrap();
    };
    let line = serde_json::to_vec(&ended(2)).unwrap();
    append(&line[..line.len() / 2]);
    open(directory.path()).keep(&ended(3)).unwrap();
    // One that lacks nothing but its newline is whole.
    append(&serde_json::to_vec(&ended(4)).unwrap());
    assert_eq!(ids(&open(directory.path())), [4, 3, 1]);
    open(directory.path()).keep(&ended(5)).unwrap();
    // What a file system leaves of a block that was not written.
    append(&[0; 4096]);
    open(directory.path()).keep(&ended(6)).unwrap();
    assert_eq!(ids(&open(directory.path())), [6, 5, 4, 3, 1]);
}

#[test]
fn what_has_no_end_was_interrupted_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    store.keep(&session(1, "before", Phase::Running)).unwrap();
    store.keep(&session(2, "before", Phase::Ended)).unwrap();
    store.keep(&session(3, "run", Phase::Running)).unwrap();
    drop(store);
    let store = open(directory.path());
    let interrupted = store.find(SessionId(1)).unwrap();
    assert_eq!(interrupted.session.phase, Phase::Ended);
    assert_eq!(interrupted.entries[0].result, StepResult::Abandoned);
    let Some(Outcome { cause: Cause::Lost { fault }, .. }) = interrupted.session.outcome else {
        panic!("{interrupted:?}")
    };
    assert_eq!(fault.code, FaultCode::Interrupted);
    assert_eq!(ids(&store), [3, 2, 1], "in their place");
    let two = store.find(SessionId(2)).unwrap();
    assert_eq!(two.session.outcome, session(2, "before", Phase::Ended).session.outcome);
    assert_eq!(store.find(SessionId(3)).unwrap().session.phase, Phase::Running, "is alive");
    drop(store);
    let written = size(directory.path());
    open(directory.path());
    assert_eq!(size(directory.path()), written, "the end is written once");
}

#[test]
fn a_long_session_is_not_forgotten_for_short_ones() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    store.keep(&session(5000, "before", Phase::Running)).unwrap();
    for id in 0..1000 {
        store.keep(&ended(id)).unwrap();
        assert!(size(directory.path()) <= LIMIT);
    }
    assert_eq!(store.find(SessionId(5000)).unwrap().session.phase, Phase::Running);
    drop(store);
    let interrupted = open(directory.path()).find(SessionId(5000)).unwrap();
    assert_eq!(interrupted.session.phase, Phase::Ended);
}

#[test]
fn others_words_are_cut() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    let mut long = ended(1);
    // Six bytes of JSON to each, in every text that there can be.
    let text = "\u{1}".repeat(100_000);
    let fault = Fault::new(FaultCode::SdpInvalid, text.clone());
    long.entries = vec![long.entries[0].clone(); 26];
    long.entries.iter_mut().for_each(|entry| entry.note = Some(text.clone()));
    long.session.outcome = Some(Outcome {
        cause: Cause::StartFailed { step: Step::SetRemoteAnswer, fault: fault.clone() },
        unclean: vec![Unclean { undo: Undo::CloseCamera, why: UncleanWhy::Failed { fault } }; 7],
        held: Vec::new(),
    });
    store.keep(&long).unwrap();
    let kept = store.find(SessionId(1)).unwrap();
    assert_eq!(kept.entries.len(), 26);
    let note = kept.entries[0].note.as_ref().unwrap();
    assert!(note.len() < 100 && note.ends_with('…'), "{note:?}");

    long.entries = vec![long.entries[0].clone(); 1000];
    long.entries[999].number = 7;
    store.keep(&long).unwrap();
    let kept = store.find(SessionId(1)).unwrap();
    assert_eq!((kept.entries.len(), kept.entries[63].number), (64, 7));

    let mut wordy = ended(2);
    wordy.entries[0].note = Some("ä".repeat(1000));
    store.keep(&wordy).unwrap();
    let kept = store.find(SessionId(2)).unwrap();
    assert_eq!(kept.entries[0].note, Some("ä".repeat(512) + "…"));
}

#[tokio::test]
async fn a_directory_that_is_removed_is_made_anew() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("a/b");
    let journal = journal(&directory);
    journal.keep(ended(1));
    journal.flush().await;
    assert_eq!(journal.newest(9).await.unwrap().len(), 1);
    fs::remove_dir_all(&directory).unwrap();
    journal.keep(ended(2));
    let two = journal.find(SessionId(2)).await.unwrap().unwrap();
    assert_eq!(journal.newest(9).await.unwrap(), [two.session]);
}

#[tokio::test]
async fn what_cannot_be_written_waits_until_it_can() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("journal");
    fs::write(&directory, "a file has the place").unwrap();
    let journal = journal(&directory);
    journal.keep(session(1, "run", Phase::Starting));
    journal.keep(session(2, "run", Phase::Starting));
    journal.keep(ended(1));
    assert_eq!(journal.find(SessionId(1)).await.unwrap(), None);
    fs::remove_file(&directory).unwrap();
    assert_eq!(journal.find(SessionId(1)).await.unwrap().unwrap().session.phase, Phase::Ended);
    assert_eq!(journal.newest(9).await.unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_disk_that_does_not_answer() {
    let (journal, _queue) = stuck();
    for id in 0..QUEUE as u64 + 3 {
        journal.keep(ended(id));
    }
    assert_eq!(journal.lost.load(Ordering::Relaxed), 3);
    assert_eq!(journal.find(SessionId(1)).await.unwrap_err().code, FaultCode::Late);
    journal.flush().await;
    let (journal, _queue) = stuck();
    assert_eq!(journal.newest(1).await.unwrap_err().code, FaultCode::Late);
    journal.flush().await;
}

#[tokio::test]
async fn without_a_directory_there_is_nothing_to_read() {
    let journal = Journal::begin(None);
    journal.keep(ended(1));
    journal.flush().await;
    assert_eq!(journal.find(SessionId(1)).await.unwrap(), None);
    assert_eq!(journal.newest(9).await.unwrap(), []);
    assert_ne!(journal.run(), Journal::begin(None).run());
}

#[tokio::test]
async fn each_phase_of_a_session_is_kept() {
    let (journal, queue) = stuck();
    let SessionTimeline { session, .. } = session(1, "run", Phase::Starting);
    let (status, seen) = watch::channel(session);
    let handle = SessionHandle {
        id: SessionId(1),
        events: mpsc::unbounded_channel::<Event>().0,
        from_viewer: mpsc::unbounded_channel().0,
        status: seen,
        timeline: Arc::new(Mutex::new(Timeline::begin())),
    };
    let going_on = async {
        for phase in [Phase::Starting, Phase::Running, Phase::Running, Phase::Stopping] {
            status.send_modify(|status| status.phase = phase);
            tokio::task::yield_now().await;
        }
        status.send_modify(|status| status.phase = Phase::Ended);
    };
    tokio::join!(journal.follow(handle), going_on);
    let phases: Vec<_> = queue
        .try_iter()
        .map(|job| match job {
            Job::Keep(kept) => kept.session.phase,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(phases, [Phase::Starting, Phase::Running, Phase::Stopping, Phase::Ended]);
}

/// A line that is whole, or bytes that are anything.
#[derive(Clone, Debug)]
enum Chunk {
    Whole(u64),
    Bytes(Vec<u8>),
}

fn chunks() -> impl Strategy<Value = Vec<Chunk>> {
    let bytes = prop_oneof![any::<Vec<u8>>(), ".{0,40}".prop_map(String::into_bytes)];
    prop::collection::vec(
        prop_oneof![any::<u64>().prop_map(Chunk::Whole), bytes.prop_map(Chunk::Bytes)],
        0..12,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whole_lines_are_read_whatever_stands_around_them(files in prop::collection::vec(chunks(), 0..4)) {
        let directory = tempfile::tempdir().unwrap();
        let mut whole = Vec::new();
        for (number, chunks) in files.iter().enumerate() {
            let mut text = Vec::new();
            for chunk in chunks {
                match chunk {
                    Chunk::Whole(id) => {
                        whole.retain(|known| known != id);
                        whole.push(*id);
                        text.extend(serde_json::to_vec(&ended(*id)).unwrap());
                    }
                    Chunk::Bytes(bytes) => text.extend(bytes),
                }
                text.push(b'\n');
            }
            // The last line of a file may lack its end.
            text.pop();
            fs::write(directory.path().join(format!("journal-{number:08}.jsonl")), text).unwrap();
        }
        let store = open(directory.path());
        let mut found = ids(&store);
        found.sort_unstable();
        whole.sort_unstable();
        prop_assert_eq!(&found, &whole);
        drop(store);
        open(directory.path()).keep(&session(7, "run", Phase::Running)).unwrap();
        let kept = open(directory.path());
        prop_assert_eq!(kept.find(SessionId(7)).unwrap().session.phase, Phase::Running);
        for id in whole {
            prop_assert!(kept.find(SessionId(id)).is_some());
        }
    }

    #[test]
    fn any_damage_is_survived(at in 0..2000_u64, bytes in any::<[u8; 8]>(), cut in 0..2000_u64) {
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path());
        (1..=3).for_each(|id| store.keep(&ended(id)).unwrap());
        let file = OpenOptions::new().write(true).open(&files(directory.path())[0]).unwrap();
        file.set_len(cut).unwrap();
        file.write_all_at(&bytes, at).unwrap();
        // Under the one that has it open, and for the one that comes after.
        (1..=3).for_each(|id| drop(store.find(SessionId(id))));
        store.keep(&ended(4)).unwrap();
        drop(store);
        prop_assert!(open(directory.path()).find(SessionId(4)).is_some());
    }
}
