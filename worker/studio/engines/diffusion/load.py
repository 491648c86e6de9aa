"""Reads a diffusion model from a folder in the layout of diffusers."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionXLPipeline
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from studio.assets import weight_files
from studio.engines.device import Device, count_parameters
from studio.engines.diffusion.faster import make_faster
from studio.manifest import ModelCard
from studio.settings import SPEED_UPS


@dataclass
class DiffusionModel:
    """A pipeline in memory. `lock`: one run at a time, the pipeline keeps state while it works.

    `decoder` turns latents into pixels: the pipeline's own autoencoder, or its copy in half precision.
    """

    card: ModelCard
    folder: Path
    device: Device
    pipe: StableDiffusionXLPipeline
    parameters: int
    decoder: AutoencoderKL
    lock: threading.Lock = field(default_factory=threading.Lock)


def load_model(
    card: ModelCard, folder: Path, device: Device, speed_ups: frozenset[str] = frozenset(SPEED_UPS)
) -> DiffusionModel:
    """Loads from disk only; fp16 files are read as fp32 on a CPU. `speed_ups`: those that may be used."""
    # Their progress bars would fill the log, and their hints are about packages that are left out on purpose.
    for logging in (diffusers_logging, transformers_logging):
        logging.disable_progress_bar()
        logging.set_verbosity_error()
    pipe = StableDiffusionXLPipeline.from_pretrained(
        folder,
        dtype=device.dtype,
        variant="fp16" if any(".fp16." in file.name for file in weight_files(folder)) else None,
        use_safetensors=True,
        local_files_only=True,
        add_watermarker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    if device.dtype == torch.float16 and pipe.vae.config.force_upcast:
        # Its values overflow in fp16. bf16 has the range of fp32, and fp32 would take four times as long.
        pipe.vae.to(torch.bfloat16)
    parameters = count_parameters(pipe.unet)
    decoder = make_faster(pipe.to(device.torch), device, parameters, speed_ups)
    return DiffusionModel(card, folder, device, pipe, parameters, decoder)
