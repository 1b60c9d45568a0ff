#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# What failed in a run whose output is the file LOG, in brief: a run prints ten thousand lines, and a red one is read from its end.
set -euo pipefail
awk '
  function show(lines) { if (left <= 0) print "--"; left = lines }
  # A test of cargo says why it failed where it stopped; one of Node.js in the block below its name.
  /^thread .* panicked at / { show(15) }
  /^ *not ok / && !/# (SKIP|TODO)/ { show(40) }
  /^error(\[E[0-9]+\])?: / { show(8) }
  / \.\.\. FAILED$/ || /^make(\[[0-9]+\])?: \*\*\*/ { show(1) }
  left-- > 0 { print substr($0, 1, 1000) }
' "${1:?LOG}"
