"""Route production: images from text, enlarged once to print size. No score."""

from studio.assets import Assets
from studio.context import JobContext
from studio.contract.production import ProductionInput
from studio.installed.choose import choose
from studio.media.images import encode_image, to_base64
from studio.media.names import file_name


def run(input: ProductionInput, context: JobContext) -> dict:
    """The output of the contract without `meta`, which the job runner adds. Raises StudioFailure, Cancelled."""
    settings = context.settings
    context.progress("loading", 1, "Loading the models")
    assets = Assets(settings, context)
    # Before the engines' libraries, whose import takes seconds: what is missing or does not fit is told at once.
    choice = choose(assets, input.model, input.loras)
    from studio.engines import loaded
    from studio.engines.draw import draw, plan_drawing, resolved
    from studio.engines.present import presenter
    from studio.engines.upscale.memory import enlarge_in_steps

    present = presenter(assets, settings)
    # The enlarger first: without it the diffusion would be paid for nothing.
    upscaler = loaded.required_upscaler(assets, None, settings.device)
    plan = plan_drawing(assets, input, settings.device, choice)
    context.check_cancelled()

    def on_step(done: int, total: int) -> None:
        context.check_cancelled()
        context.progress("generating", 5 + 60 * done / total, f"Step {done} of {total}")

    context.progress("generating", 5, f"Generating {input.num_images} image(s)")
    base = draw(plan, on_step)
    facts, seeds = resolved(plan, settings.version), plan.seeds
    # From here on nothing holds the diffusion model but the cache, which can drop it if memory runs out.
    del plan
    # Half a pixel up, as people round; Python would round to the even neighbour.
    final_width = int(input.width * input.upscale_factor + 0.5)
    final_height = int(input.height * input.upscale_factor + 0.5)
    images = []
    for index, pixels in enumerate(base):

        def on_tile(step: int, steps: int, done: int, total: int, index: int = index) -> None:
            context.check_cancelled()
            share = (index + (step + done / total) / steps) / len(base)
            words = f"Image {index + 1} of {len(base)}, pass {step + 1} of {steps}, tile {done} of {total}"
            context.progress("upscaling", 65 + 28 * share, words)

        tile = input.tile_size if input.use_tiled_upscale else None
        images.append(enlarge_in_steps(upscaler, pixels, final_width, final_height, tile, on_tile))
    context.progress("encoding", 95, "Encoding")
    made = [
        {
            "id": f"img_000_{index:02d}",
            "image": to_base64(encode_image(pixels, input.output_format, input.quality)),
            "seed": seed,
        }
        | note
        for index, ((pixels, note), seed) in enumerate(zip(map(present, images), seeds, strict=True))
    ]
    result = {
        "route": "production",
        "metadata": facts
        | {
            "base_width": input.width,
            "base_height": input.height,
            "final_width": final_width,
            "final_height": final_height,
            "upscale_factor": input.upscale_factor,
            "upscaler": upscaler.card.title,
            "filename": file_name(input.filename, input.prompt),
            "output_format": input.output_format,
        },
    }
    only = {key: made[0][key] for key in ("image", "flagged") if key in made[0]}
    result |= only if input.num_images == 1 else {"images": made}
    return result
