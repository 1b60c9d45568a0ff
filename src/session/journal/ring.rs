// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines in files, bounded: `journal-00000001.jsonl` and on. The newest file is appended to; when
//! it is full the next one begins, and the oldest are removed before the bound would be passed.
//!
//! No file is kept open, and nothing about one is trusted that its own size or last byte does not
//! say: it may have been torn by a power cut, written by others, or removed.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// How many files share the bound: when the oldest has gone, three quarters are still there.
const SEGMENTS: u64 = 4;

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    segment: u64,
    offset: u64,
    len: usize,
}

/// The files of one directory, which has one writer.
#[derive(Debug)]
pub(super) struct Ring {
    path: PathBuf,
    /// Locked for as long as this is open.
    directory: File,
    /// Of all files together, bytes.
    limit: u64,
    /// Number and size of each file.
    segments: BTreeMap<u64, u64>,
}

impl Ring {
    /// The files in `path`, at most `limit` bytes of them; the directory is made where it is missing.
    ///
    /// # Errors
    /// The system refuses, or another service has the directory.
    pub(super) fn open(path: &Path, limit: u64) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o750).create(path)?;
        let directory = File::open(path)?;
        flock(&directory, FlockOperation::NonBlockingLockExclusive).map_err(|errno| {
            match io::Error::from(errno) {
                error if error.kind() == ErrorKind::WouldBlock => {
                    io::Error::new(error.kind(), "another service keeps its journal there")
                }
                error => error,
            }
        })?;
        let mut segments = BTreeMap::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let number = entry.file_name().to_str().and_then(number_of);
            let metadata = entry.metadata()?;
            if let Some(number) = number.filter(|_| metadata.is_file()) {
                segments.insert(number, metadata.len());
            }
        }
        let mut ring = Self { path: path.to_owned(), directory, limit, segments };
        // The bound may have been higher.
        ring.make_room(0)?;
        Ok(ring)
    }

    /// The longest line that [`append`](Self::append) takes, bytes.
    pub(super) fn longest(&self) -> usize {
        // One newline ends it; one more may be needed to end what was torn before it.
        usize::try_from(self.limit / SEGMENTS - 2).unwrap_or(usize::MAX)
    }

    /// Writes a line, which has no newline. It survives this process at once, and a power cut
    /// after [`sync`](Self::sync).
    ///
    /// # Errors
    /// The line is too long, or the system refuses. Then the line is not there.
    pub(super) fn append(&mut self, line: &[u8]) -> io::Result<Place> {
        if line.len() > self.longest() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "the line is too long"));
        }
        let needed = line.len() as u64 + 2;
        let newest = self.segments.last_key_value().map(|(number, len)| (*number, *len));
        let segment = match newest {
            Some((number, len)) if len + needed <= self.limit / SEGMENTS => number,
            newest => {
                self.sync()?;
                newest.map_or(0, |(number, _)| number).checked_add(1).ok_or(ErrorKind::Other)?
            }
        };
        self.make_room(needed)?;
        let is_new = !self.segments.contains_key(&segment);
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create_new(is_new)
            .mode(0o640)
            .open(self.file(segment))?;
        let end = file.metadata()?.len();
        let mut text = Vec::with_capacity(line.len() + 2);
        if !ends_a_line(&file, end)? {
            text.push(b'\n');
        }
        let offset = end + text.len() as u64;
        text.extend_from_slice(line);
        text.push(b'\n');
        let written = (&file).write_all(&text);
        if written.is_err() {
            // Half a line takes room and says nothing. If it stays, the next append ends it.
            let _ = file.set_len(end);
        }
        self.segments.insert(segment, file.metadata()?.len());
        written?;
        if is_new {
            self.directory.sync_all()?;
        }
        Ok(Place { segment, offset, len: line.len() })
    }

    /// Returns when the newest file is on the disk; those before it are.
    ///
    /// # Errors
    /// The system refuses.
    pub(super) fn sync(&self) -> io::Result<()> {
        match self.segments.last_key_value() {
            Some((newest, _)) => File::open(self.file(*newest))?.sync_data(),
            None => Ok(()),
        }
    }

    /// The line that stands there.
    ///
    /// # Errors
    /// The file is gone, shorter than it was, or cannot be read.
    pub(super) fn read(&self, place: Place) -> io::Result<Vec<u8>> {
        let mut line = vec![0; place.len];
        File::open(self.file(place.segment))?.read_exact_at(&mut line, place.offset)?;
        Ok(line)
    }

    /// Whether what stood there has not been removed.
    pub(super) fn holds(&self, place: Place) -> bool {
        self.segments.contains_key(&place.segment)
    }

    /// The files' numbers, oldest first.
    pub(super) fn segments(&self) -> Vec<u64> {
        self.segments.keys().copied().collect()
    }

    /// Every line of a file that is not empty, in order; the last one may not have been ended.
    ///
    /// # Errors
    /// The file cannot be read any further.
    pub(super) fn lines(&self, segment: u64, mut each: impl FnMut(Place, &[u8])) -> io::Result<()> {
        let mut file = BufReader::new(File::open(self.file(segment))?);
        let (mut offset, mut line) = (0, Vec::new());
        loop {
            line.clear();
            let read = file.read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(());
            }
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            if !text.is_empty() {
                each(Place { segment, offset, len: text.len() }, text);
            }
            offset += read as u64;
        }
    }

    /// Removes the oldest files until `needed` bytes more stay within the bound.
    fn make_room(&mut self, needed: u64) -> io::Result<()> {
        while self.size().saturating_add(needed) > self.limit {
            let Some((&oldest, _)) = self.segments.first_key_value() else { break };
            match fs::remove_file(self.file(oldest)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => self.segments.remove(&oldest),
            };
        }
        Ok(())
    }

    /// Of all files together, bytes. One that is sparse may say anything.
    fn size(&self) -> u64 {
        self.segments.values().fold(0, |sum, size| sum.saturating_add(*size))
    }

    fn file(&self, segment: u64) -> PathBuf {
        self.path.join(name_of(segment))
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // To close it is not enough while a child that is not yet its own program shares it.
        let _ = flock(&self.directory, FlockOperation::Unlock);
    }
}

