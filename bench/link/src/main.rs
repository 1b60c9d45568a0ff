// SPDX-License-Identifier: MIT OR Apache-2.0
//! A network path between two namespaces, for measuring what loss, delay and a narrow link do.
//!
//! `link-shaper [seed=N] [SETTING=VALUE]...`, in a network namespace with nothing in it but loopback.
//! It makes another, puts a TUN device into each, and says where that other one is, as JSON. Each line
//! on its standard input is a change: settings (see [`settings`]) for both directions, or behind a
//! first word `down` or `up` for the one from here or to here; an empty line changes nothing. The
//! answer is what became of the packets so far, as JSON. Ends with its standard input.

mod direction;
mod ends;
mod settings;

use std::io::BufRead;
use std::process::ExitCode;
use std::thread;

use direction::{Counts, Direction};
use settings::Settings;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tun_rs::AsyncDevice;

type Failure = Box<dyn std::error::Error>;

/// A jumbo frame and more; no device here has a larger MTU.
const LARGEST: usize = 65_536;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("link-shaper: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (seed, first) = match arguments.split_first() {
        Some((seed, rest)) if seed.starts_with("seed=") => (seed[5..].parse()?, rest),
        _ => (1, &arguments[..]),
    };
    let settings = Settings::default().with(&first.join(" "))?;
    let near = AsyncDevice::new(ends::near()?)?;
    let (device, end) = ends::far()?;
    let mut path = Path::new(near, AsyncDevice::new(device)?, settings, seed);
    println!(
        r#"{{"namespace":"{}","near":"{}","far":"{}","seed":{seed}}}"#,
        end.namespace,
        ends::NEAR,
        ends::FAR
    );
    path.carry(input()?).await
}

/// The lines of the standard input. A thread reads them: a runtime would wait for one that reads.
fn input() -> Result<mpsc::UnboundedReceiver<String>, Failure> {
    let (sender, lines) = mpsc::unbounded_channel();
    thread::Builder::new().name("input".into()).spawn(move || {
        let mut given = std::io::stdin().lock().lines().map_while(Result::ok);
        while given.next().is_some_and(|line| sender.send(line).is_ok()) {}
    })?;
    Ok(lines)
}

/// Both directions, and the settings that they have now.
struct Path {
    near: AsyncDevice,
    far: AsyncDevice,
    down: (Direction, Settings),
    up: (Direction, Settings),
}

impl Path {
    fn new(near: AsyncDevice, far: AsyncDevice, settings: Settings, seed: u64) -> Self {
        let now = Instant::now();
        // The same packets lost in both directions would be no chance.
        let direction = |seed| (Direction::new(settings, seed, now), settings);
        Self { near, far, down: direction(seed), up: direction(!seed) }
    }

    /// Carries packets until no more lines come.
    async fn carry(&mut self, mut lines: mpsc::UnboundedReceiver<String>) -> Result<(), Failure> {
        let (mut from_near, mut from_far) = (vec![0; LARGEST], vec![0; LARGEST]);
        loop {
            let next = self.down.0.next().into_iter().chain(self.up.0.next()).min();
            tokio::select! {
                line = lines.recv() => match line {
                    Some(line) => println!("{}", self.change(&line)?),
                    None => return Ok(()),
                },
                size = self.near.recv(&mut from_near) => {
                    self.down.0.arrive(from_near[..size?].into(), Instant::now());
                }
                size = self.far.recv(&mut from_far) => {
                    self.up.0.arrive(from_far[..size?].into(), Instant::now());
                }
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
            }
            let now = Instant::now();
            while let Some(packet) = self.down.0.leave(now) {
                self.far.send(&packet).await?;
            }
            while let Some(packet) = self.up.0.leave(now) {
                self.near.send(&packet).await?;
            }
        }
    }

    fn change(&mut self, line: &str) -> Result<String, Failure> {
        let now = Instant::now();
        let (which, text) = match line.split_once(' ') {
            Some(("down", text)) => (&mut [&mut self.down][..], text),
            Some(("up", text)) => (&mut [&mut self.up][..], text),
            _ => (&mut [&mut self.down, &mut self.up][..], line),
        };
        for (direction, settings) in which {
            *settings = settings.with(text)?;
            direction.set(*settings, now);
        }
        let (down, up) = (self.down.0.counts(), self.up.0.counts());
        Ok(format!(r#"{{"down":{},"up":{}}}"#, json(down), json(up)))
    }
}

fn json(counts: Counts) -> String {
    let Counts { arrived, lost, dropped, left, bytes } = counts;
    format!(
        r#"{{"arrived":{arrived},"lost":{lost},"dropped":{dropped},"left":{left},"bytes":{bytes}}}"#
    )
}
