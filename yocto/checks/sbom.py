# SPDX-License-Identifier: MIT OR Apache-2.0
"""The bill of materials of the programs, as SPDX 2.3:

    python sbom.py FILE

What is linked into them for the board, by cargo's own resolution; GStreamer is the system's, and BitBake writes of that.
"""

import json
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import crates


def identifier(package):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", f"{package['name']}-{package['version']}")


def entry(package, checksums):
    name, version = package["name"], package["version"]
    licence = (package["license"] or "NOASSERTION").replace("/", " OR ")
    described = {
        "SPDXID": identifier(package),
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
    }
    if checksum := checksums.get((name, version)):
        purl = f"pkg:cargo/{name}@{version.replace('+', '%2B')}"
        described |= {
            "downloadLocation": f"https://crates.io/api/v1/crates/{name}/{version}/download",
            "checksums": [{"algorithm": "SHA256", "checksumValue": checksum}],
            "externalRefs": [
                {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}
            ],
        }
    return described


def document():
    """The same for the same lock file and SOURCE_DATE_EPOCH, so that two builds can be compared."""
    created = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC)
    packages, dependencies = crates.shipped()
    checksums = {(name, version): checksum for name, version, checksum in crates.locked()}
    root = packages[crates.metadata()["resolve"]["root"]]
    order = sorted(packages, key=lambda package: identifier(packages[package]))
    relationships = [
        {
            "spdxElementId": "SPDXRef-DOCUMENT",
            "relationshipType": "DESCRIBES",
            "relatedSpdxElement": identifier(root),
        }
    ]
    relationships += [
        {
            "spdxElementId": identifier(packages[package]),
            "relationshipType": "DEPENDS_ON",
            "relatedSpdxElement": identifier(packages[dependency]),
        }
        for package in order
        for dependency in dependencies[package]
    ]
    name = f"{root['name']}-{root['version']}-{crates.TARGET}"
    return {
        "spdxVersion": "SPDX-2.3",
        "SPDXID": "SPDXRef-DOCUMENT",
        "dataLicense": "CC0-1.0",
        "name": name,
        "documentNamespace": f"https://spdx.org/spdxdocs/{name}",
        "creationInfo": {"created": created.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Tool: shutterd-sbom"]},
        "packages": [entry(packages[package], checksums) for package in order],
        "relationships": relationships,
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(document(), indent=1) + "\n")