fn ends_a_line(file: &File, end: u64) -> io::Result<bool> {
    let Some(last) = end.checked_sub(1) else { return Ok(true) };
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    Ok(byte == *b"\n")
}

fn name_of(segment: u64) -> String {
    format!("journal-{segment:08}.jsonl")
}

/// The number of a file that is one of ours.
fn number_of(name: &str) -> Option<u64> {
    let number = name.strip_prefix("journal-")?.strip_suffix(".jsonl")?.parse().ok()?;
    (name_of(number) == name).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(ring: &Ring) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        for segment in ring.segments() {
            ring.lines(segment, |place, line| {
                assert_eq!(ring.read(place).unwrap(), line);
                found.push(line.to_vec());
            })
            .unwrap();
        }
        found
    }

    #[test]
    fn a_directory_has_one_writer() {
        let directory = tempfile::tempdir().unwrap();
        let ring = Ring::open(directory.path(), 400).unwrap();
        let error = Ring::open(directory.path(), 400).unwrap_err();
        assert!(error.to_string().contains("another service"), "{error}");
        drop(ring);
        Ring::open(directory.path(), 400).unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_bound_holds_and_the_newest_lines_are_there(
            lengths in prop::collection::vec((0..99_usize, any::<bool>()), 1..60),
        ) {
            const LIMIT: u64 = 400;
            let directory = tempfile::tempdir().unwrap();
            let mut ring = Ring::open(directory.path(), LIMIT).unwrap();
            prop_assert_eq!(ring.longest(), 98);
            let mut appended = Vec::new();
            for (i, (length, again)) in lengths.into_iter().enumerate() {
                let mut line = format!("{i:02}").into_bytes();
                line.resize(length.max(2), b'x');
                let place = ring.append(&line).unwrap();
                prop_assert_eq!(&ring.read(place).unwrap(), &line);
                appended.push(line);
                let sizes = fs::read_dir(directory.path()).unwrap();
                let size: u64 = sizes.map(|file| file.unwrap().metadata().unwrap().len()).sum();
                prop_assert!(size <= LIMIT);
                if again {
                    drop(ring);
                    ring = Ring::open(directory.path(), LIMIT).unwrap();
                }
                let kept = lines(&ring);
                prop_assert!(!kept.is_empty() && appended.ends_with(&kept));
            }
            prop_assert!(ring.append(&[b'x'; 99]).is_err());
        }
    }
}
