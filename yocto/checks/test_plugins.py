# SPDX-License-Identifier: MIT OR Apache-2.0
"""The plugin packages of the recipe are those whose elements the worker and the board files need, no more and no fewer."""

import re
import tomllib
import unittest

from recipe import REPOSITORY, SHUTTERD, Recipe

CORE = "gstreamer1.0"
BASE, GOOD, BAD, UGLY = (f"gstreamer1.0-plugins-{name}-" for name in ("base", "good", "bad", "ugly"))

# A package of a plugin is named after its file: libgstrtpmanager.so is in -rtpmanager. In libnice there is no such package.
PACKAGES = {
    "appsink": {BASE + "app"},
    "appsrc": {BASE + "app"},
    "capsfilter": {CORE},
    "clockoverlay": {BASE + "pango"},
    # It looks at what it gets, also where the caps say it.
    "decodebin": {BASE + "playback", BASE + "typefindfunctions"},
    "dtlssrtpenc": {BAD + "dtls"},
    "h264parse": {BAD + "videoparsersbad"},
    "h265parse": {BAD + "videoparsersbad"},
    "identity": {CORE},
    "jpegdec": {GOOD + "jpeg"},
    "jpegparse": {BAD + "jpegformat"},
    "nicesink": {"libnice"},
    "nicesrc": {"libnice"},
    # Statically in the worker (gst-plugin-rtp).
    "rtpgccbwe": set(),
    "rtph264pay": {GOOD + "rtp"},
    "rtph265pay": {GOOD + "rtp"},
    "rtpvp8pay": {GOOD + "rtp"},
    "sctpenc": {BAD + "sctp"},
    "srtpenc": {BAD + "srtp"},
    "timeoverlay": {BASE + "pango"},
    "v4l2h264enc": {GOOD + "video4linux2"},
    "v4l2h265enc": {GOOD + "video4linux2"},
    "v4l2src": {GOOD + "video4linux2"},
    "videoconvert": {BASE + "videoconvertscale"},
    "videoscale": {BASE + "videoconvertscale"},
    "videotestsrc": {BASE + "videotestsrc"},
    "vp8enc": {GOOD + "vpx"},
    # Its parts: the RTP session, and the transports that the worker asks for by name.
    "webrtcbin": {BAD + "webrtc", GOOD + "rtpmanager"},
    "x264enc": {UGLY + "x264"},
}
# From layers that this one does not know, or off in their own: the image of a product names them.
PACKAGES |= dict.fromkeys(
    ("mpph264enc", "mpph265enc", "nvv4l2h264enc", "nvv4l2h265enc", "nvvidconv", "qtic2venc", "vah264enc", "vah265enc", "vapostproc",
     "vpuenc_h264", "vpuenc_hevc"), set()
)
ENCODERS = {"vp8": GOOD + "vpx", "x264": UGLY + "x264"}


def elements_of_the_worker():
    """Those that src/media makes by name outside its tests, or looks for before it starts."""
    found = set()
    for path in sorted((REPOSITORY / "src/media").rglob("*.rs")):
        text = path.read_text().split("#[cfg(test)]")[0]
        found |= set(re.findall(r'elements::make\("([a-z0-9]+)"\)', text))
        for names in re.findall(r"for element in \[([^\]]*)\]", text):
            found |= set(re.findall(r'"([a-z0-9]+)"', names))
    return found


def packages(elements):
    unknown = set(elements) - set(PACKAGES)
    assert not unknown, f"which package has {unknown}?"
    return set().union(*(PACKAGES[element] for element in elements))


class Plugins(unittest.TestCase):
    def setUp(self):
        self.recipe = Recipe(SHUTTERD / "shutterd_git.bb")

    def depends(self, package):
        words = self.recipe.words("RDEPENDS:${PN}" + package)
        return {word for word in words if not word.startswith("${")}, "${SOFTWARE_ENCODERS}" in words

    def test_the_worker_has_its_elements(self):
        elements = elements_of_the_worker()
        self.assertLessEqual({"webrtcbin", "nicesrc", "rtph264pay", "appsink"}, elements)
        self.assertEqual(self.depends("")[0], packages(elements) | {CORE})

    def test_each_board_file_has_its_elements(self):
        worker = self.depends("")[0]
        boards = sorted((REPOSITORY / "pipelines").glob("*.toml"))
        self.assertGreater(len(boards), 2)
        for board in boards:
            with self.subTest(board=board.stem):
                needed = packages(tomllib.loads(board.read_text())["needs"]) - worker
                named, software = self.depends(f"-pipeline-{board.stem}")
                if software:
                    named |= set(ENCODERS.values())
                self.assertEqual(named, needed)

    def test_packageconfig_switches_the_encoders(self):
        encoders = self.recipe.value("SOFTWARE_ENCODERS")
        for option, package in ENCODERS.items():
            self.assertIn(f"bb.utils.contains('PACKAGECONFIG', '{option}', '{package}', '', d)", encoders)
            self.assertIn(("PACKAGECONFIG", option), self.recipe.flags)


if __name__ == "__main__":
    unittest.main()
