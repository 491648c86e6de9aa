"""Route create: images from text, scored; the best first. No upscaling."""

from studio.assets import Assets
from studio.context import JobContext
from studio.contract.create import CreateInput
from studio.failures import StudioFailure
from studio.installed.choose import choose
from studio.media.images import encode_image, to_base64
from studio.media.names import file_name


def run(input: CreateInput, context: JobContext) -> dict:
    """The output of the contract without `meta`, which the job runner adds. Raises StudioFailure, Cancelled."""
    keep = input.top_k or input.num_images
    if keep > input.num_images:
        detail = f"'top_k' is {keep}; at most 'num_images', which is {input.num_images}."
        raise StudioFailure("INVALID_INPUT", detail=detail)
    settings = context.settings
    context.progress("loading", 1, "Loading the models")
    assets = Assets(settings, context)
    # Before the engines' libraries, whose import takes seconds: what is missing or does not fit is told at once.
    choice = choose(assets, input.model, input.loras)
    from studio.engines import loaded
    from studio.engines.draw import draw, plan_drawing, resolved
    from studio.engines.present import presenter

    present = presenter(assets, settings)
    plan = plan_drawing(assets, input, settings.device, choice)
    scorer = loaded.scorer(assets, settings.device)
    context.check_cancelled()

    def on_step(done: int, total: int) -> None:
        context.check_cancelled()
        context.progress("generating", 5 + 80 * done / total, f"Step {done} of {total}")

    context.progress("generating", 5, f"Generating {input.num_images} image(s)")
    images = draw(plan, on_step)
    context.progress("scoring", 90, f"Scoring {len(images)} image(s)")
    scores = [_score(scorer, pixels) for pixels in images]
    context.check_cancelled()
    context.progress("encoding", 95, "Encoding")
    made = [
        {"id": f"img_000_{index:02d}", "image": pixels, "seed": seed, "aesthetic_score": score}
        for index, (pixels, seed, score) in enumerate(zip(images, plan.seeds, scores, strict=True))
    ]
    if scorer:
        # Sorting is stable: equal scores stay in the order of their seeds.
        made.sort(key=lambda image: -image["aesthetic_score"])
    made = made[:keep]
    for image in made:
        pixels, note = present(image["image"])
        image |= {"image": to_base64(encode_image(pixels, input.output_format, input.quality))} | note
    result = {
        "route": "create",
        "aesthetic_score": made[0]["aesthetic_score"],
        "metadata": resolved(plan, settings.version)
        | {
            "width": input.width,
            "height": input.height,
            "filename": file_name(input.filename, input.prompt),
            "output_format": input.output_format,
            "score_model": scorer.card.name if scorer else None,
            "score_min": scorer.card.score_min if scorer else None,
            "score_max": scorer.card.score_max if scorer else None,
        },
    }
    only = {key: made[0][key] for key in ("image", "flagged") if key in made[0]}
    result |= only if input.num_images == 1 else {"images": made}
    return result


def _score(scorer, pixels) -> float | None:
    if scorer is None:
        return None
    from studio.engines.score import score_image

    return score_image(scorer, pixels)
