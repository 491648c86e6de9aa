"""FLUX: a transformer instead of a UNet, guidance as one of its inputs, latents in packets of four."""

from pathlib import Path

import torch
from diffusers import FluxPipeline

from studio.engines.device import Device

# How much of a prompt the models read: the ones without guidance were trained on half.
TOKENS, TOKENS_WITHOUT_GUIDANCE = 512, 256


def read_flux(folder: Path, device: Device) -> FluxPipeline:
    """The pipeline of a folder in the layout of diffusers, from disk only."""
    # fp16 has not the range of its values.
    dtype = torch.bfloat16 if device.on_gpu else device.dtype
    return FluxPipeline.from_pretrained(folder, dtype=dtype, use_safetensors=True, local_files_only=True)


def flux_latents(pipe: FluxPipeline, picture, generators: list[torch.Generator], after_step) -> torch.Tensor:
    """Latents (images, channels, height, width) before they are scaled back. A negative prompt has no effect."""
    # Samplers keep state, so each run has its own.
    pipe.scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config)
    packets = pipe(
        prompt=picture.prompt,
        width=picture.width,
        height=picture.height,
        num_inference_steps=picture.steps,
        # An input of the model. The other guidance, which needs a second run of it, stays off.
        guidance_scale=picture.cfg_scale,
        generator=generators,
        num_images_per_prompt=len(generators),
        max_sequence_length=TOKENS if pipe.transformer.config.guidance_embeds else TOKENS_WITHOUT_GUIDANCE,
        output_type="latent",
        callback_on_step_end=after_step,
        callback_on_step_end_tensor_inputs=[],
    ).images
    return pipe._unpack_latents(packets, picture.height, picture.width, pipe.vae_scale_factor)
