# SPDX-License-Identifier: MIT OR Apache-2.0
"""The kas files, against kas's own schema, and what a build needs: a machine, and each layer at a revision."""

import importlib.resources
import json
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import jsonschema
import yaml

from recipe import LAYER, REPOSITORY, Recipe

KAS = sorted((REPOSITORY / "yocto/kas").glob("*.yml"))
SCHEMA = json.loads(importlib.resources.files("kas").joinpath("schema-kas.json").read_text())
# Each layer of LAYERDEPENDS, where it is.
LAYERS = {
    "core": ("openembedded-core", "meta"),
    "multimedia-layer": ("meta-openembedded", "meta-multimedia"),
    "openembedded-layer": ("meta-openembedded", "meta-oe"),
}


def load(path):
    return yaml.safe_load(path.read_text())


def with_includes(path):
    """The repositories of a file and of those that it includes."""
    found = {}
    for include in load(path)["header"].get("includes", []):
        found |= with_includes(REPOSITORY / include)
    return found | load(path).get("repos", {})


class Kas(unittest.TestCase):
    def test_kas_knows_every_key(self):
        self.assertGreater(len(KAS), 4)
        for path in KAS:
            with self.subTest(path=path.name):
                jsonschema.validate(load(path), SCHEMA)

    def test_boards_have_a_machine_and_revisions(self):
        boards = [path for path in KAS if "machine" in load(path)]
        self.assertGreaterEqual(len(boards), 4)
        for path in boards:
            with self.subTest(path=path.name):
                repositories = with_includes(path)
                ours = [name for name, repository in repositories.items() if "url" not in repository]
                self.assertEqual(ours, ["shutterd"])
                for name in set(repositories) - set(ours):
                    self.assertRegex(repositories[name].get("commit", ""), re.compile("^[0-9a-f]{40}$"), name)
                    self.assertIn("branch", repositories[name], name)

    def test_the_layer_s_dependencies_are_there(self):
        base = with_includes(REPOSITORY / "yocto/kas/base.yml")
        layer = Recipe(LAYER / "conf/layer.conf")
        for dependency in layer.words("LAYERDEPENDS_shutter"):
            repository, directory = LAYERS[dependency]
            self.assertIn(directory, base[repository]["layers"])
        self.assertIn(base["openembedded-core"]["branch"], layer.words("LAYERSERIES_COMPAT_shutter"))

    def test_make_yocto_makes_the_same_build_directory(self):
        with tempfile.TemporaryDirectory() as root:
            for name in ("bitbake", "openembedded-core", "meta-openembedded", "meta-raspberrypi"):
                Path(root, name).mkdir()
            builddir = REPOSITORY / "yocto/bitbake/builddir.py"
            command = [sys.executable, str(builddir), str(REPOSITORY / "yocto/kas/headset.yml"), root, f"{root}/build"]
            subprocess.run(command, check=True, capture_output=True)
            layers = Path(root, "build/conf/bblayers.conf").read_text()
            local = Path(root, "build/conf/local.conf").read_text()
        # Of a file that includes one that includes another.
        for layer in ("openembedded-core/meta", "meta-raspberrypi", "yocto/meta-shutter", "yocto/meta-headset"):
            self.assertRegex(layers, rf"/{layer} \\\n")
        self.assertNotIn("/bitbake", layers)
        self.assertIn('MACHINE = "raspberrypi4-64"', local)
        self.assertIn('DISTRO_FEATURES:append = " shutter"', local)

    def test_the_layer_is_where_kas_looks(self):
        for path in KAS:
            for layer in load(path).get("repos", {}).get("shutterd", {}).get("layers", {}):
                self.assertTrue((REPOSITORY / layer / "conf/layer.conf").is_file(), f"{path.name}: {layer}")


if __name__ == "__main__":
    unittest.main()
