"""Fuzz the compiled kernel under sanitizers, which find errors of memory and arithmetic.

Run it from a checkout, as a program that is instrumented like the library::

    CXX=clang++ python benchmarks/fuzz_kernel.py --seconds 60

The compiler is that of gcc or clang; by default the first of c++, g++ and clang++. The
program builds the kernel with ``-fsanitize=address,undefined``, starts itself anew with
the runtime of the sanitizer loaded first, and gives each instruction set random shapes,
modes, levels, filters, strides and numbers of rows, none and one included. Nothing is
printed of what is clean but a count; the first error ends it.
"""

import argparse
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "sk_awave" / "engine" / "cpp"
OPTIONS = ["-std=c++17", "-O1", "-g", "-fPIC", "-pthread", "-fno-math-errno"]
OPTIONS += ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
SETS = {
    "choice": ["-DKERNEL_X86"],
    "baseline": ["-DKERNEL_SET=baseline"],
    "avx2": ["-DKERNEL_SET=avx2", "-mavx2", "-mfma"],
    "avx512": ["-DKERNEL_SET=avx512", "-mfma"]
    + [f"-mavx512{part}" for part in ("f", "dq", "vl", "bw")],
}


def find_compiler():
    """Return the words that call the compiler."""
    names = "c++", "g++", "clang++"
    default = next(filter(shutil.which, names), None)
    if not os.environ.get("CXX", default):
        sys.exit(f"There is none of {', '.join(names)}: set CXX to a compiler.")
    return shlex.split(os.environ.get("CXX") or default)


