#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Chromium, in the viewer's network.
exec nsenter --net="$VIEWER_NETNS" /usr/bin/chromium "$@"
