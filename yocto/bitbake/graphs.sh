# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Read by all.sh. For each machine every task that its image takes is resolved, with nothing missing and nothing provided twice.
# What it cannot find: the name of a plugin's package (tests hold those), and that a task fails.

for file in "$repository"/yocto/kas/*.yml; do
    board=$(basename "$file" .yml)
    [ "$board" != base ] || continue
    if ! said=$(builddir "graph-$board" "$board" masked 2>&1); then
        result "graph" SKIPPED "$board: $said"
        continue
    fi
    if bitbake_in "graph-$board" bitbake -g shutter-image && ! grep -q '^ERROR' "$work/graph-$board.log"; then
        recipes=$(wc -l < "$work/graph-$board/pn-buildlist")
        # A line of its own for each task.
        tasks=$(grep -c ' \[label=' "$work/graph-$board/task-depends.dot")
        warnings=$(grep -c '^WARNING' "$work/graph-$board.log" || true)
        result graph ok "$board: $recipes recipes, $tasks tasks, $warnings warnings${said:+; $said}"
    else
        result graph FAILED "$board: see $work/graph-$board.log"
    fi
done
