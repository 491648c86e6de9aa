"""Several prompts in one job, which the older form of an input allows: one after the other, as one result."""

from studio.failures import StudioFailure

MOST = 8


def by_prompt(job_input: object) -> list:
    """The inputs of the parts of a job: itself, unless it names a `process` with a list of `prompts`. Pure.

    Raises INVALID_INPUT for a list that is empty or too long.
    """
    values = job_input if isinstance(job_input, dict) else {}
    prompts = values.get("prompts")
    if "route" in values or "process" not in values or not isinstance(prompts, list):
        return [job_input]
    if not 1 <= len(prompts) <= MOST:
        raise StudioFailure("INVALID_INPUT", detail=f"'prompts' must be a list of 1 to {MOST}, not of {len(prompts)}.")
    return [{**values, "prompts": prompt} for prompt in prompts]


def together(outputs: list[dict]) -> dict:
    """One result of the parts' results, in their order. `img_002_01` is the second image of the third prompt."""
    first, *others = outputs
    if not others:
        return first
    images = []
    for number, output in enumerate(outputs):
        metadata = output["metadata"]
        for image in output.get("images") or [_only(output)]:
            named = {"id": f"img_{number:03d}{image['id'][len('img_000') :]}", "prompt": metadata["prompt"]}
            images.append(image | named)
    rest = {key: value for key, value in first.items() if key not in ("image", "flagged", "images")}
    result = rest | {"images": images}
    if "aesthetic_score" in first:
        scores = [output["aesthetic_score"] for output in outputs]
        result["aesthetic_score"] = None if None in scores else max(scores)
    return result


def _only(output: dict) -> dict:
    """The entry of a result with a single image."""
    entry = {"id": "img_000_00", "seed": output["metadata"]["seed"]}
    return entry | {key: output[key] for key in ("image", "aesthetic_score", "flagged") if key in output}
