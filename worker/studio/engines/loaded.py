"""The models of this process and what health tells about them. Imports torch on first use only."""

import pickle
import threading
from collections.abc import Callable
from pathlib import Path

from studio.assets import Assets, weight_files
from studio.engines.cache import ModelCache
from studio.failures import StudioFailure
from studio.installed.choose import Choice, choose, config_donors

_LOCK = threading.RLock()
_state: dict = {}


def loaded_engines() -> set[str]:
    """Names of the engines that have a model in memory: diffusion, upscale, score, caption. Loads nothing."""
    cache = _state.get("cache")
    return {key[0] for key in cache.loaded()} if cache else set()


def device(wanted: str = "auto"):
    """The device of this process, chosen once."""
    with _LOCK:
        if "device" not in _state:
            from studio.engines.device import free_bytes, pick_device, release

            chosen = pick_device(wanted)
            _state["device"] = chosen
            _state["cache"] = ModelCache(lambda: free_bytes(chosen), lambda: release(chosen))
        return _state["device"]


def cache() -> ModelCache:
    """The models that this process has loaded."""
    device()
    return _state["cache"]


def diffusion(assets: Assets, choice: Choice | None, wanted: str):
    """The diffusion model of `choice` (None: the set's default), loaded with its LoRAs.

    Raises INVALID_INPUT for a LoRA that does not fit, ASSET_MISSING.
    """
    choice = choice or choose(assets)
    chosen = device(wanted)

    def load():
        from studio.engines.diffusion.load import load_model

        donors = config_donors(assets, choice)
        return load_model(choice.card, choice.path, chosen, assets.speed_ups, assets.compiled, choice.loras, donors)

    # LoRAs are worked into the weights, so a model with others is another model.
    key = ("diffusion", str(choice.path), assets.speed_ups, choice.loras)
    return _get(key, load, choice.path)


def upscaler(assets: Assets, kind: str | None, wanted: str):
    """The enlarger of this kind, loaded; None for an optional one that is not there."""
    card, path = assets.upscaler(kind)
    if path is None:
        return None
    chosen = device(wanted)

    def load():
        from studio.engines.upscale.load import load_upscaler

        return load_upscaler(card, path, chosen)

    return _get(("upscale", str(path)), load, path)


def required_upscaler(assets: Assets, kind: str | None, wanted: str):
    """As `upscaler`, for those who cannot do without. Raises ASSET_MISSING."""
    model = upscaler(assets, kind, wanted)
    if model is None:
        raise assets.missing_upscaler(kind)
    return model


def scorer(assets: Assets, wanted: str):
    """The aesthetic predictor of the set, loaded; None for a set without one."""
    found = assets.scorer()
    if found is None:
        return None
    card, tower, head = found
    chosen = device(wanted)

    def load():
        from studio.engines.score import load_scorer

        return load_scorer(card, tower, head, chosen)

    return _get(("score", str(tower), str(head)), load, tower)


def captioner(assets: Assets, card, folder, precision: str, wanted: str):
    """A caption model of the set (card and folder from `assets.captioner`), loaded in this precision."""
    chosen = device(wanted)

    def load():
        from studio.engines.caption.load import load_captioner

        return load_captioner(card, folder, precision, chosen)

    share = {"8bit": 0.55, "4bit": 0.3}.get(precision, 1.0)
    return _get(("caption", str(folder), precision), load, folder, share)


def safety(assets: Assets, wanted: str):
    """The classifier of the set that finds images not to be shown, loaded. Raises ASSET_MISSING."""
    card, folder = assets.safety()
    chosen = device(wanted)

    def load():
        from studio.engines.safety import load_safety

        return load_safety(card, folder, chosen)

    return _get(("safety", str(folder)), load, folder)


def _get(key: tuple, load: Callable, path: Path, share: float = 1.0):
    """The model of `key` from the cache. Of its weights on the disk `share` will be in memory."""
    size = sum(file.stat().st_size for file in weight_files(path))
    try:
        return cache().get(key, load, round(size * share))
    except Exception as error:
        # By name: the class is that of a library which is loaded with the model.
        if type(error).__name__ == "SafetensorError" or isinstance(error, (pickle.UnpicklingError, EOFError)):
            detail = f"the weights in {path} are damaged ({error}). Remove them and fetch them again"
            raise StudioFailure("JOB_FAILED", detail=detail) from None
        raise
