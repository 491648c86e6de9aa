"""The HTTP shapes of Forge: its modes are checked and, as long as no route stands behind them, refused in its words."""

import json

from fastapi import Request
from fastapi.responses import JSONResponse

from studio.contract.job import RUNSYNC_BODY_BYTES
from studio.failures import StudioFailure
from studio.serve.request import read_body

MODES = ("style", "remix", "inpaint", "mashup")


async def forge(request: Request) -> JSONResponse:
    """POST /forge: `{"detail"}` with 400 for what is wrong with the request, 501 for a mode without a route."""
    values = await _values(request)
    fault = _fault(values, "source_images")
    if fault is not None:
        return JSONResponse({"detail": fault}, 400)
    return JSONResponse({"detail": str(_unavailable(values["mode"]))}, 501)


async def api_forge(request: Request) -> JSONResponse:
    """POST /api/forge: the same with `sourceImages`, and `{"error"}`, `{"error", "message"}` for refusals."""
    if request.method != "POST":
        return JSONResponse({"error": "Method not allowed"}, 405, {"Allow": "POST"})
    values = await _values(request)
    fault = _fault(values, "sourceImages")
    if fault is not None:
        return JSONResponse({"error": fault}, 400)
    return JSONResponse({"error": "Transmission failed", "message": str(_unavailable(values["mode"]))}, 500)


async def _values(request: Request) -> dict:
    try:
        values = json.loads(await read_body(request, RUNSYNC_BODY_BYTES))
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _fault(values: dict, images: str) -> str | None:
    given = values.get(images)
    if not isinstance(values.get("mode"), str) or values["mode"] not in MODES:
        return "Invalid mode"
    if not isinstance(given, list) or not given or not all(isinstance(image, str) and image for image in given):
        return StudioFailure("SOURCE_REQUIRED").message
    if values["mode"] == "inpaint" and not values.get("mask"):
        return StudioFailure("MASK_REQUIRED").message
    return None


def _unavailable(mode: str) -> StudioFailure:
    return StudioFailure("NOT_AVAILABLE", what=f"Mode '{mode}'")
