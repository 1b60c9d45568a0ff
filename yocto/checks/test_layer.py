# SPDX-License-Identifier: MIT OR Apache-2.0
"""What `yocto-check-layer` looks for in a layer's documents; its other checks need BitBake (`make yocto`)."""

import re
import unittest

from recipe import LAYER, files


class Documents(unittest.TestCase):
    def test_the_readme_says_who_keeps_it(self):
        readme = (LAYER / "README.md").read_text()
        # Another README's mention would have the check skip the rest.
        self.assertEqual(re.findall("readme", readme, re.IGNORECASE), [])
        for word in ("maintainer", "patch"):
            self.assertIn(word, readme.lower())
        self.assertRegex(readme, r"[^@\s]+@[^@\s]+")

    def test_there_is_a_way_to_report_a_vulnerability(self):
        self.assertIn("report", (LAYER / "SECURITY.md").read_text().lower())

    def test_appends_to_other_layers_do_nothing_by_themselves(self):
        appends = [path for path in files(".bbappend") if path.is_relative_to(LAYER)]
        self.assertGreaterEqual(len(appends), 4)
        gate = re.compile(
            r"""PACKAGECONFIG:append = "\$\{@bb\.utils\.contains\('DISTRO_FEATURES', 'shutter', '( [a-z0-9]+)+', '', d\)\}"$"""
        )
        for path in appends:
            for line in path.read_text().splitlines():
                if not line.startswith("#"):
                    self.assertRegex(line, gate, path.name)


if __name__ == "__main__":
    unittest.main()
