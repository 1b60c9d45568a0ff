#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Runs a command in a network of its own, which has a loopback and nothing else:
#
#     in-netns.sh COMMAND...
#
# No test can reach a network from there, and two test runs at once cannot meet. The namespaces are unnamed ones, so the kernel
# takes the network and every process in it away when the command has ended, however it ended.
set -euo pipefail

if [ "${1:-}" = --inside ]; then
    shift
    ip link set lo up
    # Not exec: this shell is process 1 of the namespace and collects what the command leaves behind.
    "$@"
    exit
fi

if [ $# -eq 0 ]; then
    echo 'usage: in-netns.sh COMMAND...' >&2
    exit 64
fi
own_user=()
if [ "$(id -u)" -ne 0 ]; then
    # A user namespace may do the same where the system lets users make them.
    own_user=(--user --map-root-user)
fi
if ! unshare "${own_user[@]}" --net --pid --fork --mount-proc true 2>/dev/null; then
    echo 'SKIPPED: these tests need a network namespace; run them as root' >&2
    exit 77
fi

# unshare itself ignores SIGINT and SIGTERM while its child runs, so this shell stays and ends it by SIGKILL, which the kernel
# passes on to everything inside. Should this shell be killed outright, the parent-death signal does the same.
setpriv --pdeathsig KILL \
    unshare "${own_user[@]}" --net --pid --fork --kill-child=SIGKILL --mount-proc "$0" --inside "$@" <&0 &
inside=$!
trap 'kill -KILL "$inside"; exit 143' TERM HUP
trap 'kill -KILL "$inside"; exit 130' INT
wait "$inside"
