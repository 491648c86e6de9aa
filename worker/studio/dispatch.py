"""From the input of a job to its output: finds the route, checks what goes in and what comes out."""

import importlib
import logging
import time
import traceback
from pathlib import Path

from studio.actions import is_action, run_action
from studio.assets import Assets
from studio.bucket import secrets_of
from studio.context import JobContext
from studio.contract.routes import ROUTES
from studio.delivery import deliver, storage_for
from studio.failures import Cancelled, StudioFailure, classify
from studio.input import read_input
from studio.logs import set_route, set_secrets
from studio.process import PROCESS
from studio.prompts import by_prompt, together
from studio.settings import Settings

log = logging.getLogger(__name__)


def check_start(settings: Settings) -> None:
    """Compares the routes that exist with the contract and reads the set of models.

    What is wrong is remembered, not raised.

    A worker that ends at once is started again and again, and nobody sees why; one that
    answers each job with the reason is understood.
    """
    present = {file.stem for file in (Path(__file__).parent / "routes").glob("*.py")} - {"__init__"}
    differences = [f"route '{name}' has no file in routes" for name in sorted(ROUTES.keys() - present)]
    differences += [f"routes/{name}.py is not in the contract" for name in sorted(present - ROUTES.keys())]
    if differences:
        remember_failure(StudioFailure("BACKEND_NOT_READY", backend=f"the worker ({'; '.join(differences)})"))
    try:
        Assets(settings)
    except Exception as exception:
        remember_failure(classify(exception))
    PROCESS.ready.set()


def remember_failure(failure: StudioFailure) -> None:
    """Answers every job from now on with this failure."""
    log.error("start-up failed: %s", failure)
    PROCESS.startup_failure = failure


def run_job(job_input: object, context: JobContext) -> dict:
    """Runs one job and returns its output, ready to be sent as JSON.

    Raises StudioFailure, or Cancelled when the job was stopped; nothing else.
    """
    started = time.monotonic()
    cold = PROCESS.cold
    name = "worker"
    try:
        if is_action(job_input):
            name = "action"
            set_route(name)
            log.info("job %s started: %.60r", context.job_id, job_input["action"])
            return run_action(job_input, context)
        name, models = _read(job_input)
        set_route(name)
        set_secrets(secrets_of(context.s3_config))
        log.info("job %s started", context.job_id)
        context.check_cancelled()
        storage = storage_for(models[0], context)
        output = _run(name, models, context)
        context.check_cancelled()
        duration_ms = round((time.monotonic() - started) * 1000)
        meta = {"job_id": context.job_id, "duration_ms": duration_ms, "cold_start": cold}
        output = {**output, "meta": {**output.get("meta", {}), **meta}}
        output, size = deliver(output, models[0], context, storage)
        log.info("job %s finished in %d ms, %d bytes", context.job_id, duration_ms, size)
        return output
    except Cancelled:
        log.info("job %s was cancelled", context.job_id)
        raise
    except Exception as exception:
        failure = classify(exception)
        if context.settings.debug:
            failure.traceback = traceback.format_exc()
        log.error("job %s failed: %s", context.job_id, failure)
        raise failure from None
    finally:
        # What tells about the worker does not warm anything up.
        if name not in ("worker", "action", "health", "models"):
            PROCESS.jobs_finished += 1
        set_route("worker")
        set_secrets(())


def _read(job_input: object) -> tuple[str | None, list]:
    # A worker that could not start says so before it finds fault with the input.
    name, models = None, []
    failure = PROCESS.startup_failure
    try:
        for part in by_prompt(job_input):
            name, model = read_input(part)
            models.append(model)
    except StudioFailure:
        if failure is None:
            raise
    if failure is not None and name != "health":
        raise failure
    return name, models


def _run(name: str, models: list, context: JobContext) -> dict:
    outputs = []
    for index, model in enumerate(models):
        part = context.part(index, len(models))
        try:
            outputs.append(_route(name).run(model, part))
        finally:
            part.close()
    return together(outputs)


def health(settings: Settings, diagnostics: bool = False) -> dict:
    """The output of the route health, without a job and without waiting for one."""
    _, model = read_input({"route": "health", "diagnostics": diagnostics})
    return _route("health").run(model, JobContext("health", settings))


def models(settings: Settings) -> dict:
    """The output of the route models, without a job and without waiting for one."""
    _, model = read_input({"route": "models"})
    return _route("models").run(model, JobContext("models", settings))


def _route(name: str):
    # At first use: what a route needs is dear to import, and most workers serve few routes.
    return importlib.import_module(f"studio.routes.{name}")
