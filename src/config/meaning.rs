// SPDX-License-Identifier: MIT OR Apache-2.0
//! From tables of typed values to a [`Config`](super::Config).
