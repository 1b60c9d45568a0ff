# SPDX-License-Identifier: MIT OR Apache-2.0
# The product's configuration, in place of the one that ships.
FILESEXTRAPATHS:prepend := "${THISDIR}/files:"

# Its board file, of headset-camera.
SHUTTER_BOARD = "headset"

RDEPENDS:${PN} += "headset-devicetree headset-rebind"
