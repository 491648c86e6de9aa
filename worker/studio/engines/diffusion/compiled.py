"""Compiles the transformer blocks of a UNet in the background, and keeps what was compiled on the volume.

Jobs go on with the plain blocks until all compiled ones are there; a failure leaves the plain ones. The
results differ by rounding, so the first images of a worker are not those of later ones: it must be asked for.
"""

import logging
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path

import torch
from diffusers.models.attention import BasicTransformerBlock

log = logging.getLogger(__name__)


def artifacts_path(folder: Path, gpu: str) -> Path:
    """Where compiled code for this GPU and version of PyTorch is kept: it fits no other."""
    kind = re.sub(r"[^A-Za-z0-9.]+", "-", f"{gpu}-{torch.__version__}")
    return folder / f"blocks-{kind}.bin"


def compile_blocks(unet, artifacts: Path | None, done: Callable[[], None] = lambda: None, backend="inductor") -> None:
    """Waits for the first call of each kind of block, then compiles them beside the jobs. `done` runs at the end."""
    blocks = [module for module in unet.modules() if isinstance(module, BasicTransformerBlock)]
    kinds: dict[tuple, tuple] = {}
    missing = {_kind(block) for block in blocks}
    lock = threading.Lock()

    def watch(block, args, kwargs) -> None:
        with lock:
            if _kind(block) not in missing:
                return
            missing.discard(_kind(block))
            kinds[_kind(block)] = (block, _copied(args), {name: _copied(value) for name, value in kwargs.items()})
            complete = not missing
        if complete:
            for handle in handles:
                handle.remove()
            arguments = blocks, list(kinds.values()), artifacts, done, backend
            threading.Thread(target=_compile, args=arguments, name="compiling", daemon=True).start()

    handles = [block.register_forward_pre_hook(watch, with_kwargs=True) for block in blocks]


def _compile(blocks: list, examples: list[tuple], artifacts: Path | None, done, backend) -> None:
    try:
        if artifacts and artifacts.exists():
            torch.compiler.load_cache_artifacts(artifacts.read_bytes())
        with torch.inference_mode():
            for block, args, kwargs in examples:
                # Not installed yet: jobs must not wait for the compiler.
                torch.compile(block._call_impl, backend=backend)(*args, **kwargs)
        for block in blocks:
            block.compile(backend=backend)
        if artifacts and (saved := torch.compiler.save_cache_artifacts()):
            _write(artifacts, saved[0])
        log.info("%d blocks compiled", len(blocks))
        done()
    except Exception as error:
        log.warning("blocks stay as they are: %s", error)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Several workers share a volume; none may read half a file.
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(path)


def _kind(block) -> tuple:
    return tuple(tuple(parameter.shape) for parameter in block.parameters())


def _copied(value):
    if torch.is_tensor(value):
        return value.clone()
    return tuple(map(_copied, value)) if isinstance(value, tuple) else value
