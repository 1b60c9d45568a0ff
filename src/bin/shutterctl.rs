// SPDX-License-Identifier: MIT OR Apache-2.0
//! shutterctl: asks the service over its control socket.

use std::process::ExitCode;

#[path = "../ctl/mod.rs"]
mod ctl;

fn main() -> ExitCode {
    ctl::main()
}
