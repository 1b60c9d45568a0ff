# SPDX-License-Identifier: MIT OR Apache-2.0
SUMMARY = "The headset's privacy LED, given to its camera"
DESCRIPTION = "An overlay by which the kernel itself switches the LED with the sensor's stream, and refuses it to everybody else."
CVE_PRODUCT = ""

LICENSE = "MIT"
# nooelint: oelint.var.licenseremotefile
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"

SRC_URI = "file://headset-privacy-led.dts"

inherit devicetree

COMPATIBLE_MACHINE = "^raspberrypi4-64$"
# Numbers in place of the kernel's names: no kernel tree is needed.
KERNEL_INCLUDE = ""
