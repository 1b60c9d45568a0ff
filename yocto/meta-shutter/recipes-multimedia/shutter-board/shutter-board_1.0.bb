# SPDX-License-Identifier: MIT OR Apache-2.0
SUMMARY = "What the camera service is to know of this machine"
DESCRIPTION = "Its configuration, and the board file that this names. A recipe of its own, so that a board or a product changes \
               it without building the service anew."
SECTION = "multimedia"
CVE_PRODUCT = ""

LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://LICENSE-MIT;md5=ec24b44df577f2cb07c95c5b114426a4"

# Both are the tree's own. A product's configuration goes before: FILESEXTRAPATHS:prepend := "${THISDIR}/files:"
# nooelint: oelint.vars.fileextrapaths,oelint.vars.outofcontext
FILESEXTRAPATHS:append := ":${THISDIR}/../../../../data:${THISDIR}/../../../.."
SRC_URI = "file://LICENSE-MIT file://shutterd.toml"

S = "${UNPACKDIR}"

inherit features_check

REQUIRED_DISTRO_FEATURES = "shutter systemd"

# The board file: one of the service's, or whatever recipe has a package of that name.
SHUTTER_BOARD ??= "v4l2-software"
SHUTTER_BOARD:raspberrypi4-64 ??= "raspberry-pi-cm4"

do_install() {
    configuration=${D}${sysconfdir}/shutterd/shutterd.toml
    install -D -m 0644 ${S}/shutterd.toml $configuration
    # In the configuration that ships; one of a product's own names its boards itself.
    sed -i 's/^board = "v4l2-software"$/board = "${SHUTTER_BOARD}"/' $configuration
    # The test picture has no device, and the service refuses one for it.
    if [ "${SHUTTER_BOARD}" = demo ]; then
        sed -i '/^device = /d' $configuration
    fi
}

PACKAGE_ARCH = "${MACHINE_ARCH}"

CONFFILES:${PN} = "${sysconfdir}/shutterd/shutterd.toml"
RDEPENDS:${PN} = "shutterd-pipeline-${SHUTTER_BOARD}"
