// SPDX-License-Identifier: MIT OR Apache-2.0
//! The configuration: file text first, checked meaning second.
