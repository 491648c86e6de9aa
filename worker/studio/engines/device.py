"""Where and in which precision an engine computes."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Device:
    """A torch device, the number type of models on it, and its name as results tell it."""

    torch: torch.device
    dtype: torch.dtype
    name: str

    @property
    def on_gpu(self) -> bool:
        return self.torch.type == "cuda"


def pick_device(wanted: str = "auto") -> Device:
    """`wanted` is auto, cpu or cuda. Raises RuntimeError for cuda where there is none."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("DEVICE is cuda, but no CUDA GPU can be used here")
    if wanted != "cpu" and torch.cuda.is_available():
        # One seed must give one image: the fastest kernel of a trial run may differ between processes.
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
        return Device(torch.device("cuda", 0), torch.float16, torch.cuda.get_device_name(0))
    # Half precision on a CPU is slower or unsupported; the same weights are read as fp32.
    return Device(torch.device("cpu"), torch.float32, "cpu")


def free_bytes(device: Device) -> int | None:
    """Free memory of a GPU in bytes, None on a CPU."""
    return torch.cuda.mem_get_info(device.torch)[0] if device.on_gpu else None


def release(device: Device) -> None:
    """Gives memory that nothing uses any more back to the GPU."""
    if device.on_gpu:
        torch.cuda.empty_cache()
