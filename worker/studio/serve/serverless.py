"""Attaches the worker to the platform's queue by the platform's own SDK."""

import asyncio
import logging
import signal
import sys
import threading

import runpod
from runpod.serverless.modules.rp_logger import RunPodLogger
from runpod.serverless.modules.worker_state import JobsProgress

from studio import dispatch
from studio.actions import end_hold, is_action
from studio.jobs.job import Job, Policy
from studio.jobs.runner import JobRunner
from studio.serve.relay import ProgressRelay
from studio.settings import Settings

log = logging.getLogger(__name__)

# One progress is a small request; when the platform does not take it in this time, the result goes first.
PROGRESS_WAIT_S = 30
LEAVE_LOOK_S = 0.05


class ServerlessHandler:
    """The handler that the SDK calls with each job.

    It is a coroutine, because the SDK stops nothing else: a plain function runs to its end and posts
    the result of a cancelled job.
    """

    def __init__(self, settings: Settings):
        self.runner = JobRunner(settings, dispatch.run_job, on_progress=self._on_progress, aside=is_action)
        self._relays: dict[str, ProgressRelay] = {}

    async def __call__(self, wire_job: dict) -> dict:
        """The output, or `{"error": "CODE: sentence"}`, which the SDK posts as a failed job.

        A raised exception would be posted as JSON text with a traceback in it.
        """
        # The platform keeps the time limits and tells about their end on the stop channel.
        job = Job(wire_job["id"], wire_job["input"], policy=Policy(None, None), s3_config=wire_job.get("s3Config"))
        relay = ProgressRelay(lambda progress: send_progress(wire_job, progress))
        self._relays[job.id] = relay
        try:
            self.runner.submit(job)
            await asyncio.shield(asyncio.wrap_future(job.attempt.released))
        except asyncio.CancelledError:
            self.runner.cancel(job.id)
            await _until(job.attempt.released)
            raise
        finally:
            self._relays.pop(job.id)
            self.runner.store.remove(job.id)
            await asyncio.to_thread(relay.close)
        return {"error": job.error} if job.error is not None else job.output

    def _on_progress(self, job: Job, progress: dict) -> None:
        relay = self._relays.get(job.id)
        if relay is not None:
            relay.post(progress)


async def _until(future) -> None:
    # The device is busy until the engine has seen the flag; the next job may not start before.
    while not future.done():
        try:
            await asyncio.shield(asyncio.wrap_future(future))
        except asyncio.CancelledError:
            continue


def send_progress(wire_job: dict, progress: dict) -> None:
    """Sends through the SDK and waits for the thread that it starts for this one message."""
    before = set(threading.enumerate())
    runpod.serverless.progress_update(wire_job, progress)
    # The SDK keeps the thread for itself; its name tells which function it runs.
    started = [thread for thread in set(threading.enumerate()) - before if thread.name.endswith("(_thread_target)")]
    for thread in started:
        thread.join(PROGRESS_WAIT_S)
        if thread.is_alive():
            log.warning("the platform did not take a progress message in %d s", PROGRESS_WAIT_S)


class _Departure:
    """Ends the process on SIGTERM and Ctrl-C as soon as it holds no job.

    The SDK itself waits for its open request for the next job, and a job that arrives then is lost.
    """

    def __init__(self):
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_taking = None
        self._leaving = False
        self._given_up = False

    def install(self, concurrency: int) -> int:
        """Called by the SDK from its running loop, after it set its own signal handlers."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._stop_taking = signal.getsignal(signal.SIGTERM)
            for number in (signal.SIGTERM, signal.SIGINT):
                self._loop.add_signal_handler(number, self._leave)
        return concurrency

    def _leave(self) -> None:
        if self._leaving:
            # Asked twice: the job is given up, its engine ends at the next step.
            self._given_up = True
            sys.exit(1)
        self._leaving = True
        log.info("asked to stop")
        # A hold may have an hour to go; the platform would kill the worker before, and run the job again.
        end_hold()
        if callable(self._stop_taking):
            self._stop_taking(signal.SIGTERM, None)
        self._leave_when_idle()

    def _leave_when_idle(self) -> None:
        if self._given_up:
            # The loop runs on while its tasks end, and this look must not make a good exit of a bad one.
            return
        if JobsProgress().get_job_count():
            self._loop.call_later(LEAVE_LOOK_S, self._leave_when_idle)
        else:
            sys.exit(0)


def serve(settings: Settings) -> int:
    """Takes jobs until the process is told to stop. Returns the exit code."""
    # At its default level the SDK writes whole results into the log, with their links.
    RunPodLogger().set_level("INFO")
    dispatch.check_start(settings)
    handler = ServerlessHandler(settings)

    async def handle(job: dict) -> dict:
        return await handler(job)

    runpod.serverless.start({"handler": handle, "concurrency_modifier": _Departure().install})
    return 0
