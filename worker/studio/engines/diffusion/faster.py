"""Which ways of working faster a pipeline gets: each kept because it pays where it is used, each can be left out."""

from copy import deepcopy
from pathlib import Path
from types import MethodType

import torch
from diffusers import AutoencoderKL
from diffusers.models.transformers.transformer_2d import Transformer2DModel

from studio.engines.device import Device, threads_for
from studio.engines.diffusion.compiled import artifacts_path, compile_blocks
from studio.engines.diffusion.graph import drop_graphs, graph_calls
from studio.engines.diffusion.traced import record_calls


def choose(device: Device, parameters: int, allowed: frozenset[str]) -> frozenset[str]:
    """Those of the allowed ones that help a network of this size on this device."""
    if device.on_gpu:
        return allowed & {"channels_last", "graph", "compile", "batch"}
    helping = {"channels_last"}
    if device.dtype == torch.float32 != device.half:
        helping.add("half_decoder")
    # Large networks gain nothing from a recording: the cost of Python is small beside the work of a layer.
    if threads_for(device, parameters) == 1:
        helping.add("record")
    return allowed & helping


def make_faster(
    pipe, device: Device, parameters: int, allowed: frozenset[str], compiled: Path | None = None
) -> AutoencoderKL:
    """Changes the pipeline in place and returns the autoencoder that decodes its latents.

    `compiled`: folder where compiled code is kept for the next worker.
    """
    chosen = choose(device, parameters, allowed)
    decoder = pipe.vae
    if "channels_last" in chosen:
        for network in (pipe.unet, pipe.vae):
            channels_last(network)
    if "half_decoder" in chosen:
        # A copy: encoding source images stays in full precision, where an error would be drawn upon.
        decoder = deepcopy(pipe.vae).to(device.half)
    if "record" in chosen:
        record_calls(pipe.unet)
    if "graph" in chosen:
        graph_calls(pipe.unet)
    if "compile" in chosen:
        artifacts = artifacts_path(compiled, device.name) if compiled else None
        compile_blocks(pipe.unet, artifacts, done=lambda: drop_graphs(pipe.unet))
    return decoder


def channels_last(network: torch.nn.Module) -> None:
    """Pixels in the order height, width, channels, in which convolutions need no reordering."""
    network.to(memory_format=torch.channels_last)
    for module in network.modules():
        if isinstance(module, Transformer2DModel):
            module._get_output_for_continuous_inputs = MethodType(_keep_order, module)


def _keep_order(self, hidden_states, residual, batch_size, height, width, inner_dim):
    """As in the library, which here puts channels first again, for all layers that follow."""
    shape = (batch_size, height, width, inner_dim)
    if self.use_linear_projection:
        hidden_states = self.proj_out(hidden_states).reshape(shape).permute(0, 3, 1, 2)
    else:
        hidden_states = self.proj_out(hidden_states.reshape(shape).permute(0, 3, 1, 2))
    return hidden_states + residual
