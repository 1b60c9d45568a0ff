# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Read by all.sh. yocto-check-layer twice: without the layer's feature, where it must not change one signature of another
# layer's, and with it, where our recipes are part of the world. The world is what the layer can have to do with; the whole one
# takes more than an hour on two cores.

without_the_layer() {
    # It adds the layer and its dependencies itself.
    sed -i -e '\,/yocto/meta-,d' -e '\,/meta-openembedded/,d' "$work/$1/conf/bblayers.conf"
}

check_layer() {
    local name=$1
    shift
    without_the_layer "$name"
    if bitbake_in "$name" "$checkouts/openembedded-core/scripts/yocto-check-layer" --no-auto --no-auto-dependency \
        --dependency "$checkouts"/meta-openembedded/{meta-oe,meta-python,meta-multimedia} "$@" -- "$repository/yocto/meta-shutter"; then
        passed=$(grep -c ' \.\.\. ok$' "$work/$name.log" || true)
        skipped=$(grep -c '^INFO:  \.\.\. skipped' "$work/$name.log" || true)
        result check-layer ok "$name: $passed tests passed, $skipped skipped"
    else
        result check-layer FAILED "$name: see $work/$name.log"
    fi
}

builddir check-layer-off qemuarm64 masked world feature-off
check_layer check-layer-off
# With the feature our appends do what they are for, which is to change other recipes.
builddir check-layer-on qemuarm64 masked world
check_layer check-layer-on --without-software-layer-signature-check
