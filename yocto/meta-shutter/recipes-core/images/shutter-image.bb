# SPDX-License-Identifier: MIT OR Apache-2.0
SUMMARY = "A headset that shows its camera"
DESCRIPTION = "The board's base system with the camera service: for trying it on a board, and to begin a product's image from."
SECTION = "multimedia"
LICENSE = "MIT"

inherit core-image features_check

REQUIRED_DISTRO_FEATURES = "shutter systemd"

IMAGE_INSTALL += "packagegroup-shutter"
