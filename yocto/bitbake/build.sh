# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Read by all.sh. Builds this recipe through its package QA, with Debian's toolchain (build.conf says what that tries). It needs
#
#     RUST      the bin directory of a Rust of the series, 1.94.1, with aarch64-unknown-linux-gnu
#     SYSROOT   Debian's arm64 libraries: target/qemu/sysroot.tree, which `make image` unpacks

build_lacks() {
    local tool
    [ -x "${RUST:-}/rustc" ] || echo "RUST names no Rust: rustup toolchain install 1.94.1 -t aarch64-unknown-linux-gnu"
    [ -f "$sysroot/usr/lib/aarch64-linux-gnu/pkgconfig/gstreamer-webrtc-1.0.pc" ] || echo "SYSROOT has no GStreamer: $sysroot"
    for tool in aarch64-linux-gnu-gcc pseudo quilt pkg-config debugedit /usr/lib/rpm/rpmdeps; do
        command -v "$tool" > /dev/null || echo "there is no $tool (Debian: gcc-aarch64-linux-gnu pseudo libpseudo quilt pkgconf debugedit rpm)"
    done
}

# A layer with the one recipe that a setscene task asks for and ASSUME_PROVIDED cannot stand in for.
stand_in() {
    mkdir -p "$1/conf" "$1/recipes/pseudo"
    cat > "$1/conf/layer.conf" <<'LAYER'
BBPATH .= ":${LAYERDIR}"
BBFILES += "${LAYERDIR}/recipes/*/*.bb"
BBFILE_COLLECTIONS += "stand-in"
BBFILE_PATTERN_stand-in = "^${LAYERDIR}/"
LAYERSERIES_COMPAT_stand-in = "wrynose"
LAYER
    cat > "$1/recipes/pseudo/pseudo-native_1.0.bb" <<'RECIPE'
SUMMARY = "The system's own pseudo"
LICENSE = "MIT"
inherit native nopackages
INHIBIT_DEFAULT_DEPS = "1"
PROVIDES += "virtual/fakeroot-native"
do_install[noexec] = "1"
deltask do_fetch
deltask do_unpack
deltask do_patch
deltask do_configure
deltask do_compile
deltask do_populate_lic
RECIPE
    mkdir -p "$1/pseudo/usr/bin" "$1/pseudo/usr/lib/pseudo/lib64"
    ln -sf "$(command -v pseudo)" "$1/pseudo/usr/bin/pseudo"
    ln -sf "$(find /usr/lib -name libpseudo.so | head -n 1)" "$1/pseudo/usr/lib/pseudo/lib64/libpseudo.so"
}

# The packages, their size installed, and what is in them.
list_packages() {
    local package
    for package in "$1"/packages-split/*/; do
        [ -n "$(find "$package" -type f -o -type l)" ] || continue
        printf '%s %s\n' "$(basename "$package")" "$(find "$package" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }')"
        (cd "$package" && find . \( -type f -o -type l \) -printf '    %9s %P\n' | sort -k 2)
    done
}

sysroot=${SYSROOT:-$repository/target/qemu/sysroot.tree}
lacks=$(build_lacks)
if [ -n "$lacks" ]; then
    result build SKIPPED "$lacks"
else
    builddir build qemuarm64
    stand_in "$work/stand-in"
    sed -i "s,^BBLAYERS .*,&\n    $work/stand-in \\\\," "$work/build/conf/bblayers.conf"
    sed -e "s,@SYSROOT@,$sysroot,g" -e "s,@PSEUDO@,$work/stand-in/pseudo,g" "$here/build.conf" >> "$work/build/conf/local.conf"
    # rpmdeps is looked for in the recipe's native sysroot, of which nothing else is needed.
    build() {
        bitbake_in build bitbake shutterd -c configure &&
            native=$("$here/run.sh" "$checkouts" "$work/build" bitbake-getvar -q --value -r shutterd STAGING_DIR_NATIVE) &&
            mkdir -p "$native/usr/lib/rpm" && ln -sf /usr/lib/rpm/rpmdeps "$native/usr/lib/rpm/rpmdeps" &&
            bitbake_in build bitbake shutterd -c package_qa
    }
    if RUN_PATH=$RUST build && ! grep -qE '^(WARNING|ERROR)' "$work/build.log"; then
        split=$("$here/run.sh" "$checkouts" "$work/build" bitbake-getvar -q --value -r shutterd WORKDIR)
        list_packages "$split" > "$work/packages"
        result build ok "through do_package_qa; packages in $work/packages"
    else
        result build FAILED "see $work/build.log"
    fi
fi
