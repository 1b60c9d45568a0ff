# SPDX-License-Identifier: MIT OR Apache-2.0
"""Recipes as text: the part of BitBake's language that this layer uses, and nothing else of it.

What it does not know is an error, so that a slip is found where there is no BitBake.
"""

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
LAYER = REPOSITORY / "yocto" / "meta-shutter"
EXAMPLE = REPOSITORY / "yocto" / "meta-headset"
SHUTTERD = LAYER / "recipes-multimedia" / "shutterd"

ASSIGNMENT = re.compile(
    r"""(?P<name>[A-Za-z0-9_.${}/+-]+(?::[A-Za-z0-9_.${}+-]+)*)(?:\[(?P<flag>[\w.+-]+)\])?
        \s(?P<operator>=|:=|\?=|\?\?=|\+=|\.=|=\+|=\.)\s"(?P<value>[^"]*)"$""",
    re.VERBOSE,
)
# Values with Python in them have quotes of the other kind, or of both.
WITH_PYTHON = re.compile(ASSIGNMENT.pattern.replace('[^"]*', r".*\$\{@.*\}.*"), re.VERBOSE)
FUNCTION = re.compile(r"(?:python )?(?P<name>[\w:${}-]*) ?\(\) \{$")
DIRECTIVE = re.compile(r"(?P<word>inherit|require|include) (?P<rest>\S.*)$")

# What BitBake's configuration makes of these where systemd is in charge (usrmerge).
PLACES = {
    "PN": "shutterd",
    "BPN": "shutterd",
    "base_sbindir": "/usr/sbin",
    "bindir": "/usr/bin",
    "datadir": "/usr/share",
    "libexecdir": "/usr/libexec",
    "localstatedir": "/var",
    "nonarch_libdir": "/usr/lib",
    "sysconfdir": "/etc",
    "systemd_system_unitdir": "/usr/lib/systemd/system",
}


class Unreadable(Exception):
    """A line that is none of a recipe."""


class Recipe:
    """The assignments of a file and of all that it requires, in their order."""

    def __init__(self, path):
        self.path = Path(path)
        self.assignments = []
        self.flags = {}
        self.functions = {}
        self.inherits = []
        self._read(self.path)

    def _read(self, path):
        lines = iter(enumerate(path.read_text().splitlines(), 1))
        for number, line in lines:
            if not line.strip() or line.startswith("#"):
                continue
            while line.endswith("\\"):
                line = line[:-1] + next(lines, (0, ""))[1]
            if found := ASSIGNMENT.match(line) or WITH_PYTHON.match(line):
                self._assign(found)
            elif found := FUNCTION.match(line):
                self.functions[found["name"]] = _body(path, number, lines)
            elif found := DIRECTIVE.match(line):
                self._directive(path, number, found)
            else:
                raise Unreadable(f"{path}:{number}: {line}")

    def _assign(self, found):
        if found["flag"]:
            self.flags[found["name"], found["flag"]] = found["value"]
        else:
            self.assignments.append((found["name"], found["operator"], found["value"]))

    def _directive(self, path, number, found):
        if found["word"] == "inherit":
            self.inherits += found["rest"].split()
            return
        required = path.parent / found["rest"]
        if not required.is_file():
            raise Unreadable(f"{path}:{number}: there is no {required}")
        self._read(required)

    def value(self, name):
        """All that is assigned to `name`, one after the other; overrides are part of a name."""
        values = [value for assigned, _, value in self.assignments if assigned == name]
        return expand(" ".join(values))

    def words(self, name):
        return self.value(name).split()

    def names(self):
        return {name for name, _, _ in self.assignments}


def _body(path, number, lines):
    body = []
    for _, line in lines:
        if line == "}":
            return "\n".join(body)
        body.append(line)
    raise Unreadable(f"{path}:{number}: the function does not end")


def expand(text):
    return re.sub(r"\$\{(\w+)\}", lambda found: PLACES.get(found[1], found[0]), text)


def files(*suffixes):
    """The files of both layers that end so."""
    found = [
        path
        for layer in (LAYER, EXAMPLE)
        for path in sorted(layer.rglob("*"))
        if path.is_file() and path.suffix in suffixes
    ]
    assert found, f"no {suffixes} in the layers"
    return found
