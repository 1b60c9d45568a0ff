#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Runs a command in a build directory with BitBake's environment, and nothing else of the caller's:
#
#     run.sh CHECKOUTS DIRECTORY COMMAND...
set -euo pipefail

checkouts=$(realpath "$1") directory=$(realpath "$2")
shift 2
cd "$directory"
# shellcheck disable=SC2016  # the inner shell expands
# A path of the system's own: toolchains of the caller's home are none of a recipe's.
exec env -i HOME="$HOME" USER="${USER:-$(id -un)}" LANG=en_US.UTF-8 LC_ALL=en_US.UTF-8 \
    PATH="${RUN_PATH:+$RUN_PATH:}/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin" BITBAKEDIR="$checkouts/bitbake" CHECKOUTS="$checkouts" \
    bash -c 'd=$PWD; set +u; cd "$CHECKOUTS/openembedded-core"; . ./oe-init-build-env "$d" > /dev/null; exec "$@"' run "$@"
