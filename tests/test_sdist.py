"""The source distribution: what runs its own tests."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("sk_awave", "tests", "docs", "examples", "benchmarks", "conda")
FILES = (
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "LICENSE",
    "MANIFEST.in",
    "README.md",
    "constraints-oldest.txt",
    "constraints.txt",
    "pyproject.toml",
    "setup.cfg",
    "setup.py",
)
MADE = ("__pycache__", "_build", "auto_examples", "generated", "*.egg-info", ".*_cache")
BUILT = "sk_awave/engine/_kernel.lib.so"


def test_sdist_holds_what_its_tests_need(tmp_path):
    source = tmp_path / "source"
    for folder in FOLDERS:
        shutil.copytree(
            ROOT / folder,
            source / folder,
            ignore=shutil.ignore_patterns(*MADE, "*.lib.*"),
        )
    for file in FILES:
        shutil.copy(ROOT / file, source)
    expected = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.is_file()
    }
    made = (
        "tests/__pycache__/a.pyc",
        "docs/_build/index.html",
        "docs/generated/a.rst",
        BUILT,
    )
    for name in made:
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).touch()
    code = "from setuptools.build_meta import build_sdist; build_sdist('..')"
    command = [sys.executable, "-c", code]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        held = {name.partition("/")[2] for name in tar.getnames()}
    assert expected - held == set()
    assert held.isdisjoint(made)
