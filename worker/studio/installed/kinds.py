"""Of which type a model is, from the names and shapes of its tensors or from the files of its folder. Pure.

The types that routes can use are `sdxl`, `playground` and `flux`. The others are told by name, so that a
refusal can say what the file is.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from studio.installed.header import Header, Shapes

UNKNOWN = "unknown"
USABLE = ("sdxl", "playground", "flux")
# Of one architecture, so that one has settings and tokenizers for the other.
SDXL_LIKE = ("sdxl", "playground")
# Width of the text that the UNet attends to: heads of 64 each, of one text encoder or of two.
_TEXT_WIDTHS = {12 * 64: "sd15", 16 * 64: "sd2", 20 * 64: "sdxl-refiner", (12 + 20) * 64: "sdxl"}
_BASE_MODEL = re.compile(r"base_model|sd_model_name|architecture")
_PIPELINES = {
    "StableDiffusionXLPipeline": "sdxl",
    "StableDiffusionXLImg2ImgPipeline": "sdxl-refiner",
    "StableDiffusionPipeline": "sd15",
    "StableDiffusion3Pipeline": "sd3",
    "FluxPipeline": "flux",
    "Flux2Pipeline": "flux2",
    "QwenImagePipeline": "qwen-image",
    "ZImagePipeline": "z-image",
}


def checkpoint_type(header: Header | None) -> str:
    """Type of a single file that holds a diffusion model in the layout of its authors."""
    if header is None:
        return UNKNOWN
    shapes = header.shapes
    # Some files hold the denoiser alone, without the prefix that it has among other parts.
    names = {name.removeprefix("model.diffusion_model."): name for name in shapes}
    if "single_stream_modulation.lin.weight" in names:
        return "flux2"
    if any(name.startswith("distilled_guidance_layer.") for name in names):
        return "chroma"
    if "double_blocks.0.img_attn.norm.key_norm.scale" in names:
        return "flux"
    if "joint_blocks.0.context_block.adaLN_modulation.1.bias" in names:
        return "sd3"
    if "input_blocks.0.0.weight" in names:
        if "edm_mean" in shapes:
            return "playground"
        first = shapes[names["input_blocks.0.0.weight"]]
        if len(first) > 1 and first[1] != 4:
            return "inpainting"
        return _unet_type(names, shapes)
    return UNKNOWN


def _unet_type(names: dict[str, str], shapes: Shapes) -> str:
    # A label is what SDXL hands the sizes and the pooled text to, whatever its width.
    if "label_emb.0.0.weight" in names:
        embedders = ("conditioner.embedders.1.model.", "conditioner.embedders.0.transformer.")
        if any(name.startswith(embedders) for name in shapes):
            return "sdxl"
        return "sdxl-refiner" if any(name.startswith("conditioner.") for name in shapes) else UNKNOWN
    texts = (shapes[full][-1] for name, full in names.items() if name.endswith("attn2.to_k.weight"))
    return _TEXT_WIDTHS.get(next(texts, 0), UNKNOWN)


def folder_type(folder: Path) -> str:
    """Type of a folder in the layout of diffusers; one in which nobody can tell is unknown."""
    try:
        kind = _PIPELINES.get(_config(folder / "model_index.json").get("_class_name"), UNKNOWN)
        if kind != "sdxl":
            return kind
        # Continuous noise levels are what sets this family apart, and what its samplers need.
        sampler = str(_config(folder / "scheduler/scheduler_config.json").get("_class_name"))
        return "playground" if sampler.startswith("EDM") else "sdxl"
    except (OSError, ValueError, AttributeError):
        return UNKNOWN


def lora_type(header: Header | None) -> str:
    """For which type of model a LoRA was trained: sdxl, playground, flux, sd15, sd2, sd3 or unknown."""
    if header is None:
        return UNKNOWN
    kind = _lora_architecture(header.shapes)
    # Of the same shapes, but trained from other weights: only what the training program noted tells them apart.
    trained_on = "".join(value for key, value in header.notes.items() if _BASE_MODEL.search(key)).lower()
    return "playground" if kind == "sdxl" and "playground" in trained_on else kind


def _lora_architecture(shapes: Shapes) -> str:
    if any(
        "double_blocks_" in name or "double_blocks." in name or "single_transformer_blocks." in name for name in shapes
    ):
        return "flux"
    if any("joint_blocks" in name for name in shapes):
        return "sd3"
    widths = {shape[-1] for name, shape in shapes.items() if _takes_text(name) and len(shape) > 1}
    for width, kind in _TEXT_WIDTHS.items():
        if width in widths:
            return kind
    if any(name.startswith(("lora_te2_", "text_encoder_2.")) for name in shapes):
        return "sdxl"
    return UNKNOWN


def _takes_text(name: str) -> bool:
    """The half of a pair that the text goes into first, in any of the usual spellings."""
    text = "attn2_to_k" in name or "attn2.to_k" in name or "attn2.processor.to_k" in name
    return text and any(half in name for half in ("lora_down", "lora_A", ".down."))


def _config(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))
