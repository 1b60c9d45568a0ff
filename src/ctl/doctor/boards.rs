// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which board files fit this system, and why the others do not.

use std::collections::BTreeSet;
use std::path::PathBuf;

use shutterd::config::Config;
use shutterd::pipeline::{self, Board, LoadError};
use shutterd::wire::inventory::Inventory;

use super::finding::Finding;
use super::media::missing;

/// Every board file, by its name.
pub(super) fn load(directories: &[PathBuf]) -> Vec<(String, Result<Board, LoadError>)> {
    let named = |name: String| (name.clone(), pipeline::load(directories, &name));
    pipeline::names(directories).into_iter().map(named).collect()
}

/// Every element that they use.
pub(super) fn elements(boards: &[(String, Result<Board, LoadError>)]) -> BTreeSet<String> {
    let of = |board: &Board| {
        board.codecs().into_iter().flat_map(|codec| board.elements(codec)).collect::<Vec<_>>()
    };
    boards.iter().filter_map(|(_, board)| board.as_ref().ok()).flat_map(of).collect()
}

pub(super) fn findings(
    boards: &[(String, Result<Board, LoadError>)],
    inventory: &Inventory,
    config: Option<&Config>,
) -> Vec<Finding> {
    let in_use = |name: &str| {
        config.is_some_and(|config| config.cameras.iter().any(|camera| camera.board.name() == name))
    };
    let finding = |(name, board): &(String, Result<Board, LoadError>)| {
        let about = format!("board {name}");
        let wrong = |says: String| match in_use(name) {
            true => Finding::wrong(about.clone(), says),
            false => Finding::note(about.clone(), says),
        };
        let board = match board {
            Ok(board) => board,
            Err(error) => return wrong(error.to_string()),
        };
        let (mut fits, mut fails) = (Vec::new(), Vec::new());
        for codec in board.codecs() {
            let elements = board.elements(codec);
            let missing = missing(elements.iter().map(String::as_str), inventory);
            match missing.as_slice() {
                [] => fits.push(codec.to_string()),
                missing => fails.push(format!("{codec} lacks {}", missing.join(", "))),
            }
        }
        match (fits.is_empty(), fails.is_empty()) {
            (true, _) => wrong(format!("does not fit: {}", fails.join("; "))),
            (false, true) => Finding::ok(about, format!("fits: {}", fits.join(", "))),
            (false, false) => {
                Finding::note(about, format!("fits: {}; {}", fits.join(", "), fails.join("; ")))
            }
        }
    };
    boards.iter().map(finding).collect()
}
