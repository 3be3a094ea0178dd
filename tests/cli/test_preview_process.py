"""The preview process: answers, ends when idle, and is started again whatever became of it."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from cli.preview_process import PreviewError, PreviewProcess
from store.settings import Settings
from tests.conftest import NOW
from tests.listings import document

pytestmark = pytest.mark.slow  # a process that loads frames and maps, several times

FLAT = document("a", status="active", floor=9, floorMax=4)


@pytest.fixture
def process(settings: Settings) -> Iterator[PreviewProcess]:
    made = PreviewProcess(settings, lambda: NOW, answer_seconds=60)
    yield made
    made.close()


def ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_it_starts_with_the_first_question_and_answers_many(process: PreviewProcess) -> None:
    async def ask_two() -> None:
        first, second = await asyncio.gather(
            process.preview(FLAT), process.preview({**FLAT, "price": 1})
        )
        assert first["record"]["external_id"] == "a"
        assert [each["rule_code"] for each in first["refusals"]] == ["floor_above_top"]
        assert second["record"] is None

    assert process.pid is None
    asyncio.run(ask_two())
    assert process.pid is not None


def test_a_killed_one_is_replaced_without_the_asker_noticing(process: PreviewProcess) -> None:
    async def ask_around_a_kill() -> None:
        await process.preview(FLAT)
        first = process.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert (await process.preview(FLAT))["record"]
        assert process.pid != first

    asyncio.run(ask_around_a_kill())


def test_it_ends_when_nobody_asks(settings: Settings) -> None:
    process = PreviewProcess(settings, lambda: NOW, answer_seconds=60, idle_seconds=0.05)
    asyncio.run(process.preview(FLAT))
    child = process._child
    assert child is not None
    child.process.join(timeout=30)
    assert child.process.exitcode == 0
    assert asyncio.run(process.preview(FLAT))["record"]
    process.close()


def test_no_answer_in_time_is_told_and_costs_the_process_its_life(settings: Settings) -> None:
    process = PreviewProcess(settings, lambda: NOW, answer_seconds=0.01)
    with pytest.raises(PreviewError, match=r"within 0\.01 seconds"):
        asyncio.run(process.preview(FLAT))
    assert process.pid is None
    process.close()


def test_a_preview_that_fails_is_told_and_the_process_lives(process: PreviewProcess) -> None:
    async def ask_nonsense() -> None:
        with pytest.raises(PreviewError, match="the preview failed"):
            await process.preview({**FLAT, "publishedAt": "yesterday"})
        before = process.pid
        assert (await process.preview(FLAT))["record"]
        assert process.pid == before

    asyncio.run(ask_nonsense())


def test_closing_ends_the_child(settings: Settings) -> None:
    process = PreviewProcess(settings, lambda: NOW, answer_seconds=60)
    asyncio.run(process.preview(FLAT))
    pid = process.pid
    process.close()
    assert pid is not None
    assert ended(pid)


def test_the_serving_process_stays_light() -> None:
    code = (
        "import sys, cli.preview_process; "
        "print(sorted({'polars', 'flows', 'geopandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
