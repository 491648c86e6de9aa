"""A learned aesthetic score: the embedding of a CLIP vision model through a trained head."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPVisionModelWithProjection

from studio.engines.device import Device, computing, count_parameters
from studio.manifest import ScorerCard

# The published mean and deviation of CLIP's training pictures; a folder may name its own.
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass
class Scorer:
    """Vision model and head in memory. `weight` (features,) and `bias` are the whole head, folded."""

    card: ScorerCard
    device: Device
    tower: CLIPVisionModelWithProjection
    weight: torch.Tensor
    bias: float
    mean: tuple
    std: tuple


def load_scorer(card: ScorerCard, tower: Path, head: Path, device: Device) -> Scorer:
    """Raises ValueError when vision model and head do not belong together."""
    model = CLIPVisionModelWithProjection.from_pretrained(tower, dtype=device.dtype, local_files_only=True)
    weight, bias = fold_head(_read_head(head))
    if weight.numel() != model.config.projection_dim:
        raise ValueError(
            f"the head takes {weight.numel()} features, the vision model gives {model.config.projection_dim}"
        )
    own = tower / "preprocessor_config.json"
    settings = json.loads(own.read_text(encoding="utf-8")) if own.exists() else {}
    return Scorer(
        card,
        device,
        model.to(device.torch).eval().requires_grad_(False),
        weight.to(device.torch),
        bias,
        tuple(settings.get("image_mean", CLIP_MEAN)),
        tuple(settings.get("image_std", CLIP_STD)),
    )


def score_image(scorer: Scorer, pixels: np.ndarray) -> float:
    """Score of uint8 pixels (height, width, 3) as the head gives it: its range is trained, not cut off."""
    values = torch.from_numpy(_prepare(pixels, scorer)).to(scorer.device.torch, scorer.device.dtype)
    with computing(scorer.device, count_parameters(scorer.tower)):
        features = scorer.tower(pixel_values=values[None]).image_embeds[0].float()
        # The head was trained on directions alone, so length must not count.
        features = features / features.norm()
        return round(float(features @ scorer.weight + scorer.bias), 4)


def fold_head(state: dict) -> tuple[torch.Tensor, float]:
    """One affine map for all linear layers: nothing lies between them at inference.

    `state` holds `layers.{i}.weight` (out, in) and `layers.{i}.bias`; the last layer has one output.
    """
    numbers = sorted({int(found.group(1)) for name in state if (found := re.match(r"layers\.(\d+)\.weight$", name))})
    if not numbers:
        raise ValueError("the head has no layers.{i}.weight")
    weight = bias = None
    for number in numbers:
        w, b = state[f"layers.{number}.weight"].double(), state[f"layers.{number}.bias"].double()
        weight, bias = (w, b) if weight is None else (w @ weight, w @ bias + b)
    if weight.shape[0] != 1:
        raise ValueError(f"the head gives {weight.shape[0]} numbers instead of one")
    return weight[0].float(), float(bias[0])


def _read_head(path: Path) -> dict:
    if path.suffix == ".safetensors":
        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def _prepare(pixels: np.ndarray, scorer: Scorer) -> np.ndarray:
    edge = scorer.tower.config.image_size
    image = Image.fromarray(pixels, "RGB")
    scale = edge / min(image.size)
    # The size must not count: everything is seen at the model's own, its middle square.
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    left, top = (image.width - edge) // 2, (image.height - edge) // 2
    values = np.asarray(image.crop((left, top, left + edge, top + edge)), np.float32) / 255
    return ((values - scorer.mean) / scorer.std).transpose(2, 0, 1).astype(np.float32)
