# SPDX-License-Identifier: MIT OR Apache-2.0
# VP8 of the boards that encode by the CPU. v4l2 is on already.
# nooelint: oelint.vars.noncoreoverride
PACKAGECONFIG:append = "${@bb.utils.contains('DISTRO_FEATURES', 'shutter', ' vpx', '', d)}"
