#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Runs a command of this checkout with the GStreamer of the emulated device, on this machine's own processor:
#
#     newer.sh COMMAND...
#
# The same suite of Debian, unpacked once into target/lab for this architecture, is the command's root.
# What was built here runs there: the C library and GStreamer keep their ABI. A session takes a thirtieth of its time on the
# emulated processor, so an experiment can have a thousand.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
tree="$repository/target/lab/newer.tree"
packages=(
    gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-nice
    gstreamer1.0-x fonts-dejavu-core
)

if [ "$(id -u)" -ne 0 ]; then
    echo 'newer.sh: run as root: it makes a root of its own' >&2
    exit 1
fi

if [ "${1:-}" = --inside ]; then
    shift
    mount --rbind /proc "$tree/proc"
    mount --rbind /sys "$tree/sys"
    mount --rbind /dev "$tree/dev"
    # At the same path, so that a program finds what was built beside it.
    mkdir -p "$tree$repository"
    mount --rbind "$repository" "$tree$repository"
    exec chroot "$tree" env --chdir="$repository" GST_REGISTRY=/var/cache/gstreamer.bin "$@"
fi

wanted=$(sha256sum < "$0")
if [ "$(cat "$tree.stamp" 2>/dev/null)" != "$wanted" ]; then
    "$repository/packages.sh" mmdebstrap
    echo "newer: unpacking forky into $tree" >&2
    rm -rf "$tree" "$tree.stamp"
    mkdir -p "${tree%/*}"
    include=$(IFS=,; echo "${packages[*]}")
    mmdebstrap --quiet --variant=minbase --include="$include" \
        --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='APT::Install-Recommends "false"' \
        forky "$tree" "deb [check-valid-until=no] $("$here/../qemu/mirror.sh") forky main"
    printf '%s\n' "$wanted" > "$tree.stamp"
fi
exec unshare --mount "$0" --inside "$@"
