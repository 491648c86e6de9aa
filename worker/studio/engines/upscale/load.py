"""Reads RRDBNet weights in the three key layouts that are in use."""

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

from studio.engines.device import Device
from studio.engines.upscale.network import RRDBNet
from studio.manifest import UpscalerCard

_ESRGAN = {"trunk_conv": "conv_body", "upconv1": "conv_up1", "upconv2": "conv_up2", "HRconv": "conv_hr"}
_OLDEST = {"3": "conv_up1", "6": "conv_up2", "8": "conv_hr", "10": "conv_last"}


@dataclass
class Upscaler:
    """A network in memory. `scale` 4: how much one pass enlarges."""

    card: UpscalerCard
    device: Device
    network: RRDBNet
    scale: int = 4


def load_upscaler(card: UpscalerCard, path: Path, device: Device) -> Upscaler:
    """Reads .safetensors or .pth (weights only, no code). Raises ValueError for another architecture."""
    if path.suffix == ".safetensors":
        state = load_file(path)
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)
    network = network_of(state).to(device.torch, device.half, memory_format=torch.channels_last)
    return Upscaler(card, device, network.eval().requires_grad_(False))


def network_of(state: dict) -> RRDBNet:
    """Builds the network that the weights belong to; its shape is read from them."""
    state = state.get("params_ema") or state.get("params") or state
    state = {_key(name, state): tensor.float() for name, tensor in state.items()}
    if "conv_first.weight" not in state or "body.0.rdb1.conv1.weight" not in state:
        raise ValueError("these are no weights of an RRDBNet (Real-ESRGAN) network")
    features, channels = state["conv_first.weight"].shape[:2]
    if channels != 3:
        raise ValueError(f"this RRDBNet takes {channels} channels; only x4 networks with 3 are supported")
    blocks = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("body."))
    network = RRDBNet(blocks, features, state["body.0.rdb1.conv1.weight"].shape[0])
    network.load_state_dict(state)
    return network


def _key(name: str, state: dict) -> str:
    """The name in Real-ESRGAN's layout."""
    if name.startswith("model."):
        return _oldest_key(name, state)
    name = re.sub(r"^RRDB_trunk\.(\d+)\.RDB(\d)", r"body.\1.rdb\2", name)
    head, dot, rest = name.partition(".")
    return _ESRGAN.get(head, head) + dot + rest


def _oldest_key(name: str, state: dict) -> str:
    block = re.match(r"^model\.1\.sub\.(\d+)\.RDB(\d)\.(conv\d)\.0\.(\w+)$", name)
    if block:
        return "body.{}.rdb{}.{}.{}".format(*block.groups())
    last = re.match(r"^model\.1\.sub\.\d+\.(\w+)$", name)
    if last:
        return f"conv_body.{last.group(1)}"
    number, kind = name.split(".")[1:]
    return f"{'conv_first' if number == '0' else _OLDEST.get(number, number)}.{kind}"
