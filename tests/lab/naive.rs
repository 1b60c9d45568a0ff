// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sessions of the one-pipeline program, beside those of the product: the same board, viewer, moments
//! and oracle.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, timeout, timeout_at};

use crate::one_pipeline::{Habit, Says, Told};
use crate::record::{Next, Record};
use crate::trial::{Lab, Stop, ms};
use crate::viewer::{Sight, Viewer};

/// The argument that makes this program that one.
pub(crate) const ARGUMENT: &str = "one-pipeline";

/// It gathers candidates before it says anything, and is not prepared as workers are.
const LONG: Duration = Duration::from_secs(10);

struct Program {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start() -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        Ok(Self { child, input, output: BufReader::new(output).lines() })
    }

    async fn tell(&mut self, told: &Told) -> io::Result<()> {
        self.input.write_all(format!("{}\n", serde_json::to_string(told)?).as_bytes()).await
    }

    async fn hear(&mut self) -> io::Result<Says> {
        let line = self.output.next_line().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(serde_json::from_str(&line)?)
    }

    async fn stopped(&mut self) -> io::Result<()> {
        while !matches!(self.hear().await?, Says::Stopped { .. }) {}
        Ok(())
    }
}

impl Lab {
    pub(crate) async fn run_naive(&self, habit: Habit, stop: Stop, seed: u64) -> Record {
        let mut record = Record {
            experiment: experiment(stop),
            variant: habit.name().into(),
            role: "offerer".into(),
            seed,
            ..Record::default()
        };
        if let Err(error) = self.naive(habit, stop, seed, &mut record).await {
            record.broken = Some(error.to_string());
        }
        record
    }

    async fn naive(
        &self,
        habit: Habit,
        stop: Stop,
        seed: u64,
        record: &mut Record,
    ) -> io::Result<()> {
        let mut program = Program::start()?;
        let mut viewer = Viewer::new();
        let launch = self.board.launch().map_err(|fault| io::Error::other(fault.to_string()))?;
        program.tell(&Told::Prepare { launch: launch.clone() }).await?;
        while !matches!(timeout(LONG, program.hear()).await??, Says::Ready) {}
        let begun = Instant::now();
        program.tell(&Told::Begin { launch: launch.clone(), habit }).await?;
        match stop {
            Stop::Watching => {
                self.watch(&mut program, &mut viewer, begun, record).await?;
                let more = viewer.packets() + 1 + seed % 30;
                let _ = timeout(self.patience.step, viewer.receives(more)).await;
            }
            Stop::Anywhere => {
                let at = self.patience.span.mul_f64((seed % 1000) as f64 / 1000.0);
                let until = async {
                    let watched = self.watch(&mut program, &mut viewer, begun, record).await;
                    std::future::pending::<()>().await;
                    watched
                };
                let _ = timeout_at(begun + at, until).await;
                record.stopped_at = Some(ms(at));
            }
        }
        let (asked, before) = (Instant::now(), viewer.packets());
        if habit == Habit::InCallback {
            self.ask_on_channel(&mut viewer).await;
        }
        program.tell(&Told::Stop).await?;
        record.closed = self.closed(&mut program, asked).await;
        record.busy = self.board.is_busy();
        record.packets_after = viewer.packets() - before;
        record.next = Some(self.next_naive(&mut program, launch, habit).await);
        let _ = program.child.kill().await;
        if !self.board.is_closed_within(Duration::from_secs(10)).await {
            record.broken = Some("the camera stays open after its program was killed".into());
        }
        Ok(())
    }

    async fn watch(
        &self,
        program: &mut Program,
        viewer: &mut Viewer,
        begun: Instant,
        record: &mut Record,
    ) -> io::Result<()> {
        let offer = loop {
            match timeout(LONG, program.hear()).await?? {
                Says::Offer { sdp } => break sdp,
                Says::Failed { why } => return Err(io::Error::other(why)),
                Says::Stopped { .. } | Says::Ready | Says::Delivers => {}
            }
        };
        let sdp = viewer.answer(&offer).await;
        let candidate = viewer.candidate().await.candidate;
        program.tell(&Told::Answer { sdp, candidate }).await?;
        let is_first = |sight: &Sight| matches!(sight, Sight::FirstUnit { .. }).then_some(());
        let seen = timeout(self.patience.step, viewer.sees("the first picture", is_first)).await;
        record.first_frame = seen.is_ok().then(|| ms(begun.elapsed()));
        Ok(())
    }

    /// With a node, the oracle has the word; without, the program itself.
    async fn closed(&self, program: &mut Program, asked: Instant) -> Option<f64> {
        let patience = self.patience.closed;
        let closed = match self.board.device() {
            Some(_) => self.board.is_closed_within(patience).await,
            None => timeout(patience, program.stopped()).await.is_ok_and(|said| said.is_ok()),
        };
        closed.then(|| ms(asked.elapsed()))
    }

    /// The next session of the same program, up to its camera's first picture.
    async fn next_naive(&self, program: &mut Program, launch: String, habit: Habit) -> Next {
        let asked = Instant::now();
        let begun = async {
            program.tell(&Told::Begin { launch, habit }).await?;
            loop {
                match program.hear().await? {
                    Says::Delivers => return Ok("done".to_owned()),
                    Says::Failed { why } => return Ok(why),
                    Says::Stopped { .. } | Says::Ready | Says::Offer { .. } => {}
                }
            }
        };
        let result: Result<io::Result<String>, _> = timeout(LONG, begun).await;
        let result = match result {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "late".into(),
        };
        Next { result, took: ms(asked.elapsed()) }
    }

    /// Asks for the stop on the data channel.
    async fn ask_on_channel(&self, viewer: &mut Viewer) {
        let channel = |sight: &Sight| match sight {
            Sight::ChannelOpen(channel) => Some(channel.clone()),
            _ => None,
        };
        if let Ok(channel) = timeout(self.patience.step, viewer.sees("a channel", channel)).await {
            let _ = channel.send_string_full(Some("stop"));
        }
    }
}

pub(crate) fn experiment(stop: Stop) -> &'static str {
    match stop {
        Stop::Watching => "one-pipeline",
        Stop::Anywhere => "one-pipeline-stopped-anywhere",
    }
}

/// Everything that is tried with it.
pub(crate) fn all() -> Vec<(Habit, Stop)> {
    let mut trials: Vec<_> = Habit::ALL.map(|habit| (habit, Stop::Watching)).into();
    trials.push((Habit::Null, Stop::Anywhere));
    trials
}