def find_runtime(compiler):
    """Return the shared runtime of the sanitizer, and further options of the compiler."""
    names, options = ["libasan.so"], []
    macros = subprocess.run(
        [*compiler, "-dM", "-E", "-x", "c++", os.devnull],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    if "__clang__" in macros:  # which would find the library of gcc, too
        names = [f"libclang_rt.asan{end}.so" for end in ("", f"-{platform.machine()}")]
        options = ["-shared-libasan", "-O0"]  # more would take it minutes
    for name in names:
        found = subprocess.run(
            [*compiler, f"-print-file-name={name}"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        if os.path.isabs(found):
            return found, options
    sys.exit(f"{shlex.join(compiler)} has no {' or '.join(names)}.")


def build(folder, command):
    """Build the instrumented library by a command, and return its path."""
    objects = []
    for name, extra in SETS.items():
        for source in (
            ["choice", "lattice"] if name == "choice" else ["transform", "pooling"]
        ):
            objects.append(str(folder / f"{source}_{name}.o"))
            path = str(SOURCES / f"{source}.cpp")
            arguments = [*extra, "-c", path, "-o", objects[-1]]
            subprocess.run([*command, *arguments], check=True)
    library = folder / "_kernel.lib.so"
    subprocess.run([*command, "-shared", *objects, "-o", str(library)], check=True)
    return library


def restart(library, runtime, arguments):
    """Run this file again with the runtime of the sanitizer, and return its status."""
    environment = os.environ | {
        "LD_PRELOAD": runtime,
        "ASAN_OPTIONS": "detect_leaks=0",  # of Python, there are many
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "FUZZED_KERNEL": str(library),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, __file__, *arguments]
    return subprocess.run(command, env=environment, check=False).returncode


def strided(rng, tensor):
    """Return the same values, perhaps not contiguous."""
    import torch

    if rng.random() < 0.5:
        return tensor
    wide = torch.stack([tensor, tensor], -1)
    return wide[..., 0]


def try_once(rng):
    """Do one random transform in every way."""
    import torch

    from sk_awave.engine import CoeffLayout, Tree
    from sk_awave.engine._boundary import MODES, adjoint_mode
    from sk_awave.engine._kernel import Kernel
    from sk_awave.engine._lattice import linearize_angles
    from sk_awave.engine._library import instruction_sets

    ndim = rng.integers(1, 4)
    longest = {1: 400, 2: 40, 3: 12}[ndim]
    shape = tuple(int(n) for n in rng.integers(1, longest, ndim))
    if ndim == 1 and rng.random() < 0.2:
        shape = (int(rng.integers(4_000, 80_000)),)
    mode = MODES[rng.integers(len(MODES))]
    taps = 2 * int(rng.integers(1, 24 if ndim == 1 else 6))
    level = int(rng.integers(1, 6))
    n_rows = int(rng.choice([0, 1, 2, 7, 8, 9, 16, 17, 33]))
    n_rows = min(n_rows, 3) if shape[0] > 4_000 else n_rows
    banks = () if rng.random() < 0.7 else (int(rng.integers(1, 4)),)
    tree = Tree.dwt(level)
    if rng.random() < 0.3:
        tree, mode = Tree.stationary(level), "periodization"
    layout = CoeffLayout(shape, None, taps, tree, mode)
    pairs = torch.from_numpy(rng.normal(size=(*banks, level, ndim, 2, taps)))
    pairs /= taps
    try:
        kernel = Kernel(layout, pairs, mode if rng.random() < 0.6 else adjoint_mode(mode))
    except ValueError:  # too short for the mode
        return
    kernel.instruction_set = int(rng.integers(len(instruction_sets())))
    kernel.factors = (kernel.factors[0].requires_grad_(),)
    dtype = [torch.float32, torch.float64][rng.integers(2)]
    x = torch.from_numpy(rng.normal(size=(n_rows, *shape))).to(dtype)
    x = strided(rng, x).requires_grad_()
    coeffs = kernel.apply(x)
    back = kernel.T.apply(coeffs)
    norms = kernel.norm(x, float(rng.choice([0.0, 0.1])))
    ((back**2).sum() + norms.sum()).backward()
    _, pull = linearize_angles(rng.normal(size=(*banks, level, taps // 2 - 1)))
    pull(rng.normal(size=(*banks, level, 4, taps)))
    pool_once(rng, coeffs.detach().numpy().reshape(-1, 1, layout.n_coeffs))


def pool_once(rng, coeffs):
    """Pool a part of coefficients by random statistics."""
    from sk_awave.engine._library import instruction_sets
    from sk_awave.feature_extraction._compiled import MOMENTS, compute_compiled
    from sk_awave.feature_extraction._pool import Pool
    from sk_awave.feature_extraction._statistics import Learned

    start = rng.integers(coeffs.shape[2])
    thresholds = rng.normal(size=(1, rng.integers(1, 20)))
    names = ["share_above", "positive_share", *MOMENTS]
    chosen = rng.choice(names, rng.integers(1, len(names)), replace=False)
    compute_compiled(
        coeffs[..., start :: rng.integers(1, 3)],
        Pool(tuple(map(str, chosen)), n_largest=1),
        Learned(np.ones((1, 1)), thresholds),
        int(rng.integers(len(instruction_sets()))),
    )


def main():
    """Fuzz until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if "FUZZED_KERNEL" not in os.environ:
        compiler = find_compiler()
        runtime, options = find_runtime(compiler)
        with tempfile.TemporaryDirectory() as folder:
            library = build(Path(folder), [*compiler, *OPTIONS, *options])
            sys.exit(restart(library, runtime, sys.argv[1:]))

    from sk_awave.engine import _kernel, _library

    # Beside the library that was built, as if it were installed.
    _library.__file__ = str(Path(os.environ["FUZZED_KERNEL"]).parent / "_library.py")
    _library.VALUES_PER_THREAD = 2**10  # threads take part
    rng, stop, count = np.random.default_rng(args.seed), time.time() + args.seconds, 0
    while time.time() < stop:
        _kernel.PART_BYTES = int(2 ** rng.integers(8, 20))
        _kernel.INTERLEAVED_BYTES = int(2 ** rng.integers(8, 24))
        try_once(rng)
        count += 1
    print(f"{count} random transforms, {', '.join(_library.instruction_sets())}: clean")


if __name__ == "__main__":
    main()
