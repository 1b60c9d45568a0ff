// SPDX-License-Identifier: MIT OR Apache-2.0
//! The arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use shutterd::wire::Codec;

/// Ask the camera service, and end sessions.
#[derive(Debug, Parser)]
#[command(name = "shutterctl", version, propagate_version = true)]
pub(super) struct Arguments {
    /// The service's control socket.
    #[arg(long, global = true, value_name = "PATH", default_value = "/run/shutterd/control.sock")]
    pub(super) socket: PathBuf,
    /// Print JSON.
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// The cameras, and the sessions that are alive.
    Status,
    /// The cameras, as configured.
    Cameras,
    /// The sessions: those alive, and the last ones that ended.
    Sessions {
        /// Those of earlier runs of the service too, as far as its journal goes back.
        #[arg(long)]
        all: bool,
    },
    /// Send a camera to a WHIP server; prints the session, which says how that goes.
    Start {
        /// The camera's name.
        camera: String,
        /// The server's WHIP endpoint.
        #[arg(value_name = "URL")]
        whip: String,
        /// The file with the bearer token that the server wants.
        #[arg(long, value_name = "PATH")]
        token_file: Option<PathBuf>,
    },
    /// End a session, and wait until it has ended.
    #[command(group = clap::ArgGroup::new("which").required(true).args(["session", "all"]))]
    Stop {
        /// A session's id, the beginning of one, or `last`.
        #[arg(value_name = "ID")]
        session: Option<String>,
        /// Every session that is alive.
        #[arg(long)]
        all: bool,
    },
    /// What each viewer is sent, and what its path takes as far as is known.
    Stats {
        /// A session's id, the beginning of one, or `last`. Every session that runs where none is named.
        #[arg(value_name = "ID")]
        session: Option<String>,
    },
    /// Follow what happens, one line for each change, until the service ends.
    Watch,
    /// What ran when in a session: all 19 steps.
    Timeline {
        /// A session's id, the beginning of one, or `last`.
        #[arg(value_name = "ID")]
        session: String,
    },
    /// The order: the twelve steps that start a session and the seven that end it.
    Order,
    /// What this system has of what the service needs, what it lacks, and what to do about it.
    Doctor {
        /// The configuration; /etc/shutterd/shutterd.toml unless said.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// The boards' pipeline files. Needs no service.
    Pipelines {
        /// Where to look, before anywhere else; may be repeated.
        #[arg(long = "directory", global = true, value_name = "PATH")]
        directories: Vec<PathBuf>,
        #[command(subcommand)]
        command: Option<PipelinesCommand>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum PipelinesCommand {
    /// The boards that there are.
    List,
    /// A board's pipeline, as a line that gst-launch-1.0 runs as it is.
    Show(Show),
    /// Check pipeline files as data; with --run, run them on this device too.
    Check(Check),
}

#[derive(Debug, Args)]
// They say what a named board is run with: a configured camera has its own.
#[command(mut_args(|arg| match arg.get_id().as_str() {
    "device" | "width" | "height" | "framerate" | "bitrate" => arg.requires_all(["run", "boards"]),
    _ => arg,
}))]
pub(super) struct Check {
    /// Boards' names, or files. Every board where none is named; with --run, the cameras that are configured.
    #[arg(value_name = "BOARD|FILE")]
    pub(super) boards: Vec<String>,
    /// Open the camera, run each step up to the first frame and back, and print how each went.
    #[arg(long)]
    pub(super) run: bool,
    /// Which of the pipelines; every one unless named.
    #[arg(long, requires = "run")]
    pub(super) codec: Option<CodecName>,
    /// The configuration; /etc/shutterd/shutterd.toml unless said.
    #[arg(long, value_name = "FILE", requires = "run")]
    pub(super) config: Option<PathBuf>,
    #[command(flatten)]
    pub(super) picture: Picture,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The board's name.
    pub(super) board: String,
    /// Which of its pipelines; the preferred one unless named.
    #[arg(long)]
    pub(super) codec: Option<CodecName>,
    #[command(flatten)]
    pub(super) picture: Picture,
}

/// What fills the placeholders of a board's pipelines.
#[derive(Debug, Args)]
pub(super) struct Picture {
    /// The camera's node.
    #[arg(long, default_value = "/dev/video0")]
    pub(super) device: PathBuf,
    /// Pixels.
    #[arg(long, default_value_t = 1280)]
    pub(super) width: u32,
    /// Pixels.
    #[arg(long, default_value_t = 720)]
    pub(super) height: u32,
    /// Frames per second.
    #[arg(long, default_value_t = 30)]
    pub(super) framerate: u32,
    /// Bits per second; as the service would choose unless given.
    #[arg(long)]
    pub(super) bitrate: Option<u32>,
}

/// A codec's name.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum CodecName {
    H264,
    H265,
    Vp8,
}

impl From<CodecName> for Codec {
    fn from(name: CodecName) -> Self {
        match name {
            CodecName::H264 => Codec::H264,
            CodecName::H265 => Codec::H265,
            CodecName::Vp8 => Codec::Vp8,
        }
    }
}
