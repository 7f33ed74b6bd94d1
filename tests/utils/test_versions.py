import subprocess
import sys
from importlib.metadata import requires

import torch

from sk_awave import __version__, show_versions
from sk_awave.engine._library import instruction_sets
from sk_awave.utils import _versions


def printed(capsys):
    show_versions()
    return dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())


def test_versions_are_those_in_use(capsys):
    versions = printed(capsys)
    assert versions["python"].startswith(sys.version.split()[0])
    assert versions["sk_awave"] == __version__
    assert versions["build of torch"] == torch.__version__
    assert torch.__version__.startswith(versions["torch"])
    assert versions["threads of torch"] == str(torch.get_num_threads())
    kernel = [f"compiled kernel ({name})" for name in instruction_sets()[:1]]
    assert [versions["transforms on the CPU"]] == (kernel or ["torch (no kernel built)"])
    assert (versions["CUDA"] == "not available") == (not torch.cuda.is_available())


def test_every_dependency_is_listed():
    needed = [r for r in requires("sk_awave") if "extra ==" not in r]
    assert {r.split(">")[0].strip() for r in needed} == set(_versions.PACKAGES)


def test_a_package_that_is_missing_is_said_to_be(capsys, monkeypatch):
    monkeypatch.setattr(_versions, "PACKAGES", ("numpy", "no-such-package"))
    assert printed(capsys)["no-such-package"] == "not installed"


def test_a_kernel_that_was_not_built_is_said_to_be(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(_versions.sk_awave, "__file__", str(tmp_path / "__init__.py"))
    assert printed(capsys)["transforms on the CPU"] == "torch (no kernel built)"
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "_kernel.lib.so").write_text("of another platform")
    assert printed(capsys)["transforms on the CPU"] == "torch (no kernel built)"


def test_packages_are_not_imported_for_their_versions():
    code = (
        "import sys, sk_awave; sk_awave.show_versions(); "
        "sys.exit(bool({'sklearn', 'skorch', 'scipy'} & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert run.returncode == 0
