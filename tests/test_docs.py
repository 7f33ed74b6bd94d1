"""The documentation: its code runs, and it names everything that is public."""

import doctest
import inspect
import os
import re
import tomllib
from importlib import import_module
from pathlib import Path
from unittest import mock

import matplotlib.pyplot as plt
import pytest
import torch

import sk_awave

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [
    page
    for page in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
    if re.search(r"^```(python|pycon|\{plot\})$", page.read_text(), re.M)
    and "_build" not in page.parts
]
#: Pages with code, marked py, that needs packages which the tests do not install.
MORE = {
    "aeon.md": ("aeon", "sktime"),
    "onnx.md": ("skl2onnx", "onnxruntime", "onnxscript"),
    "saving.md": ("skops",),
}
SUBPACKAGES = (
    "attribution",
    "datasets",
    "decomposition",
    "distillation",
    "engine",
    "feature_extraction",
    "inspection",
    "neural_network",
)
PUBLIC = [
    (subpackage, name)
    for subpackage in SUBPACKAGES
    for name in import_module(f"sk_awave.{subpackage}").__all__
]
DOCUMENTED = [
    item
    for item in PUBLIC
    if callable(getattr(import_module(f"sk_awave.{item[0]}"), item[1]))
]


def code_blocks(page, kinds=r"python|pycon|\{plot\}"):
    """Yield kind, first line and code of each block of a page that is to run."""
    text = page.read_text()
    for block in re.finditer(rf"^```({kinds})\n(.*?)^```$", text, re.M | re.S):
        line = text[: block.start(2)].count("\n")
        yield block[1], line, re.sub(r"^:.*$", "", block[2], flags=re.M)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_code_of_a_page_runs(page):
    names = {"__name__": "__main__"}
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    with torch.random.fork_rng(devices=[]), mock.patch.dict(os.environ):
        for kind, line, code in code_blocks(page):
            if kind == "pycon":
                parse = doctest.DocTestParser().get_doctest
                test = parse(code, names, page.name, str(page), line)
                assert runner.run(test, clear_globs=False).failed == 0, page.name
                names.update(test.globs)
            else:
                exec(compile("\n" * line + code, str(page), "exec"), names)
    plt.close("all")


@pytest.mark.filterwarnings("default")  # of other packages
@pytest.mark.parametrize("page, packages", MORE.items())
def test_code_that_needs_other_packages_runs(page, packages, tmp_path, monkeypatch):
    for package in packages:
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    page = DOCS / "user_guide" / page
    blocks = list(code_blocks(page, "python|py"))
    assert blocks, "the page has no code"
    for _, line, code in blocks:
        exec(compile("\n" * line + code, str(page), "exec"), names)


def test_extra_of_the_examples_has_the_penalty_that_they_use():
    examples = (ROOT / "examples").rglob("*.py")
    users = [page for page in examples if "l1_ratio" in page.read_text()]
    text = (ROOT / "pyproject.toml").read_text()
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    assert not users or "scikit-learn>=1.8" in extras["examples"]  # ignored before


def listed_names():
    """Return the full names that the API page lists."""
    module, names = None, set()
    for line in (DOCS / "api.rst").read_text().splitlines():
        if line.startswith(".. currentmodule:: "):
            module = line.split()[-1]
        elif name := re.fullmatch(r"(?:   |\.\. data:: )(\w+)", line):
            names.add(f"{module}.{name[1]}")
    return names


def test_api_page_lists_every_public_name():
    expected = {f"sk_awave.{subpackage}.{name}" for subpackage, name in PUBLIC}
    expected = {full for full in expected if full.split(".")[-1] not in sk_awave.__all__}
    assert listed_names() == expected | {f"sk_awave.{name}" for name in sk_awave.__all__}


@pytest.mark.parametrize("subpackage, name", DOCUMENTED)
def test_every_public_name_has_an_example(subpackage, name):
    documented = getattr(import_module(f"sk_awave.{subpackage}"), name)
    assert re.search(r"^Examples\n-+$", inspect.getdoc(documented), re.M)
    if inspect.isclass(documented):
        undocumented = [
            attribute
            for attribute, value in inspect.getmembers(documented)
            if not attribute.startswith("_")
            and callable(value)
            and not (value.__module__ or "").startswith("skorch")
            and not inspect.getdoc(value)
        ]
        assert undocumented == []
