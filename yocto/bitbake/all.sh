#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# What can be checked where BitBake and the layers are at hand (`make yocto POKY=…`):
#
#     all.sh CHECKOUTS [STEP...]
#
# The steps are parse, graphs, build and check-layer; all of them, unless some are named. CHECKOUTS has bitbake,
# openembedded-core, meta-openembedded, and of the boards' layers those that there are, under the names that yocto/kas gives
# them. Build directories, logs and `results` are left in WORK, CHECKOUTS/shutterd unless it is set. Not in the tree: where a build
# is in the repository that it builds, BitBake takes all of it for the source.
# shellcheck disable=SC2317  # the steps call what is here
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
python="$repository/target/tools/yocto/bin/python"
checkouts=${1:-}
shift || true
steps=("$@")
[ "${#steps[@]}" -gt 0 ] || steps=(parse graphs build check-layer)

if [ -z "$checkouts" ]; then
    echo 'SKIPPED: POKY does not say where the checkouts of bitbake, openembedded-core and meta-openembedded are' >&2
    exit 0
fi

die() {
    echo "yocto: $1" >&2
    exit 1
}

for checkout in bitbake openembedded-core meta-openembedded; do
    [ -d "$checkouts/$checkout" ] || die "there is no $checkout in $checkouts; yocto/kas/base.yml says which revision it is to be"
done
[ "$(id -u)" -ne 0 ] || die 'BitBake refuses to be run by root: run this as another user, whose the tree and the checkouts are'
locale -a | grep -qix 'en_US.utf-\?8' || die 'BitBake needs the locale en_US.UTF-8: localedef -i en_US -f UTF-8 en_US.UTF-8'
missing=()
for tool in chrpath diffstat gawk makeinfo socat ping lz4c zstd; do
    PATH=$PATH:/usr/sbin:/sbin command -v "$tool" > /dev/null || missing+=("$tool")
done
[ "${#missing[@]}" -eq 0 ] || die "BitBake needs ${missing[*]} (Debian: chrpath diffstat gawk texinfo socat iputils-ping lz4 zstd)"

work=$(realpath -m "${WORK:-$checkouts/shutterd}")
case $work/ in "$repository"/*) die "WORK is in the tree: $work" ;; esac
mkdir -p "$work/downloads"
: > "$work/results"
failed=0

result() {
    printf '%-12s %-8s %s\n' "$1" "$2" "$3" | tee -a "$work/results"
    [ "$2" != FAILED ] || failed=1
}

# builddir NAME KAS-FILE FRAGMENT...: 2 where a checkout is missing.
builddir() {
    local name=$1 file=$2
    shift 2
    local fragments=("$here/offline.conf") fragment
    for fragment in "$@"; do fragments+=("$here/$fragment.conf"); done
    "$python" "$here/builddir.py" "$repository/yocto/kas/$file.yml" "$checkouts" "$work/$name" "${fragments[@]}"
}

bitbake_in() {
    local name=$1
    shift
    "$here/run.sh" "$checkouts" "$work/$name" "$@" > "$work/$name.log" 2>&1
}

for step in "${steps[@]}"; do
    case $step in
        parse | graphs | build | check-layer)
            # shellcheck source=/dev/null
            . "$here/$step.sh"
            ;;
        *) die "there is no step $step: parse, graphs, build, check-layer" ;;
    esac
done
exit "$failed"
