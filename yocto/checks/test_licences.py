# SPDX-License-Identifier: MIT OR Apache-2.0
"""The recipe's LICENSE is what the crates in the programs say of themselves."""

import re
import tomllib
import unittest

import crates
from recipe import REPOSITORY, SHUTTERD, Recipe

# Where a crate leaves the choice, one of these is chosen; the product itself is under both.
OURS = ["MIT", "Apache-2.0"]


def chosen(expression):
    """The licences that an SPDX expression comes to: of an OR the one that is ours, of an AND all."""
    expression = expression.strip().replace("/", " OR ")
    if expression.startswith("(") and expression.endswith(")") and expression.count("(") == 1:
        expression = expression[1:-1]
    terms = re.split(r" AND (?![^(]*\))", expression)
    if len(terms) > 1:
        return set().union(*(chosen(term) for term in terms))
    choices = expression.split(" OR ")
    return {next((ours for ours in OURS if ours in choices), choices[0])}


class Licences(unittest.TestCase):
    def test_expressions(self):
        for expression, licences in {
            "MIT OR Apache-2.0": {"MIT"},
            "Apache-2.0 OR BSL-1.0": {"Apache-2.0"},
            "MIT/Apache-2.0": {"MIT"},
            "(MIT OR Apache-2.0) AND Unicode-3.0": {"MIT", "Unicode-3.0"},
            "MIT AND BSD-3-Clause": {"MIT", "BSD-3-Clause"},
            "MPL-2.0": {"MPL-2.0"},
        }.items():
            self.assertEqual(chosen(expression), licences)

    def test_the_recipe_names_those_of_the_programs(self):
        packages, _ = crates.shipped()
        self.assertGreater(len(packages), 100)
        said = {package["name"]: package["license"] for package in packages.values()}
        self.assertNotIn(None, said.values())
        licences = set().union(*(chosen(expression) for expression in said.values()))
        named = Recipe(SHUTTERD / "shutterd_git.bb").value("LICENSE").split(" & ")
        self.assertEqual(sorted(licences), named)

    def test_cargo_deny_allows_them(self):
        allowed = tomllib.loads((REPOSITORY / "deny.toml").read_text())["licenses"]["allow"]
        named = Recipe(SHUTTERD / "shutterd_git.bb").value("LICENSE").split(" & ")
        self.assertLessEqual(set(named), set(allowed))


if __name__ == "__main__":
    unittest.main()
