#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Runs a command in a network of its own that the QEMU device is plugged into:
#
#     in-netns.sh COMMAND...
#
# The command, the device and a browser started by the command see each other (host side 10.77.0.1, device 10.77.0.2) and nothing
# else: no test can reach a network, and two test runs at once cannot meet. The namespaces are unnamed ones, so the kernel takes
# network, tap device and every process in them away when the command has ended, however it ended.
set -euo pipefail

tap=shutter0

if [ "${1:-}" = --inside ]; then
    shift
    ip link set lo up
    ip tuntap add dev "$tap" mode tap
    # No router and no neighbour is out there: without this the kernel would greet them on the device's card.
    echo 1 > "/proc/sys/net/ipv6/conf/$tap/disable_ipv6"
    ip addr add 10.77.0.1/24 dev "$tap"
    ip link set "$tap" up
    # Chromium offers no address at all where there is no default route. Behind this one is the device, which forwards nothing.
    ip route add default via 10.77.0.2 dev "$tap"
    # Not exec: this shell is process 1 of the namespace and collects what the command leaves behind.
    SHUTTERD_TEST_TAP=$tap "$@"
    exit
fi

if [ $# -eq 0 ]; then
    echo 'usage: in-netns.sh COMMAND...' >&2
    exit 64
fi
own_user=()
if [ "$(id -u)" -ne 0 ]; then
    # A user namespace may do the same where the system lets users make them and open the tap driver.
    own_user=(--user --map-root-user)
fi
if [ ! -w /dev/net/tun ] || ! unshare "${own_user[@]}" --net --pid --fork --mount-proc true 2>/dev/null; then
    echo 'SKIPPED: the QEMU tests need a network namespace and /dev/net/tun; run them as root' >&2
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
