"""constraints-oldest.txt pins what pyproject.toml allows."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = dict(
    re.findall(r"^(\S+)==(\S+)$", (ROOT / "constraints-oldest.txt").read_text(), re.M)
)


@pytest.mark.parametrize(
    "requirement", PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]
)
def test_oldest_versions_are_the_declared_ones(requirement):
    name, minimum = re.split("[=>]=", requirement)
    if name != "ruff":  # it runs no test
        assert re.fullmatch(re.escape(minimum) + r"(\.0)*", PINS[name])
