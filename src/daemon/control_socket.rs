// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control socket's file: made and removed here.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use tokio::net::{UnixListener, UnixStream};

/// Why the control socket could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ControlSocketError {
    /// Another service answers there.
    #[error("{0}: another service listens there")]
    InUse(PathBuf),
    /// Something that is no socket has the path.
    #[error("{0}: exists and is not a socket")]
    NotASocket(PathBuf),
    /// The system refused.
    #[error("{0}: {1}")]
    Io(PathBuf, #[source] io::Error),
}

/// The file of a socket that is listened on. Dropping it removes the file, unless another service
/// has taken its place.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Keeps the file's inode, so that its number is not given to another's file meanwhile.
    inode: File,
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let inode = rustix::fs::open(path, flags, Mode::empty())?.into();
        Ok(Self { path: path.to_owned(), inode })
    }

    fn is_ours(&self) -> io::Result<bool> {
        let (ours, now) = (self.inode.metadata()?, std::fs::symlink_metadata(&self.path)?);
        Ok((ours.dev(), ours.ino()) == (now.dev(), now.ino()))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.is_ours().unwrap_or(false) {
            // The file of a socket that nobody listens on does no harm: the next start removes it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The control socket: the one that systemd listens on, whose file is not ours to remove, or our own
/// at `path`. Must be called within a tokio runtime.
///
/// # Errors
/// A live service has the path, something else has, or the system refuses.
pub async fn open(
    given: Option<std::os::unix::net::UnixListener>,
    path: &Path,
) -> Result<(UnixListener, Option<SocketFile>), ControlSocketError> {
    let Some(given) = given else {
        let (listener, file) = bind(path).await?;
        return Ok((listener, Some(file)));
    };
    let failed = |error| ControlSocketError::Io(path.to_owned(), error);
    given.set_nonblocking(true).map_err(failed)?;
    let listener = UnixListener::from_std(given).map_err(failed)?;
    let there =
        listener.local_addr().ok().and_then(|address| address.as_pathname().map(Path::to_owned));
    if there.as_deref() != Some(path) {
        tracing::warn!(?there, configured = %path.display(), "systemd listens elsewhere; shutterctl looks there only when told");
    }
    Ok((listener, None))
}

/// Listens on `path`, mode 0660. What a service that is dead left there is removed; its directory
/// is made where it is missing. Must be called within a tokio runtime.
///
/// # Errors
/// A live service has the path, something else has, or the system refuses.
async fn bind(path: &Path) -> Result<(UnixListener, SocketFile), ControlSocketError> {
    let failed = |error| ControlSocketError::Io(path.to_owned(), error);
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(failed)?;
    }
    remove_stale(path).await?;
    let listener = UnixListener::bind(path).map_err(|error| match error.kind() {
        // Another service was faster.
        io::ErrorKind::AddrInUse => ControlSocketError::InUse(path.to_owned()),
        _ => failed(error),
    })?;
    let file = SocketFile::of(path).map_err(failed)?;
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o660)).map_err(failed)?;
    Ok((listener, file))
}

async fn remove_stale(path: &Path) -> Result<(), ControlSocketError> {
    let failed = |error| ControlSocketError::Io(path.to_owned(), error);
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(file) if !file.file_type().is_socket() => {
            return Err(ControlSocketError::NotASocket(path.to_owned()));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path).await {
        Ok(_) => Err(ControlSocketError::InUse(path.to_owned())),
        // Nobody listens: refused is what a socket file without its process answers.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(failed)
        }
        // A full queue is a live service too.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(ControlSocketError::InUse(path.to_owned()))
        }
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_file_lives_as_long_as_its_service() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/control.sock");
        let (listener, file) = bind(&path).await.unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        // A live service is left alone.
        assert!(matches!(bind(&path).await, Err(ControlSocketError::InUse(_))));
        assert!(path.exists());
        drop((listener, file));
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_a_dead_service_left_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.sock");
        let (listener, file) = bind(&path).await.unwrap();
        drop(listener);
        let (_listener, _file) = bind(&path).await.unwrap();
        // The dead one's end does not take the new one's file away.
        drop(file);
        assert!(path.exists());
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.sock");
        std::fs::write(&path, "precious").unwrap();
        assert!(matches!(bind(&path).await, Err(ControlSocketError::NotASocket(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    }
}
