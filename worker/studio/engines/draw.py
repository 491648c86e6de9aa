"""From a prompt to images of exactly the asked size: rendering, and enlarging beyond the native size."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from studio.assets import Assets, model_hash
from studio.engines import loaded
from studio.engines.diffusion.generate import SEEDS, Picture, generate, image_seeds
from studio.engines.diffusion.graph import drop_graphs
from studio.engines.diffusion.load import DiffusionModel
from studio.engines.diffusion.schedulers import resolve_scheduler
from studio.engines.diffusion.sizes import Rendering, plan_rendering
from studio.engines.memory import tile_ladder, within_memory
from studio.engines.upscale.enlarge import enlarge
from studio.engines.upscale.load import Upscaler
from studio.installed.choose import Choice, choose
from studio.media.images import resize_cover

PLAIN = "Lanczos"

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Plan:
    """Everything resolved before the first step. `enlarger` is None when nothing is to be enlarged by one."""

    model: DiffusionModel
    enlarger: Upscaler | None
    rendering: Rendering
    picture: Picture
    width: int
    height: int
    seeds: list[int]

    @property
    def enlarged_by(self) -> str | None:
        if not self.rendering.enlarge:
            return None
        return self.enlarger.card.title if self.enlarger else PLAIN


def plan_drawing(assets: Assets, asked, device: str, choice: Choice | None = None) -> Plan:
    """Loads the model for `asked` (a create or production input) and resolves seed, sampler and size."""
    choice = choice or choose(assets, asked.model, asked.loras)
    card = choice.card
    scheduler = resolve_scheduler(asked.scheduler, card)
    rendering = plan_rendering(card, asked.width, asked.height)
    model = loaded.diffusion(assets, choice, device)
    enlarger = loaded.upscaler(assets, None, device) if rendering.enlarge else None
    seed = secrets.randbelow(SEEDS) if asked.seed == -1 else asked.seed
    picture = Picture(
        asked.prompt,
        # FLUX reads none: results tell what had an effect.
        "" if card.type == "flux" else asked.negative_prompt,
        rendering.width,
        rendering.height,
        asked.steps,
        asked.cfg_scale,
        scheduler,
    )
    return Plan(model, enlarger, rendering, picture, asked.width, asked.height, image_seeds(seed, asked.num_images))


def draw(plan: Plan, on_step: Report) -> list[np.ndarray]:
    """uint8 images (height, width, 3) of the asked size, one per seed. `on_step` counts denoising steps.

    Raises OUT_OF_MEMORY when they do not fit, even decoded in tiles and with no other model in memory.
    """
    attempts = [
        lambda tiled=tiled: generate(plan.model, plan.picture, plan.seeds, on_step, tiled) for tiled in (False, True)
    ]

    def free() -> None:
        drop_graphs(plan.model.network)
        loaded.cache().drop_others(plan.model)

    images = within_memory(attempts, free)
    return [_fit(plan, pixels) for pixels in images]


def _fit(plan: Plan, pixels: np.ndarray) -> np.ndarray:
    if plan.rendering.enlarge and plan.enlarger:
        attempts = [
            # One pass: the network gives the edges, a second one would cost sixteen times as much.
            lambda tile=tile: enlarge(plan.enlarger, pixels, plan.width, plan.height, tile=tile, passes=1)
            for tile in tile_ladder(None)
        ]
        return within_memory(attempts, lambda: loaded.cache().drop_others(plan.enlarger))
    return resize_cover(pixels, plan.width, plan.height)


def resolved(plan: Plan, version: str) -> dict:
    """The effective parameters, as results tell them."""
    picture, model = plan.picture, plan.model
    return {
        "prompt": picture.prompt,
        "negative_prompt": picture.negative_prompt,
        "seed": plan.seeds[0],
        "steps": picture.steps,
        "cfg_scale": picture.cfg_scale,
        "model": model.card.name,
        "loras": [{"name": lora.name, "weight": lora.weight} for lora in model.loras],
        "scheduler": picture.scheduler,
        "rendered_width": picture.width,
        "rendered_height": picture.height,
        "enlarged_by": plan.enlarged_by,
        "worker": {"version": version, "model_hash": model_hash(model.folder), "device": model.device.name},
    }
