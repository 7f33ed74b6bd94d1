"""What a release says in several places is the same in all of them."""

import re
import tomllib
from pathlib import Path

import pytest

import sk_awave

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RECIPE = (ROOT / "conda" / "recipe.yaml").read_text()


@pytest.mark.parametrize(
    "file, pattern",
    [
        ("CITATION.cff", r"^version: (\S+)$"),
        ("CHANGELOG.md", r"^## (\S+) \("),
        ("conda/recipe.yaml", r'^  version: "(\S+)"$'),
    ],
)
def test_version(file, pattern):
    found = re.search(pattern, (ROOT / file).read_text(), re.M)
    assert found[1] == sk_awave.__version__


def needs(section):
    """Return what a section of the requirements in the recipe lists."""
    lines = re.search(rf"^  {section}:\n((?:    - .*\n)+)", RECIPE, re.M)[1]
    return re.findall(r"- (.*)", lines)


def of_conda(requirement):
    name, minimum = requirement.split(">=")
    return f"{'pytorch' if name == 'torch' else name.lower()} >={minimum}"


def test_recipe_needs_what_the_package_needs():
    assert needs("run") == ["python", *map(of_conda, PROJECT["dependencies"])]
    oldest = PROJECT["requires-python"].removeprefix(">=")
    assert f'skip: match(python, "<{oldest}")' in RECIPE
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]
    assert needs("host") == ["pip", "python", *map(of_conda, build["requires"])]


def test_recipe_says_what_the_package_is():
    assert f"summary: {PROJECT['description']}\n" in RECIPE
    assert f"license: {PROJECT['license']}\n" in RECIPE
