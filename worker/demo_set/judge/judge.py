"""Reads what a picture of the demo set shows: `read(image) -> {"object": ..., "ground": ...}`.

An independent witness for tests and for `evaluate.py`: a small convolutional network that was
trained on composed pictures only and never saw a generated one. Needs torch, numpy and Pillow.
Object "nothing" means an empty ground or a picture in which no object is recognisable.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

EDGE = 96  # px; every picture is cropped to its middle square and resized to this
FOLDER = Path(__file__).parent
NOTHING = "nothing"


class Judge(nn.Module):
    """(count, 3, EDGE, EDGE) in -1..1 -> logits of the objects and of the grounds."""

    def __init__(self, objects: int, grounds: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in (24, 48, 96, 128):
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            layers += [nn.MaxPool2d(2)]
            before = width
        layers += [nn.Conv2d(before, before, 3, padding=1), nn.BatchNorm2d(before), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.object = nn.Linear(2 * before, objects)
        self.ground_hidden = nn.Sequential(nn.Linear(4 * 3, 64), nn.ReLU())
        self.ground = nn.Linear(64, grounds)

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = self.features(pictures)
        summary = torch.cat([found.mean((2, 3)), found.amax((2, 3))], 1)
        corner = EDGE // 12  # the ground is what the four corners show
        corners = [
            pictures[:, :, ys, xs].mean((2, 3))
            for ys in (slice(None, corner), slice(-corner, None))
            for xs in (slice(None, corner), slice(-corner, None))
        ]
        return self.object(summary), self.ground(self.ground_hidden(torch.cat(corners, 1)))


def prepared(image: Image.Image) -> torch.Tensor:
    """Middle square of a picture of any size as (3, EDGE, EDGE) in -1..1."""
    image = image.convert("RGB")
    edge = min(image.size)
    left, top = (image.width - edge) // 2, (image.height - edge) // 2
    image = image.crop((left, top, left + edge, top + edge))
    image = image.resize((EDGE, EDGE), Image.Resampling.BOX if edge > EDGE else Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1


@functools.cache
def _loaded() -> tuple[Judge, list[str], list[str]]:
    names = json.loads((FOLDER / "names.json").read_text())
    model = Judge(len(names["objects"]), len(names["grounds"]))
    state = torch.load(FOLDER / "judge.pt", weights_only=True)
    model.load_state_dict({name: value.float() for name, value in state.items()})
    return model.eval(), names["objects"], names["grounds"]


@torch.no_grad()
def read_all(images: list[Image.Image]) -> list[dict[str, str]]:
    model, objects, grounds = _loaded()
    object_logits, ground_logits = model(torch.stack([prepared(image) for image in images]))
    return [
        {"object": objects[o], "ground": grounds[g]}
        for o, g in zip(object_logits.argmax(1).tolist(), ground_logits.argmax(1).tolist(), strict=True)
    ]


def read(image: Image.Image) -> dict[str, str]:
    return read_all([image])[0]
