"""The import rule of the package, read from its sources."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sk_awave

ROOT = Path(sk_awave.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

#: The rooms that others may import, each those before it.
_ROOMS = ("utils", "engine", "attribution", "decomposition", "feature_extraction")

#: What each subpackage may import besides itself.
ALLOWED = {
    "utils": set(),
    "engine": {"utils"},
    "datasets": {"utils"},
    "attribution": {"utils", "engine"},
    "decomposition": {"utils", "engine", "attribution"},
    "feature_extraction": {"utils", "engine", "attribution", "decomposition"},
    "inspection": set(_ROOMS),
    "neural_network": set(_ROOMS),
    "distillation": set(_ROOMS),
}

#: Which modules, or subpackages, alone may import a package.
ONLY_IN = {
    "skorch": {"neural_network/"},
    "pywt": {
        "engine/_filter_bank.py",
        "engine/_wavelet.py",
        "decomposition/_adaptive.py",
        "decomposition/_base.py",
        "datasets/_ecg.py",
        "datasets/_wavelet_regression.py",
    },
    "matplotlib": {"inspection/_plot/_panels.py"},
    "dask": {"utils/_dask.py"},
    "distributed": {"utils/_dask.py"},
}


def imported(path):
    """Yield the dotted names that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path):
    relative = path.relative_to(ROOT).as_posix()
    room = relative.split("/")[0] if "/" in relative else None
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "sk_awave" and len(parts) > 1 and room is not None:
            assert parts[1] in ALLOWED[room] | {room}, name
        if parts[0] == "sklearn":
            assert room != "engine", "the engine knows nothing of scikit-learn"
            private = any(p.startswith("_") for p in parts)
            assert room == "utils" or not private, name
        if parts[0] in ONLY_IN:
            assert {relative, f"{room}/"} & ONLY_IN[parts[0]], name


@pytest.mark.parametrize("name", ["torch._dynamo", "dask", "distributed"])
def test_import_does_not_load_what_few_need(name):
    code = f"import sys, sk_awave.decomposition; sys.exit({name!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
