#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Plugs the QEMU device into this network and runs a command; for use under in-netns.sh:
#
#     plugged.sh COMMAND...
#
# The command, the device and a browser started by the command see each other: host side 10.77.0.1, device 10.77.0.2.
set -euo pipefail

tap=shutter0

if [ ! -w /dev/net/tun ]; then
    echo 'SKIPPED: the QEMU tests need /dev/net/tun; run them as root' >&2
    exit 77
fi
ip tuntap add dev "$tap" mode tap
# No router and no neighbour is out there: without this the kernel would greet them on the device's card.
echo 1 > "/proc/sys/net/ipv6/conf/$tap/disable_ipv6"
ip addr add 10.77.0.1/24 dev "$tap"
ip link set "$tap" up
# Chromium offers no address at all where there is no default route. Behind this one is the device, which forwards nothing.
ip route add default via 10.77.0.2 dev "$tap"
SHUTTERD_TEST_TAP=$tap exec "$@"
