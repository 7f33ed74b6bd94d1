"""The library of the kernel: one that is damaged or foreign is passed over."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pywt._extensions import _pywt

from sk_awave.engine import _library
from sk_awave.engine._library import VARIABLE, instruction_sets, load_library

needs_kernel = pytest.mark.skipif(not instruction_sets(), reason="no kernel was built")

#: Load what lies beside a copy of `_library.py`, and print what it offers.
LOAD = """
import sys, warnings
from sk_awave.engine import _library
_library.__file__ = sys.argv[1]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print(_library.instruction_sets(), [str(w.message) for w in caught])
"""


def load(folder, **environment):
    """Return what a new process prints that loads the library in a folder."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(folder / "_library.py")],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,  # a crash is no answer
    )
    return done.stdout.strip()


@pytest.fixture
def library(tmp_path):
    """A copy of the library."""
    (path,) = Path(_library.__file__).parent.glob("_kernel.lib.*")
    return Path(shutil.copy(path, tmp_path))


@needs_kernel
@pytest.mark.parametrize("share", [0.0, 0.001, 1 / 3, 0.9])
def test_a_truncated_library_is_passed_over(library, share):
    data = library.read_bytes()
    library.write_bytes(data[: int(share * len(data))])
    names, _, message = load(library.parent).partition("] [")
    assert names == "["
    assert "The compiled kernel is not used" in message
    assert "Install sk_awave again" in message


def test_a_library_of_another_platform_is_passed_over(monkeypatch, tmp_path):
    (tmp_path / "_kernel.lib.so").write_text("not a library")
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(_library, "__file__", str(tmp_path / "_library.py"))
    with pytest.warns(RuntimeWarning, match="not used, .* Install sk_awave again"):
        assert load_library.__wrapped__() is None


@needs_kernel
def test_what_is_no_library_is_passed_over(library):
    library.write_bytes(library.read_bytes()[:64] + bytes(5000))
    assert load(library.parent).startswith("[] [")


@needs_kernel
def test_a_library_of_another_program_is_passed_over(library):
    shutil.copy(_pywt.__file__, library)
    assert load(library.parent).startswith("[] ['The compiled kernel is not used")


@needs_kernel
def test_a_library_of_other_sources_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    shutil.copytree(_library.SOURCES, tmp_path / "cpp")
    monkeypatch.setattr(_library, "SOURCES", tmp_path / "cpp")
    assert load_library.__wrapped__() is not None
    with (tmp_path / "cpp" / "jobs.h").open("a") as file:
        file.write("// another meaning of the same structures\n")
    with pytest.warns(RuntimeWarning, match="it was built from other sources"):
        assert load_library.__wrapped__() is None


@needs_kernel
def test_environment_chooses_the_instruction_set(library):
    names = load(library.parent, **{VARIABLE: ""}).partition("] ")[0][1:].split(", ")
    for i, name in enumerate(names):
        key = name.strip("'").lower().replace("-", "")
        assert load(library.parent, **{VARIABLE: key}) == f"[{', '.join(names[i:])}] []"


@needs_kernel
def test_environment_forgoes_the_kernel(monkeypatch):
    monkeypatch.setenv(VARIABLE, "none")
    assert load_library.__wrapped__() is None


@needs_kernel
def test_environment_names_no_instruction_set(monkeypatch):
    monkeypatch.setenv(VARIABLE, "sse")
    with pytest.raises(ValueError, match=f"{VARIABLE} must be 'none' or .* Got 'sse'"):
        load_library.__wrapped__()
