#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Unpacks what a module for the device's kernel is built with: the headers of exactly that kernel, and the build tools, which run here.
#
#     kernel-headers.sh DIRECTORY KERNEL-TREE SUITE
#
# The packages alone, without what they depend on: that would be an arm64 compiler. Exits with 3 when the archive has gone on to
# another kernel, so that no headers of this one can be had.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

tree=$(realpath -m "$1") kernel=$2 suite=$3
stamp="$tree.stamp"
release=$(basename "$kernel"/lib/modules/*)
version=$(dpkg-deb --field "$kernel.debs/linux-image-${release}_"*.deb Version)
series=$(cut -d. -f1,2 <<< "$release")
own=$(dpkg --print-architecture)
packages=("linux-headers-$release:arm64=$version" "linux-headers-${release%-arm64}-common=$version" "linux-kbuild-$series:$own=$version")
wanted=$(printf '%s\n' "${packages[@]}" | cat - "$0" | sha256sum)

if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi
echo "kernel-headers: unpacking the headers of $release into $tree" >&2
rm -rf "$tree" "$stamp"

# An apt of its own, so that this machine's architectures and sources stay as they are. The archive's signature is checked.
apt="$tree/apt"
mkdir -p "$apt"/{lists/partial,cache/archives/partial,debs}
: > "$apt/status"
printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg check-valid-until=no] %s %s main\n' \
    "$("$here/mirror.sh")" "$suite" > "$apt/sources.list"
cat > "$apt/apt.conf" <<EOF
APT::Architecture "arm64";
APT::Architectures { "arm64"; "$own"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
EOF
export APT_CONFIG="$apt/apt.conf"
apt-get -qq update
if [ -z "$(apt-cache show "linux-headers-$release:arm64=$version" 2>/dev/null)" ]; then
    echo "kernel-headers: the archive has no headers of $release $version" >&2
    exit 3
fi
(cd "$apt/debs" && apt-get -qq download "${packages[@]}")
for package in "$apt"/debs/*.deb; do dpkg-deb --extract "$package" "$tree"; done
rm -rf "$apt"

# The packages' Makefile names its other half where it would be installed.
sed -i "s| /usr/src/| $tree/usr/src/|" "$tree/usr/src/linux-headers-$release/Makefile"
printf '%s\n' "$wanted" > "$stamp"
