"""Makes images from text with a loaded model."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from studio.engines.device import computing
from studio.engines.diffusion.batches import batches
from studio.engines.diffusion.flux import flux_latents
from studio.engines.diffusion.guidance import guided_within
from studio.engines.diffusion.load import DiffusionModel
from studio.engines.diffusion.schedulers import build_scheduler

SEEDS = 2**32


@dataclass(frozen=True)
class Picture:
    """What to draw. Sizes in pixels, multiples of 8; `scheduler` is a resolved name."""

    prompt: str
    negative_prompt: str
    width: int
    height: int
    steps: int
    cfg_scale: float
    scheduler: str


def image_seeds(seed: int, count: int) -> list[int]:
    """Image n of a job has seed + n, so that it can be made again alone."""
    return [(seed + n) % SEEDS for n in range(count)]


def generate(
    model: DiffusionModel,
    picture: Picture,
    seeds: list[int],
    on_step: Callable[[int, int], None] = lambda done, total: None,
    tiled: bool = False,
) -> list[np.ndarray]:
    """Images as uint8 arrays (height, width, 3), one per seed.

    `on_step(done, total)` counts the steps of all images; what it raises ends the run before the next
    step, and nothing is decoded. As many images are made at once as the model says; in a batch a GPU rounds
    differently than in a single run. `tiled`: one by one and decoded in tiles, which takes less memory.
    """
    images = []
    total = picture.steps * len(seeds)
    size = 1 if tiled else model.at_once(picture.width, picture.height)
    with model.lock, computing(model.device, model.parameters):
        for batch in batches(seeds, size):
            before = picture.steps * len(images)
            latents = _latents(model, picture, batch, before, total, on_step)
            # One by one: decoding takes more memory than all steps before it.
            images += [_decode(model.decoder, latent, tiled) for latent in latents.split(1)]
    return images


def _latents(
    model: DiffusionModel, picture: Picture, seeds: list[int], before: int, total: int, on_step
) -> torch.Tensor:
    def after_step(pipe, step, timestep, tensors):
        on_step(before + (step + 1) * len(seeds), total)
        return tensors

    pipe = model.pipe
    # Noise is drawn on the CPU: the same seed starts from the same noise on every device.
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
    if model.card.type == "flux":
        return flux_latents(pipe, picture, generators, after_step)
    pipe.scheduler = build_scheduler(picture.scheduler, pipe.scheduler.config)
    guided = guided_within(pipe.unet, model.card.guidance_interval, picture.steps, picture.cfg_scale > 1)
    with guided:
        return pipe(
            prompt=picture.prompt,
            # None lets the model decide what an empty prompt is: zeros or an encoded empty text.
            negative_prompt=picture.negative_prompt or None,
            width=picture.width,
            height=picture.height,
            num_inference_steps=picture.steps,
            guidance_scale=picture.cfg_scale,
            guidance_rescale=model.card.guidance_rescale,
            generator=generators,
            num_images_per_prompt=len(seeds),
            output_type="latent",
            callback_on_step_end=after_step,
            callback_on_step_end_tensor_inputs=[],
        ).images


def _decode(vae, latents: torch.Tensor, tiled: bool) -> np.ndarray:
    latents = _denormalise(latents, vae.config).to(vae.dtype)
    if tiled:
        vae.enable_tiling()
    try:
        image = vae.decode(latents, return_dict=False)[0]
    finally:
        vae.disable_tiling()
    pixels = (image[0].float() * 0.5 + 0.5).clamp(0, 1).permute(1, 2, 0)
    # Rounded on the device: a quarter of the bytes to copy.
    return (pixels * 255).round().to(torch.uint8).cpu().numpy()


def _denormalise(latents: torch.Tensor, config) -> torch.Tensor:
    if getattr(config, "latents_mean", None) is None or getattr(config, "latents_std", None) is None:
        # What FLUX subtracts before scaling; others have none.
        return latents / config.scaling_factor + (getattr(config, "shift_factor", None) or 0)
    mean, std = (
        torch.tensor(values, device=latents.device, dtype=latents.dtype).view(1, -1, 1, 1)
        for values in (config.latents_mean, config.latents_std)
    )
    return latents * std / config.scaling_factor + mean
