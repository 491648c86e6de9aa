"""The form of a set of models: what `sets/*.json` may say. Pure; reads one file.

A set names the files it needs (by category, with where they come from and their licence) and describes
each model by a card. The demo set and the sets that users deploy have the same form.
"""

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

SETS = Path(__file__).parents[1] / "sets"

Size = Annotated[list[Annotated[int, Field(ge=8, multiple_of=8)]], Field(min_length=2, max_length=2)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class File(_Strict):
    """One file to have: `filename` is its path below the folder of models."""

    url: str | None = Field(
        default=None, description="Where it can be fetched; null when it is shipped with the worker"
    )
    filename: Annotated[str, Field(pattern=r"^[^/\\]", description="Path below the folder of models")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    size: Annotated[int, Field(ge=1, description="Size in bytes")] | None = None
    license: str | None = None


class ModelCard(_Strict):
    """A diffusion model in the folder layout of diffusers."""

    name: str
    title: str
    type: Literal["sdxl", "playground", "flux"]
    path: Annotated[str, Field(description="Folder below the folder of models")]
    repository: Annotated[str, Field(description="owner/name on the Hugging Face hub, for its cache")] | None = None
    native_sizes: Annotated[list[Size], Field(min_length=1, description="Sizes in pixels it was trained at")]
    enlarge_beyond_native: Annotated[bool, Field(description="Render larger sizes natively and enlarge them")] = False
    scheduler: Annotated[str, Field(description="What 'auto' means")]
    schedulers: Annotated[list[str], Field(min_length=1, description="Schedulers it works with")]
    guidance_rescale: Annotated[
        float, Field(ge=0, le=1, description="How far strong guidance is scaled back so that colours stay; 0 is off")
    ] = 0.0
    guidance_interval: Annotated[
        list[Annotated[float, Field(ge=0, le=1)]] | None,
        Field(min_length=2, max_length=2, description="First and last share of the steps that are guided; null: all"),
    ] = None
    license: str
    demo: Annotated[bool, Field(description="A small model for trying things out, not for real work")] = False


class UpscalerCard(_Strict):
    """An enlarger of the RRDBNet architecture, x4."""

    name: str
    title: str
    path: str
    license: str
    pre_pad: Annotated[int, Field(ge=0, le=64, description="Pixels that are mirrored around the source")] = 0
    optional: Annotated[bool, Field(description="The set works without it, by plain resizing")] = False


class ScorerCard(_Strict):
    """An aesthetic predictor: CLIP vision tower and trained head, whose dimensions agree."""

    name: str
    tower: Annotated[str, Field(description="Folder of the vision model")]
    head: Annotated[str, Field(description="File of the head, .safetensors or .pth")]
    repository: Annotated[str, Field(description="owner/name of the tower on the Hugging Face hub")] | None = None
    score_min: float
    score_max: float
    license: str
    optional: bool = False


class CaptionerCard(_Strict):
    """A caption model in the folder layout of transformers. A `name` of the contract brings its texts and memory."""

    name: Annotated[str, Field(description="What 'model_variant' asks for")]
    title: str
    model: Annotated[
        Literal["joycaption", "blip2", "blip", "kosmos", "vit-gpt2"], Field(description="Family it belongs to")
    ]
    path: Annotated[str, Field(description="Folder below the folder of models")]
    repository: Annotated[str, Field(description="owner/name on the Hugging Face hub, for its cache")] | None = None
    license: str
    vram_gb: (
        Annotated[dict[str, int], Field(description="Least memory of a GPU in GB by precision, best first")] | None
    ) = None
    demo: bool = False


class SafetyCard(_Strict):
    """A classifier of images in the folder layout of transformers."""

    name: str
    path: Annotated[str, Field(description="Folder below the folder of models")]
    repository: Annotated[str, Field(description="owner/name on the Hugging Face hub, for its cache")] | None = None
    unsafe_labels: Annotated[list[str], Field(min_length=1, description="Classes that must not be shown")]
    threshold: Annotated[float, Field(gt=0, le=1, description="Probability from which on an image is blurred")] = 0.5
    license: str


class Manifest(_Strict):
    """A whole set."""

    schema_: Annotated[str | None, Field(alias="$schema")] = None
    name: str
    title: str
    baked: Annotated[str, Field(description="Folder of models shipped with the worker, seen from this file")]
    files: dict[str, list[File]]
    models: list[ModelCard] = []
    default_model: Annotated[str, Field(description="One of the models; caption models are none")] | None = None
    upscalers: dict[Literal["photo", "art", "conservative"], UpscalerCard] = {}
    default_upscaler: Literal["photo", "art", "conservative"] = "photo"
    scorer: ScorerCard | None = None
    safety: SafetyCard | None = None
    captioners: list[CaptionerCard] = []


class ManifestError(Exception):
    """A manifest cannot be read or does not have the form. The text names file, place and reason."""


def read_manifest(path: Path) -> Manifest:
    """Reads and checks one set. Raises FileNotFoundError or ManifestError."""
    text = path.read_text(encoding="utf-8")
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ManifestError(f"{path}: {place}: {first['msg']}") from None


def schema_text() -> str:
    """The JSON Schema of a manifest, as `sets/schema.json` holds it for editors and other tools."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | Manifest.model_json_schema()
    return json.dumps(schema, indent=2) + "\n"


if __name__ == "__main__":  # python -m studio.manifest, after a change of the form
    (SETS / "schema.json").write_text(schema_text(), encoding="utf-8")
