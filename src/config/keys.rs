// SPDX-License-Identifier: MIT OR Apache-2.0
//! What may be written in the configuration.
