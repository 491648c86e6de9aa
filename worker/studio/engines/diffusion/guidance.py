"""Guidance in a part of the steps only: outside of it the half of the work that guidance costs is left out."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def guided_within(unet, interval: list[float] | None, steps: int, guided: bool) -> Iterator[None]:
    """While it lasts, calls of the UNet outside of `interval` compute the prompt's half of the batch alone.

    `interval`: first and last share of the steps, 0 to 1, that are guided; None guides all. `guided`:
    whether the batch has two halves at all, without and with the prompt. Both halves of the answer are
    then equal, so that guidance of any strength leaves them as they are.
    """
    if interval is None or not guided:
        yield
        return
    first, last = (round(share * steps) for share in interval)
    before = unet.forward
    own = "forward" in vars(unet)
    calls = 0

    def forward(sample, timestep, encoder_hidden_states, added_cond_kwargs=None, **others):
        nonlocal calls
        calls += 1
        if first < calls <= last:
            return before(sample, timestep, encoder_hidden_states, added_cond_kwargs=added_cond_kwargs, **others)
        added = {name: _prompt_half(value) for name, value in (added_cond_kwargs or {}).items()}
        states = _prompt_half(encoder_hidden_states)
        answer = before(_prompt_half(sample), timestep, states, added_cond_kwargs=added, **others)[0]
        return (torch.cat([answer, answer]),)

    unet.forward = forward
    try:
        yield
    finally:
        if own:
            unet.forward = before
        else:
            del unet.forward


def _prompt_half(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.chunk(2)[1]
