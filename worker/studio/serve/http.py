"""Pod mode: the platform's job API on one port, in front of the same jobs, with telemetry beside it."""

import asyncio
import contextlib
import signal

import httpx
import uvicorn
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse

from studio import dispatch
from studio.actions import is_action
from studio.contract.job import RUN_BODY_BYTES, RUNSYNC_BODY_BYTES, RUNSYNC_WAIT_MS
from studio.jobs.job import Job
from studio.jobs.runner import JobRunner
from studio.jobs.state import TransitionError
from studio.media.addresses import AddressRefused, check_address
from studio.serve import replies
from studio.serve.access import TokenGuard
from studio.serve.activity import Activity
from studio.serve.captions import CaptionApi
from studio.serve.departure import Departure
from studio.serve.forge import api_forge, forge
from studio.serve.live import Live
from studio.serve.request import Refused, bad_request, read_body, read_job
from studio.serve.telemetry import Telemetry
from studio.serve.webhook import deliver
from studio.settings import Settings

SWEEP_S = 0.25
WAIT_MIN_MS, WAIT_MAX_MS = 1000, 300_000
# The platform tells a webhook about these; of a cancelled job the caller knows.
TOLD_STATES = ("COMPLETED", "FAILED", "TIMED_OUT")


class PodServer:
    """The job API over one runner. `app` is the application with its token guard."""

    def __init__(self, settings: Settings, runner: JobRunner | None = None):
        self.settings = settings
        self.runner = runner or JobRunner(settings, dispatch.run_job, on_finish=self.on_finish, aside=is_action)
        self.activity = Activity(self.runner)
        self.live = Live(Telemetry(settings, self.activity), settings.pod)
        self.departure = Departure(settings.pod, self.activity.clocks, lambda: signal.raise_signal(signal.SIGTERM))
        self._deliveries: set[asyncio.Task] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        app = FastAPI(lifespan=self._life, openapi_url=None, docs_url=None, redoc_url=None)
        app.add_exception_handler(Refused, lambda request, refused: JSONResponse(refused.body, refused.status))
        app.add_exception_handler(404, lambda request, error: JSONResponse(_no_path(request), 404))
        app.add_api_route("/", self.root, methods=["GET", "HEAD"])
        for prefix in ("", "/v2/{endpoint_id}"):
            app.include_router(self._routes(), prefix=prefix)
        app.add_api_route("/metrics", self.live.metrics, methods=["GET"])
        app.add_api_route("/stream", self.live.stream, methods=["GET"])
        app.add_api_websocket_route("/ws", self.live.websocket)
        app.add_api_route("/forge", forge, methods=["POST"])
        app.add_api_route("/api/forge", api_forge, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
        CaptionApi(settings, self.runner).add_to(app)
        self.app = TokenGuard(app, settings.auth_token, self.activity.request)

    def _routes(self) -> APIRouter:
        router = APIRouter()
        router.add_api_route("/run", self.run, methods=["POST"])
        router.add_api_route("/runsync", self.runsync, methods=["POST"])
        router.add_api_route("/status/{job_id}", self.status, methods=["GET"])
        router.add_api_route("/cancel/{job_id}", self.cancel, methods=["POST"])
        router.add_api_route("/retry/{job_id}", self.retry, methods=["POST"])
        router.add_api_route("/purge-queue", self.purge, methods=["POST"])
        router.add_api_route("/health", self.health, methods=["GET"])
        return router

    @contextlib.asynccontextmanager
    async def _life(self, app: FastAPI):
        self._loop = asyncio.get_running_loop()
        async with httpx.AsyncClient() as self._client:
            start = asyncio.create_task(asyncio.to_thread(dispatch.check_start, self.settings))
            repeated = (self._sweep(), self._look(), self.live.push(self._client), self.departure.watch(self._client))
            tasks = [asyncio.create_task(work) for work in repeated]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                self.runner.stop()
                await start
                if self._deliveries:
                    await asyncio.wait(self._deliveries, timeout=3)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            self.runner.sweep()

    async def _look(self) -> None:
        # Also when nobody listens: the clock of the GPU runs by these looks.
        while True:
            await self.live.metrics()
            await asyncio.sleep(self.settings.pod.telemetry_interval_s)

    async def root(self) -> dict:
        return {"ok": True, "service": "runpod-studio-worker"}

    async def _accept(self, request: Request, limit: int, sync: bool) -> Job:
        job = read_job(await read_body(request, limit), sync)
        if self.departure.leaving:
            raise Refused(503, "Service Unavailable", "This Pod is ending because nobody used it. Start another one.")
        if job.webhook:
            try:
                await asyncio.to_thread(check_address, job.webhook, self.settings.allow_private)
            except AddressRefused as refused:
                raise bad_request(f"'webhook' is not called: {refused}.") from None
        return job

    async def run(self, request: Request) -> dict:
        job = await self._accept(request, RUN_BODY_BYTES, sync=False)
        self.runner.submit(job)
        return {"id": job.id, "status": "IN_QUEUE"}

    async def runsync(self, request: Request) -> JSONResponse:
        wait_ms = _wait_ms(request.query_params.get("wait"))
        job = await self._accept(request, RUNSYNC_BODY_BYTES, sync=True)
        self.runner.submit(job)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(job.attempt.finished)), wait_ms / 1000)
        return self._tell(job)

    async def status(self, job_id: str) -> JSONResponse:
        return self._tell(self.runner.store.get(job_id))

    async def cancel(self, job_id: str) -> JSONResponse:
        job = self.runner.cancel(job_id)
        return self._not_found() if job is None else JSONResponse(replies.submitted(job))

    async def retry(self, job_id: str) -> JSONResponse:
        try:
            job = self.runner.retry(job_id)
        except TransitionError as error:
            raise bad_request(f"Only a job that is FAILED or TIMED_OUT can be tried again: {error}.") from None
        return self._not_found() if job is None else JSONResponse({"id": job.id, "status": "IN_QUEUE"})

    async def purge(self) -> dict:
        return {"removed": self.runner.purge(), "status": "completed"}

    async def health(self, diagnostics: bool = False) -> JSONResponse:
        # In a thread: asking the driver for its memory takes a moment.
        worker = await asyncio.to_thread(dispatch.health, self.settings, diagnostics)
        return JSONResponse(
            replies.health(self.runner.store.counts(), worker), 503 if worker["status"] == "starting" else 200
        )

    def on_finish(self, job: Job) -> None:
        """Called by the runner in whatever thread made the job final."""
        if job.webhook and job.status in TOLD_STATES and self._loop is not None:
            body = replies.webhook_body(job, self.runner.clock())
            self._loop.call_soon_threadsafe(self._deliver, job.webhook, body)

    def _deliver(self, address: str, body: dict) -> None:
        task = asyncio.get_running_loop().create_task(deliver(address, body, self._client, self.settings.allow_private))
        self._deliveries.add(task)
        task.add_done_callback(self._deliveries.discard)

    def _tell(self, job: Job | None) -> JSONResponse:
        # A job can outlive its time to live while someone waits for it.
        if job is None or self.runner.store.get(job.id) is None:
            return self._not_found()
        return JSONResponse(replies.state(job, self.settings.worker_id, self.runner.clock()))

    @staticmethod
    def _not_found() -> JSONResponse:
        return JSONResponse(replies.NOT_FOUND, 404)


def _no_path(request: Request) -> dict:
    return replies.problem(404, "Not Found", f"there is nothing at {request.method} {request.url.path}")


def _wait_ms(text: str | None) -> int:
    if text is None:
        return RUNSYNC_WAIT_MS
    if not text.isdigit() or not WAIT_MIN_MS <= int(text) <= WAIT_MAX_MS:
        raise bad_request(f"'wait' must be a whole number of milliseconds from {WAIT_MIN_MS} to {WAIT_MAX_MS}.")
    return int(text)


def serve(settings: Settings) -> int:
    """Serves until the process is told to stop. Returns the exit code."""
    from studio.serve.listen import listen

    pod = PodServer(settings)
    return listen(uvicorn.Config(pod.app, log_config=None, access_log=False), settings, pod.runner)
