"""Reads a model that is one file in its authors' layout, with nothing from a network.

Such a file has all weights and no settings. The library wants these as a folder; SDXL and Playground
share architecture and tokenizers, so any installed folder of theirs gives them.
"""

import json
import shutil
import tempfile
from pathlib import Path

from diffusers import StableDiffusionXLPipeline

from studio.engines.device import Device
from studio.failures import StudioFailure
from studio.manifest import ModelCard

# What SDXL has and Playground, trained in another form, has not; from the cards of the models.
_SDXL_VAE = {"latents_mean": None, "latents_std": None, "scaling_factor": 0.13025, "force_upcast": True}
_SDXL_SAMPLER = {
    "_class_name": "EulerDiscreteScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "timestep_spacing": "leading",
    "steps_offset": 1,
}


def read_single_file(card: ModelCard, file: Path, donors: list[Path], device: Device) -> StableDiffusionXLPipeline:
    """The pipeline of a .safetensors file. Raises ASSET_MISSING when no folder gives its settings."""
    if not donors:
        tried = "no SDXL or Playground model in the layout of diffusers is installed, which has them"
        raise StudioFailure("ASSET_MISSING", asset=f"settings and tokenizers for {file.name}", tried=tried)
    with tempfile.TemporaryDirectory(prefix="settings-") as place:
        settings = Path(place)
        _copy_settings(donors[0], settings)
        if card.type == "sdxl":
            _make_sdxl(settings)
        return StableDiffusionXLPipeline.from_single_file(
            str(file), config=str(settings), dtype=device.dtype, local_files_only=True, add_watermarker=False
        )


def _copy_settings(donor: Path, settings: Path) -> None:
    """All but the weights."""
    for source in donor.rglob("*"):
        if source.suffix in (".json", ".txt", ".model") and source.is_file():
            target = settings / source.relative_to(donor)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def _make_sdxl(settings: Path) -> None:
    """Replaces what a donor of another type has of its own; for one of SDXL this says the same again."""
    _change(settings / "vae/config.json", _SDXL_VAE)
    (settings / "scheduler/scheduler_config.json").write_text(json.dumps(_SDXL_SAMPLER), encoding="utf-8")
    index = {"scheduler": ["diffusers", _SDXL_SAMPLER["_class_name"]], "force_zeros_for_empty_prompt": True}
    _change(settings / "model_index.json", index)


def _change(file: Path, values: dict) -> None:
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | values), encoding="utf-8")
