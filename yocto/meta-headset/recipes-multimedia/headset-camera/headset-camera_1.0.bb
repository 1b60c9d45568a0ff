# SPDX-License-Identifier: MIT OR Apache-2.0
SUMMARY = "The headset's camera: board file and recover hook"
DESCRIPTION = "A pipeline for the headset's camera, and what rebinds its driver when the camera service asks for it."
SECTION = "multimedia"
CVE_PRODUCT = ""

LICENSE = "MIT"
# nooelint: oelint.var.licenseremotefile
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"

SRC_URI = "\
    file://headset-rebind.path \
    file://headset-rebind.service \
    file://headset.toml \
    file://rebind-camera \
    file://rebind-driver \
"

S = "${UNPACKDIR}"

inherit allarch features_check systemd

REQUIRED_DISTRO_FEATURES = "systemd"

do_install() {
    install -D -m 0644 -t ${D}${datadir}/shutterd/pipelines ${S}/headset.toml
    install -D -m 0755 -t ${D}${libexecdir}/headset ${S}/rebind-camera ${S}/rebind-driver
    install -D -m 0644 -t ${D}${systemd_system_unitdir} ${S}/headset-rebind.path ${S}/headset-rebind.service
}

# The name by which shutter-board asks for a board file.
PACKAGES = "shutterd-pipeline-headset headset-rebind"

SYSTEMD_PACKAGES = "headset-rebind"
SYSTEMD_SERVICE:headset-rebind = "headset-rebind.path"

FILES:shutterd-pipeline-headset += "${datadir}/shutterd/pipelines/headset.toml"
FILES:headset-rebind += "${libexecdir}/headset ${systemd_system_unitdir}/headset-rebind.service"

RDEPENDS:shutterd-pipeline-headset = "gstreamer1.0-plugins-good-video4linux2"
