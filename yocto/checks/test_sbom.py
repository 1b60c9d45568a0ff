# SPDX-License-Identifier: MIT OR Apache-2.0
"""The bill of materials is SPDX, by SPDX's own reader, and lists what ships."""

import json
import tempfile
import unittest
from pathlib import Path

from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

import crates
import sbom


class Sbom(unittest.TestCase):
    def test_it_is_spdx(self):
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory, "shutterd.spdx.json")
            file.write_text(json.dumps(sbom.document()))
            read = parse_file(str(file))
        self.assertEqual([message.validation_message for message in validate_full_spdx_document(read)], [])

    def test_it_has_what_ships_and_nothing_else(self):
        packages = {(package["name"], package["versionInfo"]): package for package in sbom.document()["packages"]}
        locked = {(name, version) for name, version, _ in crates.locked()}
        own = [package for package in packages if package not in locked]
        self.assertEqual([name for name, _ in own], ["shutterd"])
        for crate in set(packages) & locked:
            self.assertIn("checksums", packages[crate], crate)
        names = {name for name, _ in packages}
        # One of each kind: linked; of tests only; of the build only.
        self.assertIn("gst-plugin-rtp", names)
        self.assertNotIn("proptest", names)
        self.assertNotIn("system-deps", names)


if __name__ == "__main__":
    unittest.main()
