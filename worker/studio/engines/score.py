"""A learned aesthetic score: the embedding of a CLIP or SigLIP vision model through a trained head."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPVisionModelWithProjection, PreTrainedModel, SiglipVisionModel

from studio.engines.device import Device, computing, count_parameters
from studio.failures import StudioFailure
from studio.manifest import ScorerCard

# The published mean and deviation of CLIP's training pictures; a folder may name its own.
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
SIGLIP_MEAN = SIGLIP_STD = (0.5, 0.5, 0.5)
# The prefix of a head's layer, and its number.
_LAYER = re.compile(r"((?:\w+\.)*?(?:(\d+)\.)?)weight$")


@dataclass
class Scorer:
    """Vision model and head in memory. `weight` (features,) and `bias` are the whole head, folded."""

    card: ScorerCard
    device: Device
    tower: PreTrainedModel
    weight: torch.Tensor
    bias: float
    mean: tuple
    std: tuple
    # CLIP sees the middle square of an image, SigLIP all of it, squeezed into one.
    crop: bool = True

    @property
    def features(self) -> int:
        config = self.tower.config
        return config.projection_dim if _is_clip(self.tower) else config.hidden_size


def load_scorer(card: ScorerCard, tower: Path, head: Path, device: Device) -> Scorer:
    """Any pair of vision model and head whose sizes agree. Raises JOB_FAILED for one whose sizes do not."""
    kind = str(_json(tower / "config.json").get("model_type"))
    reader = SiglipVisionModel if kind.startswith("siglip") else CLIPVisionModelWithProjection
    model = reader.from_pretrained(tower, dtype=device.dtype, local_files_only=True)
    clip = _is_clip(model)
    weight, bias = fold_head(_read_head(head))
    settings = _json(tower / "preprocessor_config.json")
    scorer = Scorer(
        card,
        device,
        model.to(device.torch).eval().requires_grad_(False),
        weight.to(device.torch),
        bias,
        tuple(settings.get("image_mean", CLIP_MEAN if clip else SIGLIP_MEAN)),
        tuple(settings.get("image_std", CLIP_STD if clip else SIGLIP_STD)),
        bool(settings.get("do_center_crop", clip)),
    )
    if weight.numel() != scorer.features:
        detail = (
            f"the head {head.name} takes {weight.numel()} features, the vision model {tower.name} gives "
            f"{scorer.features}. SIGLIP_PATH and PREDICTOR_WEIGHTS must name a pair that was trained together"
        )
        raise StudioFailure("JOB_FAILED", detail=detail)
    return scorer


def score_image(scorer: Scorer, pixels: np.ndarray) -> float:
    """Score of uint8 pixels (height, width, 3) as the head gives it: its range is trained, not cut off."""
    values = torch.from_numpy(_prepare(pixels, scorer)).to(scorer.device.torch, scorer.device.dtype)
    with computing(scorer.device, count_parameters(scorer.tower)):
        given = scorer.tower(pixel_values=values[None])
        features = (given.image_embeds if _is_clip(scorer.tower) else given.pooler_output)[0].float()
        # The head was trained on directions alone, so length must not count.
        features = features / features.norm()
        return round(float(features @ scorer.weight + scorer.bias), 4)


def fold_head(state: dict) -> tuple[torch.Tensor, float]:
    """One affine map for all linear layers: nothing lies between them at inference.

    `state` holds `{any name}.{i}.weight` (out, in) and `....bias`, or one layer without a number; the last
    layer has one output.
    """
    layers = sorted((int(found[2] or 0), found[1]) for name in state if (found := _LAYER.match(name)))
    if not layers or any(state[f"{layer}weight"].dim() != 2 for _, layer in layers):
        raise ValueError("the head is no row of linear layers")
    weight = bias = None
    for _, layer in layers:
        w, b = state[f"{layer}weight"].double(), state[f"{layer}bias"].double()
        weight, bias = (w, b) if weight is None else (w @ weight, w @ bias + b)
    if weight.shape[0] != 1:
        raise ValueError(f"the head gives {weight.shape[0]} numbers instead of one")
    return weight[0].float(), float(bias[0])


def _is_clip(tower: PreTrainedModel) -> bool:
    return isinstance(tower, CLIPVisionModelWithProjection)


def _json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _read_head(path: Path) -> dict:
    if path.suffix == ".safetensors":
        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def _prepare(pixels: np.ndarray, scorer: Scorer) -> np.ndarray:
    edge = scorer.tower.config.image_size
    image = Image.fromarray(pixels, "RGB")
    # The size must not count: everything is seen at the model's own.
    if not scorer.crop:
        return _normal(image.resize((edge, edge), Image.Resampling.BICUBIC), scorer)
    scale = edge / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    left, top = (image.width - edge) // 2, (image.height - edge) // 2
    return _normal(image.crop((left, top, left + edge, top + edge)), scorer)


def _normal(image: Image.Image, scorer: Scorer) -> np.ndarray:
    values = np.asarray(image, np.float32) / 255
    return ((values - scorer.mean) / scorer.std).transpose(2, 0, 1).astype(np.float32)
