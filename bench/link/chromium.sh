#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Chromium at the far end of the path: in the network namespace that VIEWERS_NETWORK names.
exec nsenter --net="$VIEWERS_NETWORK" "${CHROMIUM:-/usr/bin/chromium}" "$@"
