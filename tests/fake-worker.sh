#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# The program of the unit tests that start this, as a worker: its socket is the standard input.
exec "/proc/$PPID/exe" --exact session::camera::fake::worker --ignored --nocapture
