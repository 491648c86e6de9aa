"""Pod mode: captions by a form, and the lists of models and modes, in the shapes of Captiv's HTTP API."""

import asyncio
import base64
import json

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException

from studio import dispatch
from studio.assets import Assets
from studio.contract.caption_texts import DEFAULT_MODEL, MODELS
from studio.contract.job import RUNSYNC_BODY_BYTES
from studio.engines.caption.listing import model_of, modes_and_options
from studio.jobs.job import Job
from studio.jobs.runner import JobRunner
from studio.process import PROCESS
from studio.serve.request import read_body, read_job
from studio.settings import Settings

FIELDS = ("model_variant", "mode", "prompt", "generation_params")
# The worker cannot serve this model now; anything else that is wrong with a request is 400.
_UNAVAILABLE = ("ASSET_MISSING", "MODEL_NOT_FOUND", "BACKEND_NOT_READY", "NETWORK")
_OWN_FAULT = ("JOB_FAILED", "OUT_OF_MEMORY")


class CaptionApi:
    """Three paths beside the job API. A caption is a job like any other and waits for its turn."""

    def __init__(self, settings: Settings, runner: JobRunner):
        self._settings, self._runner = settings, runner

    def add_to(self, app: FastAPI) -> None:
        app.add_api_route("/api/caption", self.caption, methods=["POST"])
        app.add_api_route("/api/models", self.models, methods=["GET"])
        app.add_api_route("/api/modes/{model}", self.modes, methods=["GET"])

    async def models(self) -> dict:
        # Captiv's key for caption models; what draws stands beside it, under the names of the route models.
        listed = await asyncio.to_thread(dispatch.models, self._settings)
        return {"models": listed["caption"]} | {key: listed[key] for key in ("checkpoints", "loras", "default_model")}

    async def modes(self, model: str) -> JSONResponse:
        found = modes_and_options(Assets(self._settings), model)
        if found is None:
            return _detail(404, "Model not found")
        modes, options = found
        return JSONResponse({"model": model, "modes": modes, "prompt_options": options})

    async def caption(self, request: Request) -> JSONResponse:
        if not PROCESS.ready.is_set():
            return _detail(503, "Model not loaded")
        body = await read_body(request, RUNSYNC_BODY_BYTES)
        try:
            image, values = await _read_form(Request(request.scope, _once(body)))
        except MultiPartException:
            return _detail(400, "The body is not a form.")
        if image is None:
            return _detail(400, "'image' is missing; it must be a file.")
        try:
            params = json.loads(values.get("generation_params") or "{}")
        except (ValueError, RecursionError):
            params = None
        if not isinstance(params, dict):
            return _detail(400, "Invalid generation_params JSON")
        variant = values.get("model_variant") or MODELS[DEFAULT_MODEL]["default_variant"]
        asked = {
            "route": "caption",
            "images": [base64.b64encode(image).decode("ascii")],
            # An unknown variant is refused by the job, which names those that there are.
            "model": model_of(Assets(self._settings), variant) or DEFAULT_MODEL,
            "model_variant": variant,
            "mode": values.get("mode") or "default",
            "prompt": values.get("prompt") or "",
            "generation_params": params,
        }
        job = read_job(json.dumps({"input": asked}).encode(), sync=True)
        self._runner.submit(job)
        await asyncio.wrap_future(job.attempt.finished)
        return _told(job)


def _told(job: Job) -> JSONResponse:
    if job.status == "COMPLETED":
        return JSONResponse({key: job.output[key] for key in ("caption", "model_variant", "mode", "prompt")})
    text = job.error or f"The job ended as {job.status}."
    code = job.error_code or text.partition(":")[0]
    status = 503 if code in _UNAVAILABLE else 500 if code in _OWN_FAULT or job.status != "FAILED" else 400
    return _detail(status, text)


async def _read_form(request: Request) -> tuple[bytes | None, dict[str, str]]:
    async with request.form(max_files=1, max_fields=len(FIELDS) * 2) as form:
        file = form.get("image")
        image = await file.read() if isinstance(file, UploadFile) else None
        return image, {name: str(form[name]) for name in FIELDS if name in form}


def _once(body: bytes):
    """Gives a body that was read already to whoever reads it again."""

    async def receive() -> dict:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _detail(status: int, text: str) -> JSONResponse:
    return JSONResponse({"detail": text}, status)
