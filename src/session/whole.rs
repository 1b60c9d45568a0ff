// SPDX-License-Identifier: MIT OR Apache-2.0
//! A description in one piece, the device's candidates within: for whoever can be told only once, as a
//! viewer over WHEP, a program on the system bus, or a server that is pushed to.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::ToViewer;
use crate::lifecycle::Outcome;
use crate::wire::Candidate;

/// How long the description waits for the rest of its candidates. Those of the device's own interfaces
/// come within milliseconds; a server that does not reply must not hold up the others.
const GATHERING: Duration = Duration::from_secs(1);

/// Waits for the description, then for its candidates: until there are no more, or for one second.
/// A description that brings candidates is complete. Bounded by the deadlines of the session.
///
/// # Errors
/// How the session ended instead; `None` when it did not say.
pub async fn gather(
    words: &mut mpsc::UnboundedReceiver<ToViewer>,
) -> Result<String, Option<Outcome>> {
    let description = loop {
        match words.recv().await {
            Some(ToViewer::Description(text)) => break text,
            // Candidates follow the description; nothing can run before it.
            Some(ToViewer::Candidate(_) | ToViewer::Running) => {}
            Some(ToViewer::Ended(outcome)) => return Err(Some(outcome)),
            None => return Err(None),
        }
    };
    if description.contains("a=candidate:") || description.contains("a=end-of-candidates") {
        return Ok(description);
    }
    let deadline = Instant::now() + GATHERING;
    let mut candidates = Vec::new();
    let complete = loop {
        match timeout_at(deadline, words.recv()).await {
            Ok(Some(ToViewer::Candidate(candidate))) if candidate.candidate.is_empty() => {
                break true;
            }
            Ok(Some(ToViewer::Candidate(candidate))) => candidates.push(candidate),
            Ok(Some(ToViewer::Ended(outcome))) => return Err(Some(outcome)),
            Ok(Some(ToViewer::Description(_) | ToViewer::Running)) => {}
            Ok(None) => return Err(None),
            Err(_) => break false,
        }
    };
    Ok(with_candidates(&description, &candidates, complete))
}

/// Writes the candidates at the end of their media sections.
fn with_candidates(description: &str, candidates: &[Candidate], complete: bool) -> String {
    let mut text = String::with_capacity(description.len() + 128 * candidates.len());
    let mut section = None;
    let close = |text: &mut String, section: Option<u32>| {
        let Some(section) = section else { return };
        let mut own = candidates.iter().filter(|c| c.mline == section).peekable();
        let any = own.peek().is_some();
        for candidate in own {
            text.push_str("a=");
            text.push_str(&candidate.candidate);
            text.push_str("\r\n");
        }
        if any && complete {
            text.push_str("a=end-of-candidates\r\n");
        }
    };
    for line in description.lines() {
        if line.starts_with("m=") {
            close(&mut text, section);
            section = Some(section.map_or(0, |section| section + 1));
        }
        text.push_str(line);
        text.push_str("\r\n");
    }
    close(&mut text, section);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::{Cause, StopReason};

    const BARE: &str = "v=0\r\nm=audio 0\r\na=mid:0\r\nm=video 9\r\na=mid:1\r\n";

    fn candidate(mline: u32, candidate: &str) -> ToViewer {
        ToViewer::Candidate(Candidate { candidate: candidate.into(), mline })
    }

    async fn gathered(said: Vec<ToViewer>) -> Result<String, Option<Outcome>> {
        let (sender, mut words) = mpsc::unbounded_channel();
        for word in said {
            sender.send(word).unwrap();
        }
        drop(sender);
        gather(&mut words).await
    }

    #[tokio::test]
    async fn candidates_go_into_their_section() {
        let said = vec![
            ToViewer::Description(BARE.into()),
            candidate(1, "candidate:1 1 UDP 1 10.0.0.1 9 typ host"),
            candidate(0, "candidate:2 1 UDP 1 10.0.0.1 8 typ host"),
            candidate(0, ""),
        ];
        assert_eq!(
            gathered(said).await.unwrap(),
            "v=0\r\nm=audio 0\r\na=mid:0\r\na=candidate:2 1 UDP 1 10.0.0.1 8 typ host\r\n\
             a=end-of-candidates\r\nm=video 9\r\na=mid:1\r\n\
             a=candidate:1 1 UDP 1 10.0.0.1 9 typ host\r\na=end-of-candidates\r\n"
        );
    }

    #[tokio::test]
    async fn a_description_with_candidates_is_complete() {
        let text = format!("{BARE}a=candidate:1 1 UDP 1 10.0.0.1 9 typ host\r\n");
        let said = vec![ToViewer::Description(text.clone())];
        assert_eq!(gathered(said).await.unwrap(), text);
    }

    #[tokio::test(start_paused = true)]
    async fn gathering_that_never_completes_does_not_hold_up_the_answer() {
        let (sender, mut words) = mpsc::unbounded_channel();
        sender.send(ToViewer::Description(BARE.into())).unwrap();
        sender.send(candidate(1, "candidate:1")).unwrap();
        let text = gather(&mut words).await.unwrap();
        assert!(text.ends_with("a=candidate:1\r\n"), "{text}");
    }

    #[tokio::test]
    async fn an_end_instead_of_an_answer_is_told() {
        let cause = Cause::Requested { by: StopReason::Shutdown };
        let outcome = Outcome { cause, unclean: vec![], held: vec![] };
        let said = vec![ToViewer::Ended(outcome.clone())];
        assert_eq!(gathered(said).await.unwrap_err(), Some(outcome.clone()));
        let said = vec![ToViewer::Description(BARE.into()), ToViewer::Ended(outcome.clone())];
        assert_eq!(gathered(said).await.unwrap_err(), Some(outcome));
        assert_eq!(gathered(vec![]).await.unwrap_err(), None);
    }
}
