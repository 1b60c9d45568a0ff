// SPDX-License-Identifier: MIT OR Apache-2.0
//! The effective plan, as `shutterd --check` prints it.

use std::fmt::{self, Display, Write};

use super::load::MAIN_FILE;
use super::model::{Camera, Config, Led};
use super::schema::{written, written_size};
use crate::lifecycle::CameraOpens;
use crate::lifecycle::steps::{KILL_DEADLINE, STEPS, UNDOS};

impl Config {
    /// What the service will do, with every default filled in and passwords left out. Lines end
    /// in a newline.
    pub fn plan_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        match self.sources.as_slice() {
            [] => line(out, "read", format!("nothing: no {MAIN_FILE}; the built-in default"))?,
            sources => many(out, "read", sources)?,
        }
        let reach = match self.http.listen.ip().is_loopback() {
            true => "this machine only",
            false => "reachable from the network",
        };
        line(out, "listen", format!("{} ({reach})", self.http.listen))?;
        match self.http.allowed_origins.as_slice() {
            [] => line(out, "origins", "our own page only")?,
            origins => many(out, "origins", origins)?,
        }
        line(out, "control", self.control.socket.display())?;
        match &self.journal {
            Some(journal) => {
                let (directory, size) = (journal.directory.display(), journal.max_size);
                line(out, "journal", format!("{directory}, at most {}", written_size(size)))?;
            }
            None => line(out, "journal", "in memory only")?,
        }
        match &self.media.worker {
            Some(worker) => line(out, "worker", worker.display())?,
            None => {
                line(out, "worker", "shutter-media beside shutterd, else where it is installed")?
            }
        }
        many(out, "pipelines", self.media.pipelines.iter().map(|path| path.display()))?;
        let prewarm = if self.media.prewarm { "one of each kind" } else { "none" };
        line(out, "spares", prewarm)?;
        match self.webrtc.ice_servers.as_slice() {
            [] => line(out, "ice", "no STUN or TURN server")?,
            servers => many(out, "ice", servers.iter().map(|server| without_password(server)))?,
        }
        match self.session.max_duration {
            Some(limit) => line(out, "session", format!("at most {}", written(limit)))?,
            None => line(out, "session", "no time limit")?,
        }
        let sleep = if self.closes_for_sleep {
            "waits until the cameras are closed"
        } else {
            "not heard of"
        };
        line(out, "sleep", sleep)?;
        many(out, "shut", &self.switches)?;
        many(out, "push", &self.pushes)?;
        for camera in &self.cameras {
            camera.write(out)?;
        }
        self.write_deadlines(out)
    }

    fn write_deadlines(&self, out: &mut String) -> fmt::Result {
        out.push_str("\nstart, each step within\n");
        for row in STEPS {
            let deadline = written(self.deadlines.step(row.step));
            writeln!(out, "  {:>2} {:<22}{deadline}", row.number, row.name)?;
        }
        out.push_str("end, each step within\n");
        for row in UNDOS {
            let deadline = written(self.deadlines.undo(row.undo));
            writeln!(out, "  {:>2} {:<22}{deadline}", row.number, row.name)?;
        }
        let (bound, kill) = (written(self.deadlines.close_bound()), written(KILL_DEADLINE));
        writeln!(out, "camera observed closed within {bound} of a stop, {kill} more after a kill")
    }
}

impl Camera {
    fn write(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "\ncamera {}", self.name)?;
        line(out, "  board", format!("{} ({})", self.board.name(), self.board.title()))?;
        match &self.device {
            Some(device) => line(out, "  device", device.display())?,
            None => line(out, "  device", "none")?,
        }
        match &self.led {
            _ if self.device.is_none() => line(out, "  led", "none")?,
            Led::Auto => line(out, "  led", "the one of its sensor, where there is one")?,
            Led::None => line(out, "  led", "none")?,
            Led::Named(name) => line(out, "  led", name)?,
        }
        let Camera { width, height, framerate, bitrate, .. } = self;
        line(
            out,
            "  picture",
            format!("{width}x{height}, {framerate} frames/s, {bitrate} bits/s"),
        )?;
        let codecs: Vec<&str> = self.codecs.iter().map(|codec| codec.name()).collect();
        line(out, "  codecs", codecs.join(", "))?;
        line(out, "  viewers", format!("at most {}", self.max_viewers))?;
        let opens = match self.camera_opens {
            CameraOpens::BeforeOffer => "before the offer",
            CameraOpens::BesideNegotiation => "at once, beside the negotiation",
            CameraOpens::AfterConnected => "after the viewer is connected",
        };
        line(out, "  opens", opens)?;
        match self.reopen_within.is_zero() {
            true => line(out, "  reopens", "never")?,
            false => line(out, "  reopens", format!("within {}", written(self.reopen_within)))?,
        }
        match self.recover.is_empty() {
            true => line(out, "  recover", "no hook"),
            false => line(out, "  recover", self.recover.join(" ")),
        }
    }
}

fn line(out: &mut String, label: &str, value: impl Display) -> fmt::Result {
    writeln!(out, "{label:<12}{value}")
}

fn many(
    out: &mut String,
    label: &str,
    values: impl IntoIterator<Item = impl Display>,
) -> fmt::Result {
    for (i, value) in values.into_iter().enumerate() {
        line(out, if i == 0 { label } else { "" }, value)?;
    }
    Ok(())
}

/// `turn:user:password@host:port` as `turn:user:…@host:port`.
fn without_password(server: &str) -> String {
    let parts = server.rsplit_once('@').and_then(|(login, address)| {
        let (scheme, login) = login.split_once(':')?;
        let (user, _) = login.split_once(':')?;
        Some(format!("{scheme}:{user}:…@{address}"))
    });
    parts.unwrap_or_else(|| server.to_owned())
}
