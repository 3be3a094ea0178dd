"""fetch_images: the Prefect flow that drains the picture queue, beside refresh_market.

Verdicts reach the tables by the next refresh: they travel through the lake like everything else.
"""

import asyncio

from prefect import flow, get_run_logger

from flows.steps.pictures import Progress, drain_pictures
from flows.steps.worker import utc_now
from store.settings import Settings


@flow(name="fetch_images", persist_result=False, validate_parameters=False)
async def fetch_images(settings: Settings, on_progress: Progress) -> int:
    """Give every pending picture its first verdict; return how many there were."""
    count = await asyncio.to_thread(drain_pictures, settings, utc_now, on_progress)
    get_run_logger().info("%d pictures judged", count)
    return count
