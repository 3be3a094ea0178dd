"""Observed: how our loop meets a Prefect server, and goes on when there is none."""

import asyncio
import logging
import os
import urllib.error
import urllib.request
from typing import Any
from uuid import UUID

LOG = logging.getLogger("imo360.work")


def prefect_answers() -> bool:
    """Whether a Prefect server is set (PREFECT_API_URL) and answers now."""
    url = os.environ.get("PREFECT_API_URL")
    if not url or not url.startswith(("http://", "https://")):
        return False
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:  # noqa: S310 http by the check above
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


async def _crash_leftovers(tag: str) -> list[UUID]:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateType,
        FlowRunFilterTags,
    )
    from prefect.client.schemas.objects import State, StateType
    from prefect.client.schemas.sorting import FlowRunSort
    from prefect.states import Crashed

    wanted = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[tag]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING])),
    )
    async with get_client() as client:
        runs = await client.read_flow_runs(
            flow_run_filter=wanted, sort=FlowRunSort.START_TIME_DESC, limit=50
        )
        for run in runs:
            state: State[Any] = Crashed(
                message="its process ended without a word; the lease moved on"
            )
            await client.set_flow_run_state(run.id, state, force=True)
    return [run.id for run in runs]


def crash_leftovers(tag: str) -> list[UUID]:
    """Mark as Crashed what a killed worker of this home left RUNNING; return the run ids.

    Call it while holding the lease: then nobody else's run can be meant.
    """
    return asyncio.run(_crash_leftovers(tag))
