import os
import subprocess
import sys

from tests.bench.machine import cpu_seconds, family


def test_a_family_is_a_process_and_all_below_it() -> None:
    parents = {1: 0, 10: 1, 11: 10, 12: 11, 20: 1}
    assert family(parents, 10) == {10, 11, 12}


def test_the_cpu_of_a_child_that_ended_counts() -> None:
    before = cpu_seconds(os.getpid())
    burn = "import time\nwhile time.process_time() < 0.2: pass"
    subprocess.run([sys.executable, "-c", burn], check=True)
    assert cpu_seconds(os.getpid()) - before >= 0.15
