#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Unpacks arm64 Debian packages with their dependencies into a directory:
#
#     debian-tree.sh DIRECTORY SUITE PACKAGE...
#
# The kernel, the device's user space and the cross sysroot all come from here. No maintainer script runs (the host cannot run
# arm64 ones without binfmt_misc); what the scripts would have done, root-disk.sh does. The packages are kept beside the tree, so
# adding one to a list downloads that one only.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

tree=$1 suite=$2
shift 2
packages=$(IFS=,; echo "$*")
stamp="$tree.stamp"
wanted=$(printf '%s\n' "$suite" "$packages" | cat - "$0" | sha256sum)

if [ -d "$tree" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi
echo "debian-tree: unpacking $suite packages into $tree" >&2
rm -rf "$tree" "$stamp"
debs="$tree.debs"
mkdir -p "$debs"

# The Release file of a testing suite can be past its date on a frozen or slow mirror; the signature is still checked.
mmdebstrap --quiet --variant=extract --architectures=arm64 --include="$packages" \
    --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='APT::Install-Recommends "false"' \
    --skip=download/empty \
    --setup-hook="mkdir -p \"\$1/var/cache/apt/archives\"" \
    --setup-hook="find '$debs' -name '*.deb' -exec cp -t \"\$1/var/cache/apt/archives/\" {} +" \
    --extract-hook="find '$debs' -name '*.deb' -delete" \
    --extract-hook="cp \"\$1\"/var/cache/apt/archives/*.deb '$debs/'" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    "$suite" "$tree" "deb [check-valid-until=no] $("$here/mirror.sh") $suite main"
printf '%s\n' "$wanted" > "$stamp"
