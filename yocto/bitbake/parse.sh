# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Read by all.sh. Every recipe of the layers, ours among them, is parsed, and nothing is said of it: no warning, no error.

builddir parse headset
if bitbake_in parse bitbake -p && ! grep -qE '^(WARNING|ERROR)' "$work/parse.log"; then
    result parse ok "$(sed -n 's/^Parsing of //p' "$work/parse.log")"
else
    result parse FAILED "see $work/parse.log"
fi
