// SPDX-License-Identifier: MIT OR Apache-2.0
//! The path as its two ends meet it. These need to make network namespaces and TUN devices; `make
//! test-link` says where they cannot.

#![allow(clippy::unwrap_used)] // a test says so by failing

use std::fs::File;
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::UdpSocket;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns, unshare};

const PATIENCE: Duration = Duration::from_secs(10);
/// What IPv4 and UDP put before the payload.
const HEADERS: usize = 28;

/// The program, and a socket at each end of its path.
struct Path {
    program: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    near: UdpSocket,
    far: UdpSocket,
}

fn program(settings: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_link-shaper"));
    command.args(settings).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// The value of `"name":`, up to the next comma or bracket; `name` is looked for behind `after`.
fn field<'a>(json: &'a str, after: &str, name: &str) -> &'a str {
    let rest = &json[json.find(&format!("\"{after}\"")).unwrap()..];
    let key = format!("\"{name}\":");
    let rest = &rest[rest.find(&key).unwrap() + key.len()..];
    rest.split([',', '}']).next().unwrap().trim_matches('"')
}

impl Path {
    /// In a namespace of the calling thread's own.
    fn new(settings: &[&str]) -> Self {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        let mut program = program(settings).spawn().unwrap();
        let input = program.stdin.take().unwrap();
        let mut output = BufReader::new(program.stdout.take().unwrap()).lines();
        let ready = output.next().unwrap().unwrap();
        let address = |end| format!("{}:7000", field(&ready, "namespace", end));
        let namespace = File::open(field(&ready, "namespace", "namespace")).unwrap();
        let far = address("far");
        let far = thread::spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
            UdpSocket::bind(far).unwrap()
        });
        let (near, far) = (UdpSocket::bind(address("near")).unwrap(), far.join().unwrap());
        near.connect(far.local_addr().unwrap()).unwrap();
        far.connect(near.local_addr().unwrap()).unwrap();
        for socket in [&near, &far] {
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        Self { program, input, output, near, far }
    }

    /// Says a line; the counts that are answered.
    fn say(&mut self, line: &str) -> String {
        writeln!(self.input, "{line}").unwrap();
        self.output.next().unwrap().unwrap()
    }

    /// Waits until what is counted in `direction` has come to `many`.
    fn wait_for(&mut self, direction: &str, counted: &[&str], many: usize) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let counts = self.say("");
            let number = |name: &&str| field(&counts, direction, name).parse::<usize>().unwrap();
            if counted.iter().map(number).sum::<usize>() >= many {
                return counts;
            }
            assert!(Instant::now() < until, "{counted:?} of {many}: {counts}");
        }
    }

    fn end(self) -> Output {
        drop(self.input);
        self.program.wait_with_output().unwrap()
    }
}

#[test]
fn the_link_is_as_fast_as_it_says() {
    const RATE: f64 = 2e6;
    const COUNT: usize = 250;
    let path = Path::new(&["rate=2M", "delay=20ms", "queue=500ms"]);
    let payload = [0; 1000];
    let began = Instant::now();
    // As much as waits 250 ms, and one more for each that has come: it never runs dry.
    let (mut sent, mut had) = (0, [0; 1500]);
    for came in 0..COUNT {
        while sent < (came + 64).min(COUNT) {
            path.near.send(&payload).unwrap();
            sent += 1;
        }
        assert_eq!(path.far.recv(&mut had).unwrap(), payload.len());
    }
    let took = began.elapsed().as_secs_f64();
    let due = (COUNT * (payload.len() + HEADERS) * 8) as f64 / RATE + 0.02;
    println!(
        "{COUNT} packets at 2 Mb/s and 20 ms: {due:.3} s by the figures, {took:.3} s measured"
    );
    assert!(took >= due, "{took} s, by the figures {due} s");
    // What is more is the machine's.
    assert!(took <= due * 1.25, "{took} s, by the figures {due} s");
    assert!(path.end().status.success());
}

#[test]
fn losses_are_as_many_as_asked_and_the_same_for_a_seed() {
    const SENT: usize = 2000;
    let lost = |settings: &'static [&str]| {
        let run = move || {
            let mut path = Path::new(settings);
            let mut came = Vec::new();
            for batch in 0..SENT / 50 {
                for number in batch * 50..batch * 50 + 50 {
                    path.near.send(&(number as u32).to_le_bytes()).unwrap();
                }
                let counts = path.wait_for("down", &["lost", "left"], batch * 50 + 50);
                let left: usize = field(&counts, "down", "left").parse().unwrap();
                while came.len() < left {
                    let mut number = [0; 4];
                    path.far.recv(&mut number).unwrap();
                    came.push(u32::from_le_bytes(number));
                }
            }
            assert!(came.is_sorted());
            (0..SENT as u32).filter(|number| !came.contains(number)).collect::<Vec<_>>()
        };
        // On a thread of its own: each has its own namespace.
        thread::spawn(run).join().unwrap()
    };
    let first = lost(&["seed=7", "loss=10%"]);
    println!("10 % of {SENT} with seed 7: {} lost", first.len());
    // Four standard deviations of the binomial distribution are 53.
    assert!(first.len().abs_diff(SENT / 10) <= 53, "{} lost", first.len());
    assert_eq!(lost(&["seed=7", "loss=10%"]), first);
    assert_ne!(lost(&["seed=8", "loss=10%"]), first);
}

#[test]
fn a_packet_is_under_way_for_the_delay_and_a_change_counts_at_once() {
    let mut path = Path::new(&["delay=30ms"]);
    let shortest = |path: &Path| {
        let round = |_| {
            let began = Instant::now();
            path.near.send(b"there").unwrap();
            path.far.recv(&mut [0; 8]).unwrap();
            path.far.send(b"back").unwrap();
            path.near.recv(&mut [0; 8]).unwrap();
            began.elapsed()
        };
        (0..10).map(round).min().unwrap()
    };
    let both = shortest(&path);
    path.say("up delay=0ms");
    let one = shortest(&path);
    println!("round trip with 30 ms each way {both:?}, with 30 and 0 ms {one:?}");
    assert!(both >= Duration::from_millis(60), "{both:?}");
    assert!((Duration::from_millis(30)..both).contains(&one), "{one:?}");
    path.say("down loss=100%");
    path.near.send(b"gone").unwrap();
    path.wait_for("down", &["lost"], 1);
}

#[test]
fn it_lets_alone_what_is_somebodys_network() {
    let path = Path::new(&[]);
    let second = program(&[]).stderr(Stdio::piped()).output().unwrap();
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("`near` is here"), "{said}");
    assert!(path.end().status.success());
}
