# SPDX-License-Identifier: MIT OR Apache-2.0
"""Makes a build directory of what a kas file says, from checkouts that are at hand; kas itself would fetch them:

    python builddir.py KAS-FILE CHECKOUTS DIRECTORY [FRAGMENT...]

The fragments are appended to local.conf. Exits with 2 where a checkout is missing, which it names.
"""

import subprocess
import sys
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]


def merged(path):
    """The file over those that it includes, as kas merges them: mappings key by key."""

    def merge(below, above):
        if not (isinstance(below, dict) and isinstance(above, dict)):
            return above
        return below | {key: merge(below.get(key), value) for key, value in above.items()}

    own = yaml.safe_load(path.read_text())
    whole = {}
    for include in own["header"].get("includes", []):
        whole = merge(whole, merged(REPOSITORY / include))
    return merge(whole, own)


def layers(kas, checkouts):
    found = []
    for name, repository in kas["repos"].items():
        where = checkouts / name if "url" in repository else REPOSITORY
        if not where.is_dir():
            print(f"there is no {name} in {checkouts}; {repository['url']} has it", file=sys.stderr)
            sys.exit(2)
        if "commit" in repository:
            head = subprocess.run(["git", "-C", where, "rev-parse", "HEAD"], capture_output=True, text=True)
            if head.stdout.strip() != repository["commit"]:
                print(f"NOTE: {name} is at {head.stdout.strip() or 'no commit'}, not at {repository['commit']}")
        subdirectories = repository.get("layers", {".": None})
        found += [where / layer for layer, state in subdirectories.items() if state != "disabled"]
    return found


def main(kas_file, checkouts, directory, *fragments):
    kas = merged(Path(kas_file))
    bblayers = "\n".join(f"    {layer.resolve()} \\" for layer in layers(kas, Path(checkouts)))
    local = [f'MACHINE = "{kas["machine"]}"', f'DISTRO = "{kas["distro"]}"']
    local += [text for _, text in sorted(kas.get("local_conf_header", {}).items())]
    local += [Path(fragment).read_text() for fragment in fragments]
    conf = Path(directory, "conf")
    conf.mkdir(parents=True, exist_ok=True)
    (conf / "bblayers.conf").write_text(
        f'POKY_BBLAYERS_CONF_VERSION = "2"\nBBPATH = "${{TOPDIR}}"\nBBFILES ?= ""\nBBLAYERS ?= "\\\n{bblayers}\n"\n'
    )
    (conf / "local.conf").write_text("\n".join(local))


if __name__ == "__main__":
    main(*sys.argv[1:])
