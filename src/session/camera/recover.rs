// SPDX-License-Identifier: MIT OR Apache-2.0
//! The board's recover hook: a configured command that frees a camera which nothing else frees. It
//! rebinds the driver, or switches the port off and on; what that takes only the board knows.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use super::Camera;
use crate::worker::{Exit, Process};

/// How long the hook may take. Then it is killed.
pub const RECOVER_DEADLINE: Duration = Duration::from_secs(10);

impl Camera {
    /// Whether there is a hook.
    pub(in crate::session) fn can_recover(&self) -> bool {
        !self.config.recover.is_empty()
    }

    /// Runs the hook, with the camera's name and node and the holders in its environment. How it
    /// went is logged; whether it helped, the oracle says. Dropping the future kills the hook.
    pub(super) async fn recover(&self, held_by: &str) {
        let [program, arguments @ ..] = self.config.recover.as_slice() else { return };
        let camera = self.config.name.as_str();
        tracing::warn!(camera, program, held_by, "running the recover hook");
        let device = self.config.device.as_ref().map(|path| path.display().to_string());
        let variables = [
            ("SHUTTERD_CAMERA", camera),
            ("SHUTTERD_DEVICE", device.as_deref().unwrap_or_default()),
            ("SHUTTERD_HELD_BY", held_by),
        ];
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        let ended = async {
            let nothing = OwnedFd::from(std::fs::File::open("/dev/null")?);
            let hook = Process::spawn(Path::new(program), &arguments, &variables, nothing)?;
            let Ok(exit) = timeout(RECOVER_DEADLINE, hook.reaped()).await else {
                hook.kill();
                hook.reaped().await?;
                return Err(std::io::ErrorKind::TimedOut.into());
            };
            exit
        };
        match ended.await {
            Ok(Exit::Code(0)) => tracing::info!(camera, "the recover hook is done"),
            Ok(exit) => tracing::error!(camera, program, %exit, "the recover hook failed"),
            Err(error) => tracing::error!(camera, program, %error, "the recover hook failed"),
        }
    }
}
