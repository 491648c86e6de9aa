"""Inputs of an older form, which name a `process` instead of a route."""

from studio.failures import StudioFailure

ROUTES = {"initial": "create", "recreate": "production", "upscale": "upscale"}


def with_route(values: dict) -> dict:
    """The same input with `route`; unchanged where there is one, or no `process`. Pure.

    `prompts` becomes `prompt`: a text by now, since each of several is a part of the job. `images_b64` becomes
    `images`. Raises INVALID_INPUT.
    """
    if "route" in values or "process" not in values:
        return values
    rest = dict(values)
    process = rest.pop("process")
    name = ROUTES.get(process.strip().lower()) if isinstance(process, str) else None
    if name is None:
        known = ", ".join(f"'{word}'" for word in ROUTES)
        raise StudioFailure("INVALID_INPUT", detail=f"'process' must be one of {known}, not {str(process)[:60]!r}.")
    if "prompts" in rest:
        rest.setdefault("prompt", rest.pop("prompts"))
    if "images_b64" in rest:
        images = rest.pop("images_b64")
        rest.setdefault("images", [images] if isinstance(images, str) else images)
    return {"route": name} | rest
