# SPDX-License-Identifier: MIT OR Apache-2.0
"""The recipes against the tree: every file that they name is there, and every file that is installed has a package."""

import hashlib
import re
import subprocess
import tempfile
import tomllib
import unittest
from fnmatch import fnmatch
from pathlib import Path

import crates
from recipe import EXAMPLE, LAYER, REPOSITORY, SHUTTERD, Recipe, files

# FILES:${PN} as bitbake.conf begins it, as far as this tree installs anything.
DEFAULT_FILES = ["/usr/bin/*", "/usr/libexec/*", "/etc", "/usr/lib/udev", "/usr/share/shutterd"]
# What the class systemd adds: the unit of SYSTEMD_SERVICE, and what its Also= names.
BY_CLASS = ["/usr/lib/systemd/system/shutterd.service", "/usr/lib/systemd/system/shutterd.socket"]
# OE-Core's own text of the MIT licence.
COMMON_MIT = "0835ade698e0bcf8506ecda2f7b4f302"
# The packages of OE-Core that make the groups which the unit names.
GROUPS = {"video": "base-passwd", "audio": "base-passwd", "render": "udev"}


def md5(path):
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def image():
    """What `make install` installs, with empty files for the programs."""
    with tempfile.TemporaryDirectory() as root:
        programs = Path(root, "programs")
        programs.mkdir()
        for program in ("shutterd", "shutterctl", "shutter-media"):
            (programs / program).touch()
        command = ["make", "--silent", "install", f"DESTDIR={root}/image", f"PROGRAMS={programs}"]
        subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
        top = Path(root, "image")
        return sorted("/" + str(path.relative_to(top)) for path in top.rglob("*") if path.is_file())


def holds(pattern, path):
    return fnmatch(path, pattern) or path.startswith(pattern.rstrip("/") + "/")


