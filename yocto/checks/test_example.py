# SPDX-License-Identifier: MIT OR Apache-2.0
"""The example of a product does what docs/yocto.md says: its hook has a driver rebound, its overlay compiles.

Its configuration and its board file are held by tests/product.rs, which has the service read them.
"""

import subprocess
import tempfile
import time
import tomllib
import unittest
from pathlib import Path

from recipe import EXAMPLE

CAMERA = EXAMPLE / "recipes-multimedia/headset-camera/files"
OVERLAY = EXAMPLE / "recipes-kernel/headset-devicetree/files/headset-privacy-led.dts"


class Hook(unittest.TestCase):
    def setUp(self):
        root = tempfile.TemporaryDirectory()
        self.addCleanup(root.cleanup)
        self.root = Path(root.name)
        self.driver = self.root / "drivers" / "imx"
        self.device = self.root / "devices" / "10-001a"
        for directory in (self.driver, self.device, self.root / "run"):
            directory.mkdir(parents=True)
        (self.device / "driver").symlink_to(self.driver)
        self.request = self.root / "run" / "rebind"
        self.environment = {"PATH": "/usr/bin:/bin", "HEADSET_RUN": str(self.root / "run")}

    def start(self, *command):
        return subprocess.Popen(command, env=self.environment, stderr=subprocess.DEVNULL)

    def test_it_asks_and_the_driver_is_rebound(self):
        hook = self.start(CAMERA / "rebind-camera")
        deadline = time.monotonic() + 5
        while not self.request.exists():
            self.assertLess(time.monotonic(), deadline, "the hook did not ask")
            time.sleep(0.01)
        # What headset-rebind.path would start now.
        self.assertEqual(self.start(CAMERA / "rebind-driver", self.device).wait(5), 0)
        self.assertEqual((self.driver / "unbind").read_text(), "10-001a\n")
        self.assertEqual((self.driver / "bind").read_text(), "10-001a\n")
        self.assertEqual(hook.wait(5), 0)

    def test_a_request_that_failed_is_gone_too(self):
        self.request.touch()
        (self.device / "driver").unlink()
        self.assertNotEqual(self.start(CAMERA / "rebind-driver", self.device).wait(5), 0)
        self.assertFalse(self.request.exists())

    def test_the_configuration_runs_the_hook_that_is_installed(self):
        configuration = (EXAMPLE / "recipes-multimedia/shutter-board/files/shutterd.toml").read_text()
        self.assertEqual(tomllib.loads(configuration)["camera"][0]["recover"], ["/usr/libexec/headset/rebind-camera"])
        unit = (CAMERA / "headset-rebind.service").read_text()
        self.assertIn("ExecStart=/usr/libexec/headset/rebind-driver ", unit)


class Overlay(unittest.TestCase):
    def test_it_compiles_and_gives_the_led_to_the_sensor(self):
        command = ["dtc", "-@", "-I", "dts", "-O", "dts", str(OVERLAY)]
        compiled = subprocess.run(command, check=True, capture_output=True, text=True)
        self.assertEqual(compiled.stderr, "")
        self.assertIn('led-names = "privacy";', compiled.stdout)


if __name__ == "__main__":
    unittest.main()
