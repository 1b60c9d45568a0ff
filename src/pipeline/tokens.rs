// SPDX-License-Identifier: MIT OR Apache-2.0
//! gst-launch text, taken apart.
