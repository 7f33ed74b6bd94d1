"""The speed and memory of sk_awave beside its peers.

Run ``pip install ".[benchmarks]"``, then ``python benchmarks/peers``, or with ``--quick``
for about a minute. It prints the Markdown of the page of benchmarks. It installs nothing:
a peer that is missing is reported, and left out.
"""

import os

os.environ.update(  # before anything is loaded that takes threads
    {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "RAYON")}
)

import argparse
import contextlib
import itertools
import platform
import sys
import time
from datetime import date
from functools import partial
from importlib import metadata
from pathlib import Path

import learning
import report
import resources
import transforming
from libraries import PEERS, TOLERANCE

from sk_awave.engine._library import instruction_sets

SECTIONS = transforming.SECTIONS | learning.SECTIONS | resources.SECTIONS
PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def processor():
    """Return the name of the processor."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(ln.split(": ")[1] for ln in lines if ln.startswith("model name"))
    return platform.processor() or platform.machine()


def about(rounds):
    """Say when, where and with what the tables were made."""
    names = ["sk_awave", "numpy", "torch", *(name for name in PEERS if PEERS[name])]
    versions = [f"Python {platform.python_version()}"]
    versions += [f"{name} {metadata.version(name)}" for name in names]
    versions.append(f"kernel {(instruction_sets() or ['none'])[0]}")
    missing = ", ".join(name for name in PEERS if not PEERS[name])
    return (
        f"Measured on {date.today()}: {processor()}, {os.cpu_count()} CPUs, "
        f"{platform.system()}; {', '.join(versions)}. Rounds: {rounds} (of whole fits at "
        f"most 5, of searches and paths 3). Results agree to {TOLERANCE:g}."
        + (f" Not installed, and left out: {missing}." if missing else "")
    )


def arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="peers", description=__doc__.splitlines()[0])
    add = partial(parser.add_argument, type=Path)
    parser.add_argument("--quick", action="store_true", help="fewer rows, 3 rounds")
    parser.add_argument("--rounds", type=int, help="by default 7")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, help="by default all")
    add("--save", metavar="JSON", help="where to keep what is measured")
    add(
        "--load", metavar="JSON", help="start from what was kept; measure only --sections"
    )
    add("--chart", metavar="PNG", help="where to draw the ratios")
    add(
        "--write-page",
        nargs="?",
        const=PAGE,
        metavar="MD",
        help=f"by default {PAGE.name}",
    )
    return parser.parse_args()


def main():
    """Measure, and write what is asked for."""
    args = arguments()
    rounds = args.rounds or (3 if args.quick else 7)
    measured = args.sections or ([] if args.load else list(SECTIONS))
    text, rows = report.load(args.load) if args.load else (about(rounds), [])
    for key in measured:
        start = time.perf_counter()
        rows = [row for row in rows if row.section != key]
        rows += SECTIONS[key].rows(rounds, args.quick)
        print(f"{key}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
        if args.save:
            report.save(args.save, text, rows)
    found = {key: [row for row in rows if row.section == key] for key in SECTIONS}
    tables = [report.table(SECTIONS[key], part) for key, part in found.items() if part]
    page = "\n".join([f"{text}\n", *tables])
    print(page)
    if args.chart:
        report.chart(args.chart, SECTIONS, list(itertools.chain(*found.values())))
    if args.write_page:
        report.write_page(args.write_page, page)


if __name__ == "__main__":
    main()
