"""`python -m tests.bench [durable bulk load refresh]`: measure and print; asserts no time."""

import importlib
import sys

from tests.bench.machine import describe

PARTS = ("durable", "bulk", "load", "refresh")


def main(wanted: list[str]) -> int:
    """Run the wanted parts, all of them when none is named; return the exit code."""
    if unknown := [name for name in wanted if name not in PARTS]:
        print(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    parts = wanted or list(PARTS)
    print("\n".join(describe(f"python -m tests.bench {' '.join(parts)}")), flush=True)
    for name in parts:
        importlib.import_module(f"tests.bench.{name}").run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
