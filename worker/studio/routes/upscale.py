"""Route upscale: images that the job brings along, enlarged by a factor or to an exact size."""

from studio.assets import Assets, model_hash
from studio.context import JobContext
from studio.contract.job import UPSCALE_EDGE_PIXELS, UPSCALE_SOURCE_PIXELS
from studio.contract.upscale import UpscaleInput
from studio.engines.upscale.steps import plan_steps
from studio.failures import StudioFailure
from studio.media.images import encode_image, to_base64
from studio.media.inputs import fetcher
from studio.media.names import file_name
from studio.media.source import Source, decode, limits_of, read_sources

Size = tuple[int, int]


def run(input: UpscaleInput, context: JobContext) -> dict:
    """The output of the contract without `meta`, which the job runner adds. Raises StudioFailure, Cancelled."""
    settings = context.settings
    sources = read_sources(input.images, limits_of(context, UPSCALE_SOURCE_PIXELS), fetcher(context))
    # All sizes before the first image: a job that cannot end costs nothing.
    finals = [final_size(source, input) for source in sources]
    context.progress("loading", 1, "Loading the models")
    assets = Assets(settings, context)
    # Before the engines' libraries, whose import takes seconds: a missing file is told at once.
    card, path = assets.upscaler(input.upscale_model)
    if path is None:
        raise assets.missing_upscaler(input.upscale_model)
    from studio.engines import loaded
    from studio.engines.present import presenter
    from studio.engines.upscale.memory import enlarge_in_steps

    present = presenter(assets, settings)
    upscaler = loaded.required_upscaler(assets, input.upscale_model, settings.device)
    tile = input.tile_size if input.use_tiled_upscale else None
    made = []
    for source, final in zip(sources, finals, strict=True):
        context.check_cancelled()
        pixels = decode(source)

        def on_tile(step: int, steps: int, done: int, total: int) -> None:
            context.check_cancelled()
            share = (len(made) + (step + done / total) / steps) / len(sources)
            words = f"Image {len(made) + 1} of {len(sources)}, pass {step + 1} of {steps}, tile {done} of {total}"
            context.progress("upscaling", 5 + 88 * share, words)

        pixels = enlarge_in_steps(upscaler, pixels, *final, tile, on_tile)
        passes = len(plan_steps((source.width, source.height), final, upscaler.scale))
        pixels, note = present(pixels)
        data = encode_image(pixels, input.output_format, input.quality)
        made.append(_result(source, final, passes, data) | note)
    context.progress("encoding", 95, "Encoding")
    metadata = {
        "upscale_factor": None if input.final_resolution else input.upscale_factor,
        "final_resolution": input.final_resolution,
        "upscale_model": input.upscale_model,
        "upscaler": card.title,
        "tile_size": tile,
        "filename": file_name(input.filename, "image-up"),
        "output_format": input.output_format,
        "worker": {"version": settings.version, "model_hash": model_hash(path), "device": upscaler.device.name},
    }
    if len(made) > 1:
        return {"route": "upscale", "images": made, "metadata": metadata}
    only = made[0]
    sizes = {"final_width": only.pop("width"), "final_height": only.pop("height")}
    flag = {"flagged": only.pop("flagged")} if "flagged" in only else {}
    return {"route": "upscale", "image": only.pop("image"), **flag, "metadata": only | sizes | metadata}


def final_size(source: Source, input: UpscaleInput) -> Size:
    """Width and height of the enlarged image. Raises INVALID_INPUT beyond the longest edge."""
    if input.final_resolution:
        return tuple(input.final_resolution)
    # Half a pixel up, as people round; Python would round to the even neighbour.
    width, height = (int(edge * input.upscale_factor + 0.5) for edge in (source.width, source.height))
    if max(width, height) > UPSCALE_EDGE_PIXELS:
        detail = (
            f"Image {source.index} would become {width} x {height} pixels; "
            f"each edge may have at most {UPSCALE_EDGE_PIXELS}. Choose a smaller 'upscale_factor'."
        )
        raise StudioFailure("INVALID_INPUT", detail=detail)
    return width, height


def _result(source: Source, final: Size, passes: int, data: bytes) -> dict:
    return {
        "id": f"{source.id}_up",
        "source_id": source.id,
        "image": to_base64(data),
        "width": final[0],
        "height": final[1],
        "source_width": source.width,
        "source_height": source.height,
        "passes": passes,
    }
