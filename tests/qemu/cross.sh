#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Builds the product for the device, into target/cross/aarch64-unknown-linux-gnu/release, and beside it, into `faults`, a build in
# which tests can plant faults:
#
#     cross.sh [CARGO-BUILD-ARGUMENT...]
#
# `cross.sh whep-peer` builds the peer of `make bench` for it instead, `cross.sh shutter-lab` the lab (tests/lab).
#
# Against bookworm's GStreamer 1.22, the oldest that is supported; the device runs a newer one with the same ABI.
# The compiler is the toolchain in use with the target's standard library added by rustup. Where rustup is not there or
# cannot reach its server, it is Debian's rustc, which needs nothing but the package archive. SHUTTERD_CROSS_RUSTC=debian asks for that.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
target=aarch64-unknown-linux-gnu
sysroot="$repository/target/qemu/sysroot.tree"
sysroot_packages=(libc6-dev libgcc-12-dev libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstreamer-plugins-bad1.0-dev)

"$here/packages.sh"
mkdir -p "$repository/target/qemu"
"$here/debian-tree.sh" "$sysroot" bookworm "${sysroot_packages[@]}"

add_target() {
    [ "${SHUTTERD_CROSS_RUSTC:-rustup}" = rustup ] && command -v rustup >/dev/null || return 1
    # Asking what is installed needs no network; adding does.
    (cd "$repository" && { rustup target list --installed | grep -qx "$target" || rustup target add "$target"; })
}

use_debian_rustc() {
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    if ! dpkg-query -W -f '${Status}' libstd-rust-web-dev:arm64 2>/dev/null | grep -q '^install ok installed$'; then
        "${as_root[@]}" dpkg --add-architecture arm64
        "${as_root[@]}" apt-get update
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
            rustc-web libstd-rust-web-dev:arm64
    fi
    export RUSTC=/usr/bin/rustc
}

if ! add_target; then
    echo "cross: no rustup target $target; using Debian's rustc" >&2
    use_debian_rustc
fi

# Its own target directory: cargo locks one for the length of a build, and a native build may be running.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$repository/target/cross}
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS="-C link-arg=--sysroot=$sysroot"
export PKG_CONFIG_ALLOW_CROSS=1
export PKG_CONFIG_SYSROOT_DIR=$sysroot
export PKG_CONFIG_LIBDIR="$sysroot/usr/lib/aarch64-linux-gnu/pkgconfig:$sysroot/usr/share/pkgconfig"
cd "$repository"
if [ "${1:-}" = whep-peer ]; then
    exec cargo build --locked --release --target "$target" --manifest-path bench/Cargo.toml --bin whep-peer
fi
if [ "${1:-}" = shutter-lab ]; then
    lab=$(cargo test --locked --release --target "$target" --test lab --no-run --message-format=json-render-diagnostics |
        sed -n 's/.*"executable":"\([^"]*\/lab-[^"]*\)".*/\1/p')
    exec cp "$lab" "$CARGO_TARGET_DIR/$target/release/shutter-lab"
fi
# The shipped build last: cargo's own directory is never left with the other one's binaries. What they depend on is built once.
built="$CARGO_TARGET_DIR/$target"
cargo build --release --target "$target" --features faults "$@"
mkdir -p "$built/faults"
cp "$built/release/"{shutterd,shutterctl,shutter-media} "$built/faults/"
exec cargo build --release --target "$target" "$@"
