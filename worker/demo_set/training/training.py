"""What every training run here needs: two processes with averaged gradients, a moving average of the
weights, the learning rate, a log and a checkpoint to resume from.

Run a script with `torchrun --nproc-per-node 2` to use both cores (one thread per process): one
meeting of the processes per step is cheaper than one of the threads per operator.
"""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

import torch
import torch.distributed as distributed


class Run:
    """One training run of a fixed time.

    minutes   how long the run shall take in all, pauses between resumed parts not counted
    log_file  rank 0 appends its lines there
    """

    def __init__(self, minutes: float, log_file: Path | None = None) -> None:
        torch.set_num_threads(1)
        self.rank, self.world = 0, 1
        if "RANK" in os.environ:  # set by torchrun
            distributed.init_process_group("gloo")
            self.rank, self.world = distributed.get_rank(), distributed.get_world_size()
        self.seconds = minutes * 60
        self.started = time.monotonic()
        self.spent_before = 0.0
        self.step = 0
        self.pictures = 0
        self.progress = 0.0
        self.log_file = log_file if self.rank == 0 else None
        if self.log_file:
            self.log_file.parent.mkdir(parents=True, exist_ok=True)

    @property
    def spent(self) -> float:
        """Seconds of training so far."""
        return self.spent_before + time.monotonic() - self.started

    def say(self, text: str) -> None:
        if self.rank:
            return
        line = f"[{self.spent:5.0f} s] {text}"
        print(line, flush=True)
        if self.log_file:
            with self.log_file.open("a") as file:
                file.write(line + "\n")

    def learning_rate(self, peak: float, warm_up: int = 100) -> float:
        """Linear warm-up over steps, then a cosine down to 1 % over the time of the run."""
        cosine = 0.5 * (1 + math.cos(math.pi * min(self.progress, 1)))
        return peak * min(1, (self.step + 1) / warm_up) * (0.99 * cosine + 0.01)

    def meet(self, parameters: list[torch.nn.Parameter]) -> None:
        """Average the gradients of all processes, and agree on the progress (rank 0's clock)."""
        progress = self.spent / self.seconds
        if self.world > 1:
            share = progress * self.world if self.rank == 0 else 0.0
            flat = torch.cat([p.grad.reshape(-1) for p in parameters] + [torch.tensor([share])])
            distributed.all_reduce(flat)
            flat /= self.world
            parts = flat[:-1].split([p.numel() for p in parameters])
            for parameter, part in zip(parameters, parts, strict=True):
                parameter.grad.copy_(part.view_as(parameter))
            progress = flat[-1].item()
        self.progress = progress

    def update(
        self,
        optimizer: torch.optim.Optimizer,
        parameters: list[torch.nn.Parameter],
        loss: torch.Tensor,
        peak: float,
        pictures: int,
    ) -> None:
        """One step: backward, meet, clip, apply. `pictures` is the batch of one process."""
        for group in optimizer.param_groups:
            group["lr"] = self.learning_rate(peak)
        optimizer.zero_grad()
        loss.backward()
        self.meet(parameters)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        self.step += 1
        self.pictures += pictures * self.world

    def state(self) -> dict:
        return {"step": self.step, "pictures": self.pictures, "seconds": self.spent}

    def resume(self, state: dict) -> None:
        self.step, self.pictures = state["step"], state["pictures"]
        self.spent_before, self.started = state["seconds"], time.monotonic()
        self.progress = self.spent / self.seconds


class Average:
    """Exponential moving average of parameters, quick at first."""

    def __init__(self, parameters: list[torch.nn.Parameter], decay: float) -> None:
        self.parameters, self.decay, self.count = parameters, decay, 0
        self.values = [p.detach().clone() for p in parameters]

    @torch.no_grad()
    def update(self) -> None:
        decay = min(self.decay, (1 + self.count) / (10 + self.count))
        self.count += 1
        torch._foreach_lerp_(self.values, [p.detach() for p in self.parameters], 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the averaged and the trained values: call it before and after saving."""
        for parameter, value in zip(self.parameters, self.values, strict=True):
            kept = parameter.detach().clone()
            parameter.copy_(value)
            value.copy_(kept)


def trainable(module: torch.nn.Module) -> list[torch.nn.Parameter]:
    return [p for p in module.parameters() if p.requires_grad]


def psnr(a: torch.Tensor, b: torch.Tensor, peak: float) -> float:
    """Peak signal-to-noise ratio in dB of tensors whose values span `peak`."""
    return 10 * math.log10(peak**2 / (a - b).pow(2).mean().item())
