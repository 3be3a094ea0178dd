"""The first refresh of a market and one cycle after a single change, each in its own process.

The first refresh is what `flows.steps.refresh.refresh` does, part by part: load everything, make
the first edition, score and publish all, export. No pictures are fetched.
"""

import subprocess
import sys
from dataclasses import astuple

import msgspec

from tests.bench.markets import fill
from tests.bench.options import Options
from tests.bench.refresh_once import Refreshed
from tests.bench.report import Cell, print_table
from tests.bench.servers import temporary_home

SIZES = (5_000, 50_000)
HEADER = ("listings", "posts", "load s", "edition s", "publish s", "export s", "first refresh s",
          "one change ms", "peak MiB")  # fmt: skip


def run(options: Options) -> int:
    """Measure and print; nothing here can fail by the request."""
    rows = [_measure(options.sized(size, 1_000)) for size in SIZES]
    print_table("Refresh of a synthetic market", HEADER, rows)
    print(
        "One change: the median over cycles that each publish one changed price; peak: all of it."
    )
    return 0


def _measure(listings: int) -> tuple[Cell, ...]:
    with temporary_home() as settings:
        posts = fill(settings, listings)
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.refresh_once", str(settings.home),
             str(settings.as_of_date)],
            check=True, stdout=subprocess.PIPE,
        )  # fmt: skip
    return listings, posts, *astuple(msgspec.json.decode(done.stdout, type=Refreshed))
