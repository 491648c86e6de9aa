"""Tells whether an image should not be shown, by a classifier of the set, and makes it unrecognisable."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter
from transformers import AutoModelForImageClassification

from studio.engines.device import Device, computing, count_parameters
from studio.manifest import SafetyCard

# Of the longer edge: nothing but the broad colours is left.
BLUR_SHARE = 0.06


@dataclass
class SafetyModel:
    """A classifier in memory. `unsafe`: the numbers of the classes that must not be shown."""

    card: SafetyCard
    device: Device
    network: torch.nn.Module
    unsafe: list[int]
    mean: list[float]
    std: list[float]
    edge: int


def load_safety(card: SafetyCard, folder: Path, device: Device) -> SafetyModel:
    """Raises ValueError when the classifier has none of the card's classes."""
    network = AutoModelForImageClassification.from_pretrained(folder, dtype=device.dtype, local_files_only=True)
    labels = {name.lower(): number for number, name in network.config.id2label.items()}
    unsafe = [labels[name.lower()] for name in card.unsafe_labels if name.lower() in labels]
    if not unsafe:
        raise ValueError(f"the safety model knows {', '.join(labels)}, none of {', '.join(card.unsafe_labels)}")
    own = folder / "preprocessor_config.json"
    settings = json.loads(own.read_text(encoding="utf-8")) if own.exists() else {}
    half = [0.5, 0.5, 0.5]
    mean, std = settings.get("image_mean", half), settings.get("image_std", half)
    network = network.to(device.torch).eval().requires_grad_(False)
    return SafetyModel(card, device, network, unsafe, mean, std, network.config.image_size)


def unsafe_share(model: SafetyModel, pixels: np.ndarray) -> float:
    """Probability, 0 to 1, that uint8 pixels (height, width, 3) belong to a class that must not be shown."""
    image = Image.fromarray(pixels, "RGB").resize((model.edge, model.edge), Image.Resampling.BILINEAR)
    values = (np.asarray(image, np.float32) / 255 - model.mean) / model.std
    tensor = torch.from_numpy(values.transpose(2, 0, 1)[None]).to(model.device.torch, model.device.dtype)
    with computing(model.device, count_parameters(model.network)):
        shares = model.network(pixel_values=tensor).logits[0].float().softmax(0)
        return float(shares[model.unsafe].sum())


def blurred(pixels: np.ndarray) -> np.ndarray:
    """The same size, unrecognisable."""
    small = Image.fromarray(pixels, "RGB")
    size = small.size
    # Blurring a small copy looks the same and takes a hundredth of the time.
    small.thumbnail((256, 256))
    small = small.filter(ImageFilter.GaussianBlur(BLUR_SHARE * max(small.size)))
    return np.asarray(small.resize(size, Image.Resampling.BICUBIC))
