"""Waits for files of models that are on their way: a volume that is mounted late, a copy that is not done yet."""

import time
from collections.abc import Callable
from typing import TypeVar

from studio.context import JobContext
from studio.failures import StudioFailure
from studio.process import PROCESS

Found = TypeVar("Found")

LOOK_S = 2.0


def wait_for(
    look: Callable[[], Found],
    job: JobContext,
    age_s: Callable[[], float] = lambda: PROCESS.uptime_s,
    pause: Callable[[float], None] = time.sleep,
) -> Found:
    """What `look` finds. Where it raises ASSET_MISSING it is asked again until the worker is old enough.

    By the age of the worker, not of the job: the time is paid for, and what is missing minutes after the start
    was never going to come. Raises what `look` raised last, or Cancelled.
    """
    limit_s = job.settings.wait_for_assets_s
    while True:
        try:
            return look()
        except StudioFailure as failure:
            if failure.code != "ASSET_MISSING" or age_s() >= limit_s:
                raise
            missing = failure.values.get("asset")
        job.check_cancelled()
        # Seconds that run down, so that the job is seen to be alive.
        left = max(1, round(limit_s - age_s()))
        job.progress("loading", 1, f"Waiting for {missing}, at most {left} s more")
        pause(LOOK_S)
