// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pipeline files: one per board, data that is checked before it is ever run.
