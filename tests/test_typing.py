"""What type checkers and editors see of the package."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import sk_awave

ROOT = Path(__file__).parents[1]

RIGHT = """
from typing import assert_type

import numpy as np

import sk_awave
from sk_awave import (
    AdaptiveWaveletTransformer,
    AWDRegressor,
    MultilevelDWT,
    SubbandPooling,
)
from sk_awave.engine import FilterBank

X, y = np.ones((4, 16)), np.ones(4)
awt = AdaptiveWaveletTransformer("db2").fit(X)
assert_type(awt, AdaptiveWaveletTransformer)
assert_type(awt.inverse_transform(awt.transform(X)), np.ndarray)
assert_type(awt.score(X), float)
pooling = SubbandPooling(statistics=("rms",))
assert_type(pooling.fit(X), SubbandPooling)
assert_type(pooling.fit(X).transform(X), np.ndarray)
assert_type(AWDRegressor().fit(X, y).predict(X), np.ndarray)
assert_type(MultilevelDWT("db2").filter_bank, FilterBank)
assert_type(sk_awave.__version__, str)
"""

WRONG = """
import sk_awave
from sk_awave import AdaptiveWaveletTransformr

sk_awave.AdaptiveWaveletTransformer(wave="db2")
sk_awave.SubbandPooling().fit(data=[[1.0]])
sk_awave.MultilevelDWT("db2", level="2")
"""

EXPECTED = {
    3: 'has no attribute "AdaptiveWaveletTransformr"',
    5: 'keyword argument "wave"',
    6: 'Missing positional argument "X"',
    7: '"level" to "MultilevelDWT" has incompatible type "str"',
}


def test_mypy_finds_what_is_wrong_and_nothing_else(tmp_path):
    """Check the engine and two scripts of users in one run, which reads torch once."""
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "wrong.py").write_text(WRONG)
    command = [sys.executable, "-m", "mypy", "--no-pretty", "--cache-dir", tmp_path]
    places = ["sk_awave/engine", tmp_path / "right.py", tmp_path / "wrong.py"]
    result = subprocess.run(
        [*command, *places], cwd=ROOT, capture_output=True, text=True, check=False
    )
    found = re.findall(r"^(.+?):(\d+): error: (.+)$", result.stdout, re.M)
    wrong = {int(line): text for file, line, text in found if "wrong.py" in file}
    assert len(found) == len(wrong), result.stdout
    assert wrong.keys() == EXPECTED.keys(), result.stdout + result.stderr
    assert all(EXPECTED[line] in text for line, text in wrong.items()), wrong


def test_the_stub_declares_what_is_public():
    """Read ``X as X``, the form that type checkers take as a re-export."""
    stub = ast.parse((Path(sk_awave.__file__).parent / "__init__.pyi").read_text())
    declared = {
        alias.asname: (node.module, alias.name)
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    public = {name: (module, name) for name, module in sk_awave._PUBLIC.items()}
    assert declared == public
