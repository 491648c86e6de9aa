"""Flawed pictures with a known quality of 1 to 10, for the scorer and the judge.

10 is a clean composition, 1 is mush. Each flaw takes a clean picture as (height, width, 3) uint8
and returns the flawed one with its score; the stronger the flaw, the lower the score.
"""

from __future__ import annotations

import io
import random

import numpy as np
import pictures
from PIL import Image, ImageFilter

CLEAN = 10.0


def clean(rng: random.Random, shape: tuple[int, int]) -> np.ndarray:
    return pictures.compose(pictures.random_spec(rng), rng, shape, free=rng.random() < 0.5)


def blurred(rng: random.Random, shape: tuple[int, int]) -> tuple[np.ndarray, float]:
    amount = rng.random()
    image = Image.fromarray(clean(rng, shape)).filter(ImageFilter.GaussianBlur(0.6 + 5.4 * amount))
    return np.asarray(image), 9.0 - 6.0 * amount**0.7


def noisy(rng: random.Random, shape: tuple[int, int]) -> tuple[np.ndarray, float]:
    amount = rng.random()
    picture = clean(rng, shape).astype(np.float32)
    noise = np.random.default_rng(rng.getrandbits(32)).normal(0, 5 + 75 * amount, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8), 9.0 - 6.0 * amount**0.8


def compressed(rng: random.Random, shape: tuple[int, int]) -> tuple[np.ndarray, float]:
    amount = rng.random()
    stream = io.BytesIO()
    Image.fromarray(clean(rng, shape)).save(stream, "JPEG", quality=int(round(22 - 20 * amount)))
    return np.asarray(Image.open(stream).convert("RGB")), 8.0 - 5.0 * amount


def cut_off(rng: random.Random, shape: tuple[int, int]) -> tuple[np.ndarray, float]:
    """The object leaves the frame: up to three quarters of it are missing."""
    width, height = shape
    amount = rng.random()
    spec = pictures.random_spec(rng)
    diameter = rng.randint(70, 116)
    missing = int(diameter * (0.2 + 0.6 * amount))
    left, top = (width - diameter) // 2, (height - diameter) // 2
    side = rng.randrange(4)
    if side < 2:
        left = -missing if side else width - diameter + missing
    else:
        top = -missing if side == 2 else height - diameter + missing
    return pictures.paint(spec, rng, width, height, diameter, left, top), 6.5 - 3.5 * amount


def scrambled(rng: random.Random, shape: tuple[int, int]) -> tuple[np.ndarray, float]:
    """Squares of the middle change places: a broken object."""
    picture = clean(rng, shape).copy()
    height, width = picture.shape[:2]
    edge = rng.choice([8, 16, 24])
    reach = 96 // edge
    top, left = (height - 96) // 2, (width - 96) // 2
    places = [(top + y * edge, left + x * edge) for y in range(reach) for x in range(reach)]
    amount = rng.random()
    moved = rng.sample(places, max(3, int(len(places) * (0.25 + 0.75 * amount))))
    parts = [picture[y : y + edge, x : x + edge].copy() for y, x in moved]
    for (y, x), part in zip(moved, parts[1:] + parts[:1], strict=True):
        picture[y : y + edge, x : x + edge] = part
    return picture, 4.5 - 2.0 * amount


def mixed(rng: random.Random, shape: tuple[int, int]) -> tuple[np.ndarray, float]:
    """Two objects shine through each other: not clearly anything."""
    one, two = clean(rng, shape).astype(np.float32), clean(rng, shape).astype(np.float32)
    amount = rng.uniform(0.2, 0.5)
    return (one * (1 - amount) + two * amount).astype(np.uint8), 6.0 - 6.0 * amount


def warped(rng: random.Random, shape: tuple[int, int]) -> tuple[np.ndarray, float]:
    """A mashed object: pixels displaced along smooth random waves, as failed generations look."""
    picture = clean(rng, shape)
    width, height = shape
    amount = rng.random()
    random_grid = np.random.default_rng(rng.getrandbits(32))
    moves = []
    for _ in "yx":
        coarse = random_grid.normal(0, 1, (height // 12, width // 12)).astype(np.float32)
        smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        moves.append(np.asarray(smooth) * (2.5 + 10 * amount))
    ys, xs = np.mgrid[0:height, 0:width]
    ys = np.clip(ys + moves[0], 0, height - 1).astype(int)
    xs = np.clip(xs + moves[1], 0, width - 1).astype(int)
    image = Image.fromarray(picture[ys, xs]).filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 2)))
    return np.asarray(image), 5.5 - 3.0 * amount


def empty(rng: random.Random, shape: tuple[int, int]) -> tuple[np.ndarray, float]:
    """A ground without an object."""
    spec = pictures.random_spec(rng)
    return pictures.paint(spec, rng, *shape, 8, -100, -100), 2.0


def mush(rng: random.Random, shape: tuple[int, int]) -> tuple[np.ndarray, float]:
    """Clouds of random colours on a ground or all over."""
    width, height = shape
    random_grid = np.random.default_rng(rng.getrandbits(32))
    cells = rng.choice([3, 5, 8, 14])
    layers = [
        np.asarray(
            Image.fromarray(random_grid.uniform(0, 255, (cells, cells)).astype(np.float32)).resize(
                shape, Image.Resampling.BICUBIC
            )
        )
        for _ in range(3)
    ]
    clouds = np.clip(np.stack(layers, -1), 0, 255)
    if rng.random() < 0.6:
        ground = empty(rng, shape)[0].astype(np.float32)
        ys, xs = np.mgrid[0:height, 0:width]
        distance = np.hypot(xs - width / 2, ys - height / 2)
        weight = np.clip((rng.uniform(35, 60) - distance) / 12, 0, 1)[..., None]
        clouds = ground * (1 - weight) + clouds * weight
    return clouds.astype(np.uint8), 1.2


FLAWS = (blurred, noisy, compressed, cut_off, scrambled, mixed, warped, empty, mush)
