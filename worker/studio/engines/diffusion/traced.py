"""Small networks on a CPU without the cost of Python: recorded once per shape, then replayed.

A step of a small UNet is some hundred short operations, and calling them from Python takes as long as a
quarter of the step. The recording runs the same kernels in the same order, so the numbers stay equal bit
by bit. Large networks gain nothing, and a GPU has better ways.
"""

import logging
import threading
import warnings
from collections import OrderedDict
from concurrent.futures import Future

import torch

# Each shape is one size of image; a worker sees few of them.
KEPT = 4
WARM_UP = 3

log = logging.getLogger(__name__)


def record_calls(unet) -> None:
    """Makes calls of a UNet use recordings."""
    # Shapes become constants of a recording, which is why there is one for each shape.
    warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
    unet.forward = _Replay(unet)


def settle(unet) -> None:
    """Waits until recordings that are being made are there. For measurements and tests."""
    if isinstance(unet.forward, _Replay):
        unet.forward.settle()


class _Step(torch.nn.Module):
    """The UNet with plain tensors as inputs, which is what a recording takes."""

    def __init__(self, unet):
        super().__init__()
        self.unet = unet

    def forward(self, sample, timestep, states, text_embeds, time_ids):
        added = {"text_embeds": text_embeds, "time_ids": time_ids}
        # The class's own forward: the instance's is the replay.
        return type(self.unet).forward(self.unet, sample, timestep, states, added_cond_kwargs=added, return_dict=False)[
            0
        ]


class _Replay:
    """Stands for `unet.forward`. A new shape runs the UNet itself while another core records it."""

    def __init__(self, unet):
        self._unet = unet
        self._recordings: OrderedDict = OrderedDict()

    def __call__(self, sample, timestep, encoder_hidden_states, added_cond_kwargs=None, return_dict=True, **others):
        added = added_cond_kwargs or {}
        usual = set(added) == {"text_embeds", "time_ids"} and torch.is_tensor(timestep) and not return_dict
        if usual and all(value is None for value in others.values()):
            inputs = (sample, timestep, encoder_hidden_states, added["text_embeds"], added["time_ids"])
            recording = self._recording(inputs)
            if recording is not None:
                return (recording(*inputs),)
        others |= {"added_cond_kwargs": added_cond_kwargs, "return_dict": return_dict}
        return type(self._unet).forward(self._unet, sample, timestep, encoder_hidden_states, **others)

    def settle(self) -> None:
        """Waits for recordings that are being made."""
        for recording in list(self._recordings.values()):
            recording.result()

    def _recording(self, inputs: tuple):
        shape = tuple((tuple(tensor.shape), tensor.dtype) for tensor in inputs)
        if shape not in self._recordings:
            while len(self._recordings) >= KEPT:
                self._recordings.popitem(last=False)
            self._recordings[shape] = Future()
            arguments = self._unet, [tensor.clone() for tensor in inputs], self._recordings[shape]
            threading.Thread(target=_record, args=arguments, name="recording").start()
        self._recordings.move_to_end(shape)
        future = self._recordings[shape]
        return future.result() if future.done() else None


def _record(unet, inputs: list[torch.Tensor], done: Future) -> None:
    """Ends in a recording, or in None when there cannot be one: then the UNet itself goes on working."""
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            # Outside of inference mode, whose tensors no recording can hold.
            examples = tuple(tensor.clone() for tensor in inputs)
            recording = torch.jit.freeze(torch.jit.trace(_Step(unet).eval(), examples, check_trace=False))
            # The first runs look for what can be joined, and are slow.
            for _ in range(WARM_UP):
                recording(*examples)
        done.set_result(recording)
    except Exception as error:
        log.warning("small model stays without a recording: %s", error)
        done.set_result(None)
