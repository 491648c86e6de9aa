"""Route caption: what images show, in words. An image that fails does not stop the others."""

from studio.assets import Assets, model_hash
from studio.context import JobContext
from studio.contract.caption import CaptionInput
from studio.downloads import follow
from studio.failures import StudioFailure
from studio.media.fetch import fetcher
from studio.media.source import decode, read_each


def run(input: CaptionInput, context: JobContext) -> dict:
    """The output of the contract without `meta`, which the job runner adds. Raises StudioFailure, Cancelled."""
    sources = [_decoded(source) for source in read_each(input.images, fetcher(context))]
    _refuse_if_all_failed(sources)
    context.progress("loading", 1, "Loading the model")
    written, told = _write_here(input, context, sources)
    return assemble(input, sources, written, told)


def _decoded(source):
    if isinstance(source, StudioFailure):
        return source
    try:
        return decode(source)
    except StudioFailure as failure:
        return failure


def _refuse_if_all_failed(sources: list) -> None:
    if all(isinstance(source, StudioFailure) for source in sources):
        raise sources[0]


def _write_here(input: CaptionInput, context: JobContext, sources: list) -> tuple[dict, dict]:
    """Captions by place of the image, and what the result tells about how they were made."""
    settings = context.settings
    assets = Assets(settings, follow(context))
    card, folder = assets.captioner(input.model, input.model_variant)
    # Before the engine's libraries, whose import takes seconds: a prompt that cannot be is told at once.
    from studio.engines.caption.prompt import build_prompt

    prompt = build_prompt(input, card.name)
    from studio.engines import loaded
    from studio.engines.caption.generate import image_seeds, resolve_params, write_captions
    from studio.engines.caption.precision import choose_precision
    from studio.engines.device import total_bytes

    precision = choose_precision(input.precision, card, total_bytes(loaded.device(settings.device)))
    captioner = loaded.captioner(assets, card, folder, precision, settings.device)
    params = resolve_params(input.model, input.generation_params and input.generation_params.model_dump())
    seeds = image_seeds(input.seed, len(sources))
    places = [place for place, source in enumerate(sources) if not isinstance(source, StudioFailure)]

    def on_token(count: int) -> None:
        context.check_cancelled()
        share = min(1, count / params["max_new_tokens"])
        context.progress("captioning", 10 + 85 * share, f"Writing {_images(len(places))}")

    written = write_captions(
        captioner,
        [sources[place] for place in places],
        prompt,
        params,
        [seeds[place] for place in places],
        on_token,
        lambda: loaded.cache().drop_others(captioner),
    )
    return dict(zip(places, written, strict=True)), {
        "model_variant": card.name,
        "prompt": prompt,
        "seed": seeds[0],
        "metadata": {
            "precision": precision,
            "generation_params": params,
            "backend": "local",
            "license": card.license,
            "worker": {
                "version": settings.version,
                "model_hash": model_hash(folder),
                "device": captioner.device.name,
            },
        },
    }


def _images(count: int) -> str:
    return "the caption" if count == 1 else f"{count} captions"


def assemble(input: CaptionInput, sources: list, written: dict, told: dict) -> dict:
    """The output from captions by place (`text`, `seed` ...); places without one have failures in `sources`."""
    entries = []
    for place, source in enumerate(sources):
        entry: dict = {"id": f"img_000_{place:02d}"}
        if place in written:
            caption = written[place]
            entry |= {"caption": caption.text, "seed": caption.seed, "retries": caption.retries}
            entry |= {"repetitive": caption.repetitive}
            entry |= {"tokens": caption.tokens} if caption.tokens is not None else {}
        else:
            entry["error"] = {"code": source.code, "message": str(source).removeprefix(f"{source.code}: ")}
        entries.append(entry)
    output = {
        "route": "caption",
        "caption": entries[0].get("caption"),
        "model": input.model,
        "model_variant": told["model_variant"],
        "mode": input.mode,
        "prompt": told["prompt"],
        "seed": told["seed"],
        "captions": entries,
        "summary": {"ok": len(written), "failed": len(sources) - len(written)},
        "metadata": told["metadata"],
    }
    hints = _hints(input)
    return output | ({"hints": hints} if hints else {})


def _hints(input: CaptionInput) -> list[str]:
    given = [name for name in ("joycaption_guidance_scale", "quality") if name in input.model_fields_set]
    return [f"'{name}' was taken but has no effect on captions." for name in given]
