"""Tells what the worker is and whether it can work. Loads no model and no engine."""

from studio import logs
from studio.assets import Assets
from studio.context import JobContext
from studio.contract.health import HealthInput
from studio.engines.loaded import loaded_engines
from studio.failures import StudioFailure
from studio.gpu import find_gpu
from studio.process import PROCESS
from studio.settings import Settings


def run(input: HealthInput, context: JobContext) -> dict:
    """The keys of the contract; `diagnostics` adds the end of the log and the settings."""
    settings = context.settings
    loaded = loaded_engines()
    assets = _assets(settings)
    gpu = find_gpu()
    output = {
        "route": "health",
        "status": PROCESS.status,
        "model": _caption_model(assets),
        "pipe_loaded": "diffusion" in loaded,
        "aesthetics_loaded": "score" in loaded,
        "gpu_available": gpu is not None,
        "gpu_name": gpu.name if gpu else None,
        "local_files_only": settings.local_files_only,
        "version": settings.version,
        "swarmui_version": None,
        "engines": _engines(assets, loaded),
        "vram_total_mb": gpu.total_mb if gpu else None,
        "vram_free_mb": gpu.free_mb if gpu else None,
        "cold_start": PROCESS.cold,
        "uptime_s": PROCESS.uptime_s,
        "model_set": settings.model_set,
    }
    if PROCESS.startup_failure is not None:
        output["startup_failure"] = str(PROCESS.startup_failure)
    if input.diagnostics:
        output["diagnostics"] = {"log": logs.tail(), "settings": settings.public()}
    return output


def _assets(settings: Settings) -> Assets | StudioFailure:
    """The set, read once, or what is wrong with it."""
    try:
        return Assets(settings)
    except StudioFailure as failure:
        return failure


def _caption_model(assets: Assets | StudioFailure) -> str | None:
    # Of a broken set 'engines' tells what is wrong.
    cards = [] if isinstance(assets, StudioFailure) else assets.set.captioners
    return next((card.name for card in cards), None)


def _engines(assets: Assets | StudioFailure, loaded: set[str]) -> dict[str, str]:
    """ready, not loaded, or why the engine cannot work, by engine."""
    if isinstance(assets, StudioFailure):
        return dict.fromkeys(("diffusion", "upscale", "score", "caption"), str(assets))
    first = next(iter(assets.set.captioners), None)
    needs = {
        "diffusion": lambda: assets.pipeline(assets.card()),
        "upscale": lambda: assets.upscaler()[1],
        "score": assets.scorer,
        "caption": lambda: first and assets.captioner(first.model, first.name),
    }
    return {name: "ready" if name in loaded else _reason(find) for name, find in needs.items()}


def _reason(find) -> str:
    try:
        return "not loaded" if find() else "not in this set"
    except StudioFailure as failure:
        return str(failure)
