# SPDX-License-Identifier: MIT OR Apache-2.0
# H.264 of the boards that encode by the CPU. Built only where LICENSE_FLAGS_ACCEPTED has "commercial".
# nooelint: oelint.vars.noncoreoverride
PACKAGECONFIG:append = "${@bb.utils.contains('DISTRO_FEATURES', 'shutter', ' x264', '', d)}"
