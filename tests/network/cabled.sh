#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Lays a cable from this network, which becomes the device's, to a viewer's, and runs a command; for use under in-netns.sh:
#
#     cabled.sh COMMAND...
#
# Here is 10.78.0.1 on the interface `device`, at the other end 10.78.0.2 on `viewer`. VIEWER_NETNS is that network, for nsenter.
# Names are asked for on 127.0.0.1 at either end, where nobody answers unless the command does.
set -euo pipefail

names=$(mktemp)
echo 'nameserver 127.0.0.1' > "$names"
mount --bind "$names" /etc/resolv.conf
rm "$names"

at_viewer() { nsenter --net="$VIEWER_NETNS" "$@"; }

# Says that it is there, and then holds its network until this one ends.
coproc viewer { exec unshare --net sh -c 'echo; exec cat'; }
read -r -u "${viewer[0]}"
# shellcheck disable=SC2154 # coproc assigns it
export VIEWER_NETNS=/proc/$viewer_PID/ns/net
ip link add device type veth peer name viewer netns "$viewer_PID"
ip addr add 10.78.0.1/24 dev device
ip link set device up
at_viewer ip addr add 10.78.0.2/24 dev viewer
at_viewer ip link set lo up
at_viewer ip link set viewer up
# Chromium offers no address at all where there is no default route. Behind this one is the device, which forwards nothing.
at_viewer ip route add default via 10.78.0.1
"$@"
