# SPDX-License-Identifier: MIT OR Apache-2.0
SUMMARY = "The camera service of a headset"
DESCRIPTION = "The service, what it is to know of this machine, and the command line."

SECTION = "multimedia"

# What this machine's board file pulls in is the machine's.
PACKAGE_ARCH = "${MACHINE_ARCH}"

inherit features_check packagegroup

REQUIRED_DISTRO_FEATURES = "shutter systemd"

RDEPENDS:${PN} = "\
    shutter-board \
    shutterctl \
    shutterd \
"
