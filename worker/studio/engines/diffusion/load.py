"""Reads a diffusion model from a folder in the layout of diffusers."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from diffusers import AutoencoderKL, FluxPipeline, StableDiffusionXLPipeline
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from studio.assets import weight_files
from studio.engines.device import Device, count_parameters, total_bytes
from studio.engines.diffusion.batches import images_at_once
from studio.engines.diffusion.faster import choose, make_faster
from studio.engines.diffusion.flux import read_flux
from studio.engines.diffusion.loras import work_in
from studio.engines.diffusion.single_file import read_single_file
from studio.installed.choose import Lora
from studio.manifest import ModelCard
from studio.settings import SPEED_UPS


@dataclass
class DiffusionModel:
    """A pipeline in memory. `lock`: one run at a time, the pipeline keeps state while it works.

    `decoder` turns latents into pixels: the pipeline's own autoencoder, or its copy in half precision.
    `at_once(width, height)`: how many images of this size are made in one run.
    """

    card: ModelCard
    folder: Path
    device: Device
    pipe: StableDiffusionXLPipeline | FluxPipeline
    parameters: int
    decoder: AutoencoderKL
    at_once: Callable[[int, int], int] = lambda width, height: 1
    loras: tuple[Lora, ...] = ()
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def network(self) -> torch.nn.Module:
        """What removes the noise: a UNet, or a transformer."""
        return getattr(self.pipe, "unet", None) or self.pipe.transformer


def load_model(
    card: ModelCard,
    folder: Path,
    device: Device,
    speed_ups: frozenset[str] = frozenset(SPEED_UPS),
    compiled: Path | None = None,
    loras: tuple[Lora, ...] = (),
    donors: list[Path] | None = None,
) -> DiffusionModel:
    """Loads from disk only; fp16 files are read as fp32 on a CPU.

    `speed_ups`: those that may be used; `compiled`: folder where compiled code is kept.
    `folder` may be a single file, which takes settings and tokenizers from the first of `donors`. Raises
    ASSET_MISSING where there is none, INVALID_INPUT for a LoRA that does not fit.
    """
    # Their progress bars would fill the log, and their hints are about packages that are left out on purpose.
    for logging in (diffusers_logging, transformers_logging):
        logging.disable_progress_bar()
        logging.set_verbosity_error()
    if card.type == "flux":
        return _load_flux(card, folder, device, loras)
    pipe = _from_folder(folder, device) if folder.is_dir() else read_single_file(card, folder, donors or [], device)
    work_in(pipe, loras)
    pipe.set_progress_bar_config(disable=True)
    if device.dtype == torch.float16 and pipe.vae.config.force_upcast:
        # Its values overflow in fp16. bf16 has the range of fp32, and fp32 would take four times as long.
        pipe.vae.to(torch.bfloat16)
    parameters = count_parameters(pipe.unet)
    decoder = make_faster(pipe.to(device.torch), device, parameters, speed_ups, compiled)
    total = total_bytes(device) if "batch" in choose(device, parameters, speed_ups) else None
    weights = sum(file.stat().st_size for file in weight_files(folder))
    at_once = partial(images_at_once, total, weights)
    return DiffusionModel(card, folder, device, pipe, parameters, decoder, at_once, loras)


def _load_flux(card: ModelCard, folder: Path, device: Device, loras: tuple[Lora, ...]) -> DiffusionModel:
    """Without the ways of working faster, which are made for UNets."""
    pipe = read_flux(folder, device)
    work_in(pipe, loras)
    pipe.set_progress_bar_config(disable=True)
    pipe.to(device.torch)
    parameters = count_parameters(pipe.transformer)
    return DiffusionModel(card, folder, device, pipe, parameters, pipe.vae, loras=loras)


def _from_folder(folder: Path, device: Device) -> StableDiffusionXLPipeline:
    return StableDiffusionXLPipeline.from_pretrained(
        folder,
        dtype=device.dtype,
        variant="fp16" if any(".fp16." in file.name for file in weight_files(folder)) else None,
        use_safetensors=True,
        local_files_only=True,
        add_watermarker=False,
    )
