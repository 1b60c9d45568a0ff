#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Installs the Debian packages named as arguments, those that are missing. Root, or sudo.
set -euo pipefail

missing=()
for package in "$@"; do
    # nodejs and npm often come from elsewhere: what runs is there.
    case $package in nodejs) tool=node ;; npm) tool=npm ;; *) tool= ;; esac
    if [ -n "$tool" ] && command -v "$tool" >/dev/null; then continue; fi
    state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [ "$state" = "install ok installed" ] || missing+=("$package")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "${missing[@]}"
