"""Builds the compiled kernel, where there is a compiler; pyproject.toml says the rest."""

import hashlib
import os
import shutil
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

FOLDER = "sk_awave/engine/cpp"

#: The sources; those after the second are compiled for each instruction set.
SOURCES = ("choice", "lattice", "transform", "pooling")

#: The options by which each instruction set of x86 is compiled; `choice.cpp` chooses one
#: when it runs. Other processors, and MSVC, have what the compiler takes for granted.
X86_SETS = {
    "avx2": ["-mavx2", "-mfma"],
    "avx512": [f"-mavx512{part}" for part in ("f", "dq", "vl", "bw")] + ["-mfma"],
}


def hash_of_sources():
    """Return what `hash_of_sources` in ``_library.py`` returns, as a C literal."""
    digest = hashlib.sha256()
    for source in sorted([*Path(FOLDER).glob("*.cpp"), *Path(FOLDER).glob("*.h")]):
        digest.update(source.read_bytes())
    return f"0x{digest.hexdigest()[:16]}ULL"


class BuildKernel(build_ext):
    """Compiles sources once for each instruction set, into a plain C library."""

    def get_ext_filename(self, ext_name):
        """Name a library that every Python can load."""
        suffix = {"win32": "dll", "darwin": "dylib"}.get(sys.platform, "so")
        return str(Path(*ext_name.split("."))) + f".lib.{suffix}"

    def get_export_symbols(self, ext):
        """Say that there is no function for Python to initialize."""
        return []

    def build_extension(self, ext):
        """Compile and link; without a compiler the maps of torch serve."""
        is_msvc = self.compiler.compiler_type == "msvc"
        options = ["/std:c++17", "/O2", "/EHsc"] if is_msvc else ["-std=c++17", "-O3"]
        options += [] if is_msvc else ["-fvisibility=hidden", "-fno-math-errno", "-g0"]
        options += [] if is_msvc else ["-ffp-contract=fast", "-pthread"]
        sets = {"baseline": []}
        if not is_msvc and self.plat_name.endswith(("x86_64", "amd64", "i686")):
            sets |= X86_SETS
        plain, loops = ext.sources[:2], ext.sources[2:]
        macros = [("KERNEL_SOURCES", hash_of_sources())]
        macros += [("KERNEL_X86", None)] * (len(sets) > 1)
        parts = [("plain", plain, macros, [])]
        for name, extra in sets.items():
            parts.append((name, loops, [("KERNEL_SET", name)], extra))
        objects = []
        for name, sources, macros, extra in parts:
            objects += self.compiler.compile(
                sources,
                output_dir=str(Path(self.build_temp, name)),
                macros=macros,
                extra_postargs=options + extra,
                depends=ext.sources + ext.depends,
            )
        target = Path(self.get_ext_fullpath(ext.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        made = f"{target}.new"
        self.compiler.link_shared_object(
            objects,
            made,
            extra_postargs=[] if is_msvc else ["-pthread"],
            target_lang="c++",
        )
        os.replace(made, target)

    def copy_file(self, infile, outfile, *args, **kwargs):
        """Copy and then rename, as a process that loads a part of a library dies."""
        made = f"{outfile}.new"
        shutil.copyfile(infile, made)
        os.replace(made, outfile)
        return outfile, True


class PlatformWheel(bdist_wheel):
    """Tags the wheel for the platform, and for every Python."""

    def get_tag(self):
        """Return the tags of Python, ABI and platform."""
        return "py3", "none", super().get_tag()[2]


setup(
    cmdclass={"build_ext": BuildKernel, "bdist_wheel": PlatformWheel},
    ext_modules=[
        Extension(
            "sk_awave.engine._kernel",
            [f"{FOLDER}/{name}.cpp" for name in SOURCES],
            depends=[f"{FOLDER}/{name}.h" for name in ("jobs", "vectors")],
            optional=True,
        )
    ],
)
