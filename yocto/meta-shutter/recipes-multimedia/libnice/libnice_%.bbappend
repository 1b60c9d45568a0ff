# SPDX-License-Identifier: MIT OR Apache-2.0
# nicesrc and nicesink. Without them everything builds, and webrtcbin fails when it is started.
# nooelint: oelint.vars.noncoreoverride
PACKAGECONFIG:append = "${@bb.utils.contains('DISTRO_FEATURES', 'shutter', ' gstreamer', '', d)}"
