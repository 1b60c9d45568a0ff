// SPDX-License-Identifier: MIT OR Apache-2.0
//! Session descriptions, read into checked types at the edge.

/// A viewer's offer, checked.
#[derive(Clone, Debug)]
pub struct Offer;
