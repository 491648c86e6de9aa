"""The data set: captioned pictures composed from the glyphs of Noto Color Emoji (OFL 1.1).

A picture shows one object in the middle of a plain ground lit by a soft spot light, with a soft
shadow under the object. Everything is drawn from a `Spec` and a random generator, so the set is
endless and needs no download: the font is the Debian package `fonts-noto-color-emoji`.
Long because the drawing and the wording of a picture belong to one specification of it.
"""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

FONT = "NotoColorEmoji.ttf"
FONT_PIXELS = 109  # the only size of the bitmap font; glyphs are 136 x 128 px
GLYPH_PIXELS = 512  # edge of the enlarged, cleaned glyph that every picture is drawn from

OBJECTS = {
    "apple": "🍎", "banana": "🍌", "strawberry": "🍓", "mushroom": "🍄", "cat": "🐱", "dog": "🐶",
    "fox": "🦊", "panda": "🐼", "frog": "🐸", "penguin": "🐧", "owl": "🦉", "unicorn": "🦄",
    "whale": "🐳", "octopus": "🐙", "cactus": "🌵", "sunflower": "🌻", "rainbow": "🌈", "star": "⭐",
    "snowman": "⛄", "car": "🚗", "rocket": "🚀", "house": "🏠", "burger": "🍔", "donut": "🍩",
    "robot": "🤖", "heart": "❤",
}  # fmt: skip
GROUNDS = {
    "red": (232, 84, 84), "orange": (247, 158, 82), "yellow": (252, 214, 96),
    "green": (112, 196, 120), "blue": (98, 164, 240), "purple": (158, 118, 222),
    "pink": (250, 168, 200), "white": (246, 246, 246), "gray": (146, 152, 160),
    "black": (44, 46, 56),
}  # fmt: skip
SIZES = {"": 88, "large": 112}  # diameter of the object in px when the short edge is 128 px
SHAPES = ((128, 128), (192, 128), (128, 192))  # width, height in px
SHORT_EDGE = 128

SYNONYMS = {
    "cat": ["kitten", "kitty"], "dog": ["puppy"], "burger": ["hamburger", "cheeseburger"],
    "donut": ["doughnut"], "house": ["home", "cottage"], "octopus": ["squid"],
    "rocket": ["spaceship"], "car": ["automobile"], "mushroom": ["toadstool"], "heart": ["love heart"],
    "sunflower": ["flower"], "robot": ["android"], "panda": ["panda bear"],
}  # fmt: skip
LARGE_WORDS = ["large", "large", "large", "big", "huge", "giant"]
GROUND_SYNONYMS = {"gray": ["grey"], "purple": ["violet"], "blue": ["sky blue"]}
ADJECTIVES = (
    "cute happy pretty nice beautiful shiny lovely funny colorful small little tiny simple smiling "
    "adorable friendly new old single modern"
).split()
OPENINGS = [
    "a picture of", "a photo of", "an emoji of", "a drawing of", "an icon of", "an illustration of",
    "a painting of", "an image of", "a portrait of", "a close up of", "a logo of", "a sticker of",
]  # fmt: skip
ENDINGS = [
    "high quality", "studio light", "soft light", "detailed", "minimal", "digital art", "centered",
    "best quality", "soft shadow", "product photo", "flat design", "3d render", "sharp", "4k", "8k",
    "masterpiece", "professional", "cinematic", "in the style of a sticker",
]  # fmt: skip
NOTHING = [  # what negative prompts are made of: they name no object
    "blurry", "low quality", "worst quality", "bad quality", "watermark", "text", "ugly", "deformed",
    "noise", "noisy", "jpeg artifacts", "cropped", "bad anatomy", "low resolution", "mush", "error",
    "background", "high quality", "detailed",
]  # fmt: skip


@dataclass(frozen=True)
class Spec:
    """What a picture shows: names out of OBJECTS, SIZES and GROUNDS."""

    object: str
    size: str
    ground: str


def all_specs() -> list[Spec]:
    return [Spec(o, s, g) for o in OBJECTS for s in SIZES for g in GROUNDS]


def random_spec(rng: random.Random) -> Spec:
    return Spec(rng.choice(list(OBJECTS)), rng.choice(list(SIZES)), rng.choice(list(GROUNDS)))


# --- drawing ---------------------------------------------------------------------------------


