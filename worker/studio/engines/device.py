"""Where and in which precision an engine computes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

# Below this many weights the work of one layer is smaller than the cost of sharing it between cores.
WORTH_SHARING = 100_000_000


@dataclass(frozen=True)
class Device:
    """A torch device, the number type of models on it, and its name as results tell it.

    `half`: the type for networks that only enlarge, where rounding is far below what is seen.
    """

    torch: torch.device
    dtype: torch.dtype
    half: torch.dtype
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
        return Device(torch.device("cuda", 0), torch.float16, torch.float16, torch.cuda.get_device_name(0))
    # Half precision on most CPUs is slower or unsupported; the same weights are read as fp32.
    half = torch.bfloat16 if _computes_in_bf16() else torch.float32
    return Device(torch.device("cpu"), torch.float32, half, "cpu")


def _computes_in_bf16() -> bool:
    # Where it is only emulated, bf16 takes more than twice as long as fp32.
    can = torch.cpu.get_capabilities()
    return bool(can.get("amx_bf16") or can.get("avx512_bf16"))


def threads_for(device: Device, parameters: int) -> int | None:
    """How many cores a network of this size gets on a CPU; None for as many as there are.

    Threads wait for each other after every layer. Beside another busy process a small pipeline took
    thirty times as long on two cores as on one; and its result does not depend on the load either.
    """
    return 1 if not device.on_gpu and parameters < WORTH_SHARING else None


@contextmanager
def computing(device: Device, parameters: int) -> Iterator[None]:
    """Inference without gradients, on the cores that the size of the network is worth."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads_for(device, parameters) or before)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(before)


def count_parameters(module: torch.nn.Module) -> int:
    """How many weights a network has."""
    return sum(tensor.numel() for tensor in module.parameters())


def free_bytes(device: Device) -> int | None:
    """Free memory of a GPU in bytes, None on a CPU."""
    return torch.cuda.mem_get_info(device.torch)[0] if device.on_gpu else None


def total_bytes(device: Device) -> int | None:
    """All memory of a GPU in bytes, None on a CPU."""
    return torch.cuda.mem_get_info(device.torch)[1] if device.on_gpu else None


def release(device: Device) -> None:
    """Gives memory that nothing uses any more back to the GPU."""
    if device.on_gpu:
        torch.cuda.empty_cache()
