# SPDX-License-Identifier: MIT OR Apache-2.0
# What webrtcbin is and needs; dtls is on already. Off without the feature, so that the layer alone changes nothing.
# nooelint: oelint.vars.noncoreoverride
PACKAGECONFIG:append = "${@bb.utils.contains('DISTRO_FEATURES', 'shutter', ' webrtc srtp sctp', '', d)}"