class Recipes(unittest.TestCase):
    def setUp(self):
        self.tree = Recipe(SHUTTERD / "shutterd_git.bb")
        self.release = next(SHUTTERD.glob("shutterd_[0-9]*.bb"))

    def test_every_file_is_read(self):
        for path in files(".bb", ".bbappend", ".inc", ".conf"):
            with self.subTest(path=path):
                recipe = Recipe(path)
                self.assertTrue(recipe.assignments)
                if not path.name.endswith("-crates.inc"):
                    self.assertIn("SPDX-License-Identifier: MIT OR Apache-2.0", path.read_text().splitlines()[0])
                # 5.1 and later: what is unpacked is in UNPACKDIR, and S is never WORKDIR.
                self.assertNotIn("${WORKDIR}", path.read_text())
                self.assertNotIn("faults", recipe.value("CARGO_FEATURES") + recipe.value("PACKAGECONFIG"))

    def test_the_version_is_cargo_s(self):
        version = tomllib.loads((REPOSITORY / "Cargo.toml").read_text())["package"]["version"]
        self.assertEqual(self.release.name, f"shutterd_{version}.bb")
        self.assertEqual(self.tree.value("PV"), f"{version}+git")

    def test_every_file_of_src_uri_is_there(self):
        counted = 0
        for path in files(".bb", ".bbappend"):
            recipe = Recipe(path)
            ours = [path.parent / "files", path.parent / path.name.split("_")[0]]
            if "../../../../data" in recipe.value("FILESEXTRAPATHS:append"):
                ours += [REPOSITORY / "data", REPOSITORY]
            for uri in recipe.words("SRC_URI"):
                if uri.startswith("file://"):
                    counted += 1
                    name = uri.removeprefix("file://").split(";")[0]
                    self.assertTrue(any((place / name).is_file() for place in ours), f"{path}: {uri}")
        self.assertGreater(counted, 3)

    def test_every_licence_file_is_the_one_that_it_was(self):
        crate = {p["name"] + "-" + p["version"]: Path(p["manifest_path"]).parent for p in crates.metadata()["packages"]}
        counted = 0
        for path in files(".bb"):
            for uri in Recipe(path).words("LIC_FILES_CHKSUM"):
                counted += 1
                name, checksum = re.fullmatch(r"file://(\S+);md5=(\w{32})", uri).groups()
                if name == "${COMMON_LICENSE_DIR}/MIT":
                    self.assertEqual(checksum, COMMON_MIT)
                    continue
                where = REPOSITORY / name
                if name.startswith("${CARGO_VENDORING_DIRECTORY}/"):
                    _, directory, file = name.split("/")
                    self.assertIn(directory, crate, f"{path.name}: Cargo.lock has another version")
                    where = crate[directory] / file
                self.assertEqual(md5(where), checksum, f"{path.name}: {name}")
        self.assertGreater(counted, 6)

    def test_every_installed_file_has_a_package(self):
        packages = self.tree.words("PACKAGE_BEFORE_PN") + ["shutterd"]
        patterns = {package: self.tree.words(f"FILES:{package}") for package in packages if package != "shutterd"}
        # The assignments say ${PN}; both spellings are one.
        for package in packages:
            patterns.setdefault(package, [])
            patterns[package] += self.tree.words("FILES:" + package.replace("shutterd", "${PN}", 1))
        used = set()
        installed = [path for path in image() if path != "/etc/shutterd/shutterd.toml"]
        self.assertGreater(len(installed), 12)
        for path in installed:
            known = DEFAULT_FILES + BY_CLASS
            owners = [pattern for package in packages for pattern in patterns[package] if holds(pattern, path)]
            self.assertTrue(owners or any(holds(pattern, path) for pattern in known), f"{path} is in no package")
            used |= set(owners)
        named = {pattern for package in packages for pattern in patterns[package]}
        self.assertEqual(named - used, set(), "FILES that nothing installs")

    def test_every_board_file_has_a_package(self):
        boards = {path.stem for path in (REPOSITORY / "pipelines").glob("*.toml")}
        packages = {p for p in self.tree.words("PACKAGE_BEFORE_PN") if p.startswith("shutterd-pipeline-")}
        self.assertEqual(packages, {f"shutterd-pipeline-{board}" for board in boards})

    def test_shutter_board_names_the_board(self):
        recipe = Recipe(next(LAYER.rglob("shutter-board_*.bb")))
        for board in (REPOSITORY / "pipelines").glob("*.toml"):
            with self.subTest(board=board.stem), tempfile.TemporaryDirectory() as root:
                variables = {"D": root, "S": str(REPOSITORY / "data"), "sysconfdir": "/etc", "SHUTTER_BOARD": board.stem}
                script = recipe.functions["do_install"]
                for name, value in variables.items():
                    script = script.replace("${" + name + "}", value)
                subprocess.run(["sh", "-euc", script], check=True)
                camera = tomllib.loads(Path(root, "etc/shutterd/shutterd.toml").read_text())["camera"][0]
                self.assertEqual(camera["board"], board.stem)
                has_device = tomllib.loads(board.read_text()).get("device", True)
                self.assertEqual("device" in camera, has_device)

    def test_the_user_is_the_one_of_sysusers(self):
        line = (REPOSITORY / "data/sysusers.d/shutterd.conf").read_text().splitlines()[-1]
        name, comment, home = re.fullmatch(r'u (\S+) - "(.*)" (\S+)', line).groups()
        parameters = self.tree.value("USERADD_PARAM:${PN}")
        self.assertTrue(parameters.endswith(f"--comment '{comment}' {name}"), parameters)
        self.assertIn(f"--home-dir {home} ", parameters)

    def test_somebody_makes_the_unit_s_groups(self):
        unit = (REPOSITORY / "data/systemd/shutterd.service").read_text()
        groups = re.search(r"^SupplementaryGroups=(.*)$", unit, re.MULTILINE)[1].split()
        self.assertEqual(set(groups), set(GROUPS))

    def test_the_example_appends_to_recipes_that_exist(self):
        names = {path.name.split("_")[0] for path in LAYER.rglob("*.bb")}
        appends = [path.name.split("_")[0] for path in EXAMPLE.rglob("*.bbappend")]
        self.assertTrue(appends)
        self.assertLessEqual(set(appends), names)


if __name__ == "__main__":
    unittest.main()
