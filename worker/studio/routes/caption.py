"""Route caption: what images show, in words. An image that fails does not stop the others."""

from dataclasses import dataclass

import numpy as np

from studio.assets import Assets, model_hash
from studio.context import JobContext
from studio.contract.caption import CaptionInput
from studio.contract.caption_texts import DEFAULT_MODEL
from studio.engines.caption.precision import choose_precision
from studio.engines.caption.prompt import build_prompt
from studio.engines.caption.written import Caption, image_seeds, resolve_params, written_well
from studio.failures import StudioFailure
from studio.media.inputs import fetcher
from studio.media.source import decode, limits_of, read_each


def run(input: CaptionInput, context: JobContext) -> dict:
    """The output of the contract without `meta`, which the job runner adds. Raises StudioFailure, Cancelled."""
    sources = [_decoded(source) for source in read_each(input.images, limits_of(context), fetcher(context))]
    _refuse_if_all_failed(sources)
    places = [place for place, source in enumerate(sources) if not isinstance(source, StudioFailure)]
    seeds = image_seeds(input.seed, len(sources))
    write = _ask_server if context.settings.caption_server else _write_here
    told = write(input, context, [sources[place] for place in places], [seeds[place] for place in places])
    results: list = list(sources)
    for place, caption in zip(places, told.captions, strict=True):
        results[place] = caption
    _refuse_if_all_failed(results)
    hints = told.hints + _without_effect(input)
    return {
        "route": "caption",
        "caption": results[0].text if isinstance(results[0], Caption) else None,
        "model": input.model,
        "model_variant": told.variant,
        "mode": input.mode,
        "prompt": told.prompt,
        "seed": seeds[0],
        "captions": [_entry(place, result) for place, result in enumerate(results)],
        "summary": _summary(results),
        "metadata": told.metadata,
    } | ({"hints": hints} if hints else {})


@dataclass(frozen=True)
class _Told:
    """Captions of the images that could be read, and what the result tells about how they were made."""

    captions: list[Caption | StudioFailure]
    variant: str
    prompt: str
    metadata: dict
    hints: list[str]


def _decoded(source):
    if isinstance(source, StudioFailure):
        return source
    try:
        return decode(source)
    except StudioFailure as failure:
        return failure


def _refuse_if_all_failed(results: list) -> None:
    if all(isinstance(result, StudioFailure) for result in results):
        raise results[0]


def _write_here(input: CaptionInput, context: JobContext, images: list[np.ndarray], seeds: list[int]) -> _Told:
    settings = context.settings
    context.progress("loading", 1, "Loading the model")
    assets = Assets(settings, context)
    card, folder = assets.captioner(input.model, input.model_variant)
    # Before the engine's libraries, whose import takes seconds: a prompt that cannot be is told at once.
    prompt = build_prompt(input, card.name)
    params = resolve_params(input.model, _asked(input))
    from studio.engines import loaded
    from studio.engines.caption.generate import write_captions
    from studio.engines.device import total_bytes

    precision = choose_precision(input.precision, card, total_bytes(loaded.device(settings.device)))
    captioner = loaded.captioner(assets, card, folder, precision, settings.device)
    what = "the caption" if len(images) == 1 else f"{len(images)} captions"

    def on_token(count: int) -> None:
        context.check_cancelled()
        context.progress("captioning", 10 + 85 * min(1, count / params["max_new_tokens"]), f"Writing {what}")

    captions = write_captions(
        captioner,
        images,
        prompt,
        params,
        seeds,
        on_token,
        lambda: loaded.cache().drop_others(captioner),
        static="compile" in settings.speed_ups,
    )
    metadata = {
        "precision": precision,
        "generation_params": params,
        "backend": "local",
        "license": card.license,
        "worker": {
            "version": settings.version,
            "model_hash": model_hash(folder),
            "device": captioner.device.name,
        },
    }
    return _Told(captions, card.name, prompt, metadata, [])


def _ask_server(input: CaptionInput, context: JobContext, images: list[np.ndarray], seeds: list[int]) -> _Told:
    from studio.backends.openai_caption import Answer, ask_each, sent_params

    settings, server = context.settings, context.settings.caption_server
    for asked, served in ((input.model, DEFAULT_MODEL), (input.model_variant or server.model, server.model)):
        if asked != served:
            # The server has one model, and the model that answers is the one asked for.
            raise StudioFailure("MODEL_NOT_FOUND", model=asked, nearest=served)
    prompt = build_prompt(input, server.model)
    asked = _asked(input)
    params = resolve_params(input.model, asked)
    sent, left_out = sent_params(params, asked)
    models = []

    def on_answer(done: int) -> None:
        context.check_cancelled()
        context.progress("captioning", 5 + 90 * done / len(images), f"{done} of {len(images)} captions")

    def write(places: list[int], seeds: list[int]) -> list:
        answers = ask_each(server, [images[place] for place in places], prompt, sent, seeds, on_answer)
        models.extend(answer.model for answer in answers if isinstance(answer, Answer))
        return [(answer.text, answer.tokens) if isinstance(answer, Answer) else answer for answer in answers]

    captions = written_well(write, seeds, params["temperature"] > 0)
    metadata = {
        "precision": None,
        "generation_params": sent,
        "backend": "openai",
        "license": None,
        "worker": {"version": settings.version, "model_hash": None, "device": server.url},
    }
    hints = [f"'{name}' was not sent: the caption server does not take it." for name in left_out]
    return _Told(captions, models[0] if models else server.model, prompt, metadata, hints)


def _asked(input: CaptionInput) -> dict:
    """Generation parameters that the job sets itself."""
    return input.generation_params.model_dump(exclude_none=True) if input.generation_params else {}


def _entry(place: int, result: Caption | StudioFailure) -> dict:
    entry: dict = {"id": f"img_000_{place:02d}"}
    if isinstance(result, StudioFailure):
        return entry | {"error": {"code": result.code, "message": str(result).removeprefix(f"{result.code}: ")}}
    entry |= {"caption": result.text, "seed": result.seed}
    if result.tokens is not None:
        entry["tokens"] = result.tokens
    return entry | {"retries": result.retries, "repetitive": result.repetitive}


def _summary(results: list) -> dict:
    failed = sum(isinstance(result, StudioFailure) for result in results)
    return {"ok": len(results) - failed, "failed": failed}


def _without_effect(input: CaptionInput) -> list[str]:
    given = [name for name in ("joycaption_guidance_scale", "quality") if name in input.model_fields_set]
    return [f"'{name}' was taken but has no effect on captions." for name in given]
