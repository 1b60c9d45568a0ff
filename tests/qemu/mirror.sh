#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Prints the URI of the Debian archive that this machine itself is set up to use.
# It exists so that no file of the project names a mirror: a machine behind a proxy or on a local mirror builds unchanged.
set -euo pipefail

# shellcheck disable=SC2016  # apt expands this, not the shell
uri=$(apt-get indextargets --format '$(REPO_URI)' \
    'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 2>/dev/null | sort -u | head -n 1)
if [ -z "$uri" ]; then
    echo "mirror.sh: apt knows no Debian archive; run 'apt-get update' on a Debian machine first" >&2
    exit 1
fi
printf '%s\n' "${uri%/}"
