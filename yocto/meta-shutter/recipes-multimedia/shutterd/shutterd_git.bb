# SPDX-License-Identifier: MIT OR Apache-2.0
# The tree in which this layer stands, as it is, committed or not.
require shutterd.inc

inherit externalsrc

PV = "0.1.0+git"
EXTERNALSRC = "${@os.path.realpath(d.getVar('THISDIR') + '/../../../..')}"
# It is somebody's work tree: nothing is left in it.
EXTERNALSRC_SYMLINKS = ""

# Where there is a release, that is what ships.
DEFAULT_PREFERENCE = "-1"