def _sharpened(channels: np.ndarray, steps: int = 14) -> np.ndarray:
    """Shock filter on (height, width, channels) in 0..1: blurred edges become clean steps."""
    picture = channels.astype(np.float32)
    for _ in range(steps):
        wide = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="edge")
        up, down = wide[:-2, 1:-1], wide[2:, 1:-1]
        left, right = wide[1:-1, :-2], wide[1:-1, 2:]
        curvature = up + down + left + right - 4 * picture
        highest = np.maximum.reduce([up, down, left, right])
        lowest = np.minimum.reduce([up, down, left, right])
        towards = np.where(curvature < 0, highest - picture, lowest - picture)
        strength = np.clip(np.abs(curvature) * 12, 0, 1)
        picture = picture + 0.35 * strength * towards
    for axis in (0, 1):  # the steps are jagged by a pixel: smooth them with 1 2 1
        before, after = np.roll(picture, 1, axis), np.roll(picture, -1, axis)
        picture = (before + 2 * picture + after) / 4
    return picture


@functools.cache
def glyph(name: str) -> np.ndarray:
    """The object as premultiplied RGBA, float32 0..1, GLYPH_PIXELS square, edges made clean."""
    canvas = Image.new("RGBA", (176, 176), (0, 0, 0, 0))
    font = ImageFont.truetype(FONT, FONT_PIXELS)
    ImageDraw.Draw(canvas).text((16, 16), OBJECTS[name], font=font, embedded_color=True)
    cropped = canvas.crop(canvas.getbbox())
    edge = max(cropped.size) + 4
    square = Image.new("RGBA", (edge, edge), (0, 0, 0, 0))
    square.paste(cropped, ((edge - cropped.width) // 2, (edge - cropped.height) // 2))
    pixels = np.asarray(square).astype(np.float32) / 255
    pixels[..., :3] = _bled(pixels[..., :3], pixels[..., 3])
    clean = np.clip(_sharpened(np.clip(_resized(pixels, GLYPH_PIXELS), 0, 1)), 0, 1)
    clean[..., :3] *= clean[..., 3:]
    return clean


def _bled(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Continue the colour of opaque pixels outwards, so that enlarged edges keep their colour."""
    weight = np.where(alpha > 0.9, 1.0, 0.0).astype(np.float32)
    filled = colour * weight[..., None]
    known = weight > 0
    result = colour.copy()
    for _ in range(12):
        total = sum(np.roll(filled, shift, (0, 1)) for shift in NEIGHBOURS)
        count = sum(np.roll(weight, shift, (0, 1)) for shift in NEIGHBOURS)
        new = (count > 0) & ~known
        result[new] = total[new] / count[new][:, None]
        known |= new
        weight = known.astype(np.float32)
        filled = result * weight[..., None]
    return result


NEIGHBOURS = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]


def _resized(pixels: np.ndarray, edge: int) -> np.ndarray:
    """(height, width, channels) float32 -> (edge, edge, channels), Lanczos."""
    layers = [
        np.asarray(Image.fromarray(pixels[..., i]).resize((edge, edge), Image.Resampling.LANCZOS))
        for i in range(pixels.shape[-1])
    ]
    return np.stack(layers, -1)


@functools.lru_cache(maxsize=2048)
def _object(name: str, diameter: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Object and its shadow for one diameter in px.

    Returns premultiplied RGBA (diameter, diameter, 4), the shadow (diameter + 2 * margin, same) and
    the margin in px.
    """
    pixels = np.clip(_resized(glyph(name), diameter), 0, 1)
    margin = max(2, round(0.14 * diameter))
    alpha = Image.new("L", (diameter + 2 * margin,) * 2)
    alpha.paste(Image.fromarray((pixels[..., 3] * 255).astype(np.uint8)), (margin, margin))
    shadow = alpha.filter(ImageFilter.GaussianBlur(0.045 * diameter))
    return pixels, np.asarray(shadow).astype(np.float32) / 255, margin


def _ground(colour: str, width: int, height: int, rng: random.Random) -> np.ndarray:
    """Plain ground under a soft spot light, (height, width, 3) float32 in 0..255."""
    base = np.array(GROUNDS[colour], np.float32) + rng.uniform(-7, 7)
    short = min(width, height)
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    light_x, light_y = width * rng.uniform(0.3, 0.7), height * rng.uniform(0.3, 0.5)
    distance = np.sqrt(((xs - light_x) / short) ** 2 + ((ys - light_y) / short) ** 2)
    light = 1.06 - 0.20 * np.minimum(distance, 1.2) ** 1.5 * rng.uniform(0.6, 1.2)
    return base * light[..., None]


def compose(
    spec: Spec,
    rng: random.Random,
    shape: tuple[int, int] = SHAPES[0],
    scale: int = 1,
    free: bool = False,
) -> np.ndarray:
    """Draw a picture: uint8 (height * scale, width * scale, 3).

    shape   width and height in px at scale 1
    free    vary diameter and position continuously (autoencoder, upscaler, judge); otherwise the
            object has its exact size in the exact middle (diffusion)
    """
    width, height = shape[0] * scale, shape[1] * scale
    diameter = float(SIZES[spec.size])
    if free:
        diameter = rng.uniform(diameter - 18, diameter + 6)
    diameter = int(round(diameter * scale))
    left, top = (width - diameter) / 2, (height - diameter) / 2
    if free:
        left += rng.uniform(-0.25, 0.25) * (width - diameter)
        top += rng.uniform(-0.25, 0.25) * (height - diameter)
    return paint(spec, rng, width, height, diameter, int(round(left)), int(round(top)))


def paint(
    spec: Spec, rng: random.Random, width: int, height: int, diameter: int, left: int, top: int
) -> np.ndarray:
    """Shadow and object on the ground at a place in px; parts outside the frame are cut off."""
    picture = _ground(spec.ground, width, height, rng)
    pixels, shadow, margin = _object(spec.object, diameter)
    drop = int(round(0.05 * diameter))
    _blend(picture, left - margin, top - margin + drop, shadow, None)
    _blend(picture, left, top, pixels[..., 3], pixels[..., :3] * 255)
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8)


SHADOW_STRENGTH = 0.28


def _blend(
    picture: np.ndarray, left: int, top: int, alpha: np.ndarray, colour: np.ndarray | None
) -> None:
    """Lay premultiplied colour (or a shadow where colour is None) over `picture` in place."""
    height, width = picture.shape[:2]
    y0, x0 = max(top, 0), max(left, 0)
    y1, x1 = min(top + alpha.shape[0], height), min(left + alpha.shape[1], width)
    if y1 <= y0 or x1 <= x0:
        return
    part = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    region = picture[y0:y1, x0:x1]
    if colour is None:
        region *= 1 - SHADOW_STRENGTH * alpha[part][..., None]
    else:
        region *= 1 - alpha[part][..., None]
        region += colour[part]


# --- captions --------------------------------------------------------------------------------


def with_article(words: str) -> str:
    vowel = words[0] in "aeiou8" and not words.startswith("uni")
    return ("an " if vowel else "a ") + words


def caption(spec: Spec) -> str:
    """The canonical caption: "a large fox on a blue background"."""
    noun = " ".join(word for word in (spec.size, spec.object) if word)
    return f"{with_article(noun)} on {with_article(spec.ground)} background"


def reworded(spec: Spec, rng: random.Random) -> str:
    """Another wording of the caption; parts other than the object may be left out."""
    noun = spec.object
    if noun in SYNONYMS and rng.random() < 0.25:
        noun = rng.choice(SYNONYMS[noun])
    before = []
    if spec.size and rng.random() < 0.85:
        before.append(rng.choice(LARGE_WORDS))
    while rng.random() < 0.18:
        before.append(rng.choice(ADJECTIVES))
    words = " ".join([*before, noun])
    chance = rng.random()
    text = with_article(words) if chance < 0.7 else f"the {words}" if chance < 0.8 else words
    if rng.random() < 0.2:
        text = f"{rng.choice(OPENINGS)} {text}"
    ground = spec.ground
    if ground in GROUND_SYNONYMS and rng.random() < 0.2:
        ground = rng.choice(GROUND_SYNONYMS[ground])
    chance = rng.random()
    if chance < 0.6:
        text += f" on {with_article(ground)} background"
    elif chance < 0.9:
        text += rng.choice(
            [
                f", {ground} background",
                f" with {with_article(ground)} background",
                f" in front of {with_article(ground)} wall",
                f" on {ground}",
                f" on {with_article(ground)} ground",
                f" against {with_article(ground)} backdrop",
            ]
        )
    while rng.random() < 0.15:
        text += f", {rng.choice(ENDINGS)}"
    if rng.random() < 0.1:  # a word nobody knows: it is spelled in single bytes
        unknown = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(3, 7)))
        place = rng.randint(0, 1)
        text = f"{unknown} {text}" if place else f"{text} {unknown}"
    return text


def objectless(rng: random.Random) -> str:
    """A prompt that names no object: mostly empty, sometimes a typical negative prompt."""
    if rng.random() < 0.7:
        return ""
    return ", ".join(rng.sample(NOTHING, rng.randint(1, 5)))


def vocabulary() -> list[str]:
    """Every word that captions are made of, sorted."""
    words: set[str] = set()
    texts = [*OPENINGS, *ENDINGS, *ADJECTIVES, *LARGE_WORDS, *NOTHING, *GROUNDS, *OBJECTS]
    texts += [w for many in SYNONYMS.values() for w in many]
    texts += [w for many in GROUND_SYNONYMS.values() for w in many]
    texts += ["a an the on in of with front background backdrop ground wall against and , ."]
    for text in texts:
        words |= set(text.split())
    return sorted(words)
