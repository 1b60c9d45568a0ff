# SPDX-License-Identifier: MIT OR Apache-2.0
# The release 0.1.0, from a git repository that has its tag.
#
# None is public yet: a product maker says where theirs is, and which commit the tag must be,
#
#     SHUTTERD_GIT = "git://git.example.com/shutterd.git;protocol=https"
#     SRCREV:pn-shutterd = "…"
#
# and until then this recipe stands back for shutterd_git.bb.
require shutterd.inc

SHUTTERD_GIT ??= ""
SRC_URI =+ "${SHUTTERD_GIT};nobranch=1;tag=v${PV}"

# nooelint: oelint.task.noanonpython
python () {
    if not d.getVar("SHUTTERD_GIT"):
        raise bb.parse.SkipRecipe("SHUTTERD_GIT does not say where the tag v%s is" % d.getVar("PV"))
}
