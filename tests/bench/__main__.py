"""`python -m tests.bench [PART ...]`: measure and print; asserts no time.

Exits with 1 when a request failed that should not have: the figures then say nothing.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

from tests.bench.machine import describe
from tests.bench.options import Options

PARTS = ("durable", "bulk", "bulk_million", "profile", "load", "refresh")


def main(arguments: Sequence[str]) -> int:
    """Run the wanted parts, all of them when none is named; return the exit code."""
    wanted = _parser().parse_args(arguments)
    parts, options = wanted.parts or PARTS, Options(wanted.scale, wanted.bulk)
    print("\n".join(describe(f"python -m tests.bench {' '.join(arguments)}")), flush=True)
    failed = {name: _part(name, options) for name in parts}
    for name, count in failed.items():
        if count:
            print(f"!!! {name}: {count:,} FAILED. Its figures say nothing.", flush=True)
    return 1 if any(failed.values()) else 0


def _part(name: str, options: Options) -> int:
    failed: int = importlib.import_module(f"tests.bench.{name}").run(options)
    return failed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    # Not `choices`: with nargs="*" they refuse the empty list.
    parser.add_argument("parts", nargs="*", type=_known, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full sizes")
    parser.add_argument("--bulk", type=int, default=500, help="items of a bulk, 1 to 1000")
    return parser


def _known(name: str) -> str:
    if name not in PARTS:
        raise argparse.ArgumentTypeError(f"no such part: there are {', '.join(PARTS)}")
    return name


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
