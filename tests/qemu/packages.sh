#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Installs what the QEMU device needs on the host, so that `make image` and `make test-qemu` run on a fresh Debian 12.
# With everything present it only asks dpkg and returns.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

# The machine emulator and the user-mode emulator (which prepares the plugin registry) come from backports: bookworm's own 7.2
# conflicts with a newer qemu-utils, and both emulators must be the same version.
emulators=(qemu-system-arm qemu-user-static)
tools=(
    mmdebstrap debian-archive-keyring   # unpacks the arm64 packages, with their signatures checked
    e2fsprogs cpio kmod binutils        # disks, initrd, module dependencies, readelf
    device-tree-compiler                # the device tree with an LED
    gcc-aarch64-linux-gnu libc6-dev-arm64-cross pkg-config ca-certificates make
    iproute2 util-linux                 # the namespace of the tests
    chromium                            # the viewer
)

missing() {
    local package
    for package in "$@"; do
        # The status words are "want flag state": only a package that is fully there counts.
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || printf '%s\n' "$package"
    done
}

mapfile -t missing_emulators < <(missing "${emulators[@]}")
mapfile -t missing_tools < <(missing "${tools[@]}")
if [ "${#missing_emulators[@]}" -eq 0 ] && [ "${#missing_tools[@]}" -eq 0 ]; then
    exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo)
fi
install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends)

"${as_root[@]}" apt-get update
if [ "${#missing_tools[@]}" -gt 0 ]; then
    "${install[@]}" "${missing_tools[@]}"
fi
if [ "${#missing_emulators[@]}" -gt 0 ]; then
    # shellcheck source=/dev/null
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    release=()
    if [ "$codename" = bookworm ]; then
        release=(-t bookworm-backports)
        # shellcheck disable=SC2016  # apt expands this, not the shell
        if ! apt-get indextargets --format '$(SUITE) $(CODENAME)' 'Created-By: Packages' | grep -q bookworm-backports; then
            printf '%s\n' 'Types: deb' "URIs: $("$here/mirror.sh")" 'Suites: bookworm-backports' 'Components: main' \
                'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg' |
                "${as_root[@]}" tee /etc/apt/sources.list.d/bookworm-backports.sources >/dev/null
            "${as_root[@]}" apt-get update
        fi
    fi
    "${install[@]}" "${release[@]}" "${missing_emulators[@]}"
fi
