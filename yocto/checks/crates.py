# SPDX-License-Identifier: MIT OR Apache-2.0
"""Which crates there are: all that the lock file has, and of these what is in the programs that ship."""

import functools
import json
import subprocess
import tomllib

from recipe import REPOSITORY

TARGET = "aarch64-unknown-linux-gnu"


def locked():
    """The registry's crates in the lock file: (name, version, checksum), in its order."""
    packages = tomllib.loads((REPOSITORY / "Cargo.lock").read_text())["package"]
    return [(p["name"], p["version"], p["checksum"]) for p in packages if "crates.io" in p.get("source", "")]


@functools.cache
def metadata():
    command = ["cargo", "metadata", "--locked", "--format-version=1", f"--filter-platform={TARGET}"]
    done = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    return json.loads(done.stdout)


def shipped():
    """What is linked into the programs for the board, from cargo: (packages by id, ids of each one's dependencies).

    Not what runs while they are built: procedural macros, build scripts and what those depend on; not what tests use.
    """
    packages = {package["id"]: package for package in metadata()["packages"]}
    nodes = {node["id"]: node["deps"] for node in metadata()["resolve"]["nodes"]}

    def linked(dependency):
        kinds = {target for kind in packages[dependency["pkg"]]["targets"] for target in kind["kind"]}
        return any(kind["kind"] is None for kind in dependency["dep_kinds"]) and "proc-macro" not in kinds

    found = {}
    waiting = [metadata()["resolve"]["root"]]
    while waiting:
        package = waiting.pop()
        if package not in found:
            found[package] = sorted(dep["pkg"] for dep in nodes[package] if linked(dep))
            waiting += found[package]
    return {package: packages[package] for package in found}, found
