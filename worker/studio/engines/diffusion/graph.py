"""The UNet on a GPU without the cost of launching it: its kernels are recorded once per shape, then replayed.

A step launches some two thousand kernels, and calling them from Python takes about as long as a fast GPU
needs to run them. A replay launches all of them at once; they are the same kernels on the same numbers,
so nothing changes by a bit. Whatever goes wrong while recording, the UNet itself goes on working.
"""

import logging
from collections import OrderedDict

import torch

# Each recording keeps its activations in memory: 2 to 4 GB for an image of 1024 x 1024 with guidance.
KEPT = 3
LEAST_FREE_SHARE = 0.25

log = logging.getLogger(__name__)


def graph_calls(unet, recorder=None, has_room=None) -> None:
    """Makes calls of a UNet use recordings. The two others are for tests on a machine without a GPU."""
    unet.forward = GraphReplay(unet, recorder or record_graph, has_room or has_room_on_gpu)


def drop_graphs(unet) -> None:
    """Gives back the memory that recordings hold, when it has become short."""
    if isinstance(unet.forward, GraphReplay):
        unet.forward.drop()


class GraphReplay:
    """Stands for `unet.forward`. The first call with a shape runs the UNet itself, the second is recorded.

    `recorder(unet, inputs)` gives a callable that takes the same inputs; `has_room()` says whether memory
    allows another recording.
    """

    def __init__(self, unet, recorder, has_room):
        self._unet = unet
        self._recorder = recorder
        self._has_room = has_room
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

    def drop(self) -> None:
        """Forgets all recordings; shapes are recorded again when they come back."""
        # A new table, not an emptied one: another thread may be looking into it.
        self._recordings = OrderedDict()

    def _recording(self, inputs: tuple):
        shape = tuple((tuple(tensor.shape), tensor.dtype) for tensor in inputs)
        recordings = self._recordings
        if shape not in recordings:
            # A shape that comes once is not worth a recording, and its first run warms up the libraries.
            while len(recordings) >= KEPT:
                recordings.popitem(last=False)
            recordings[shape] = None
            return None
        recordings.move_to_end(shape)
        if recordings[shape] is None:
            recordings[shape] = self._try_to_record(inputs)
        return recordings[shape] or None

    def _try_to_record(self, inputs: tuple):
        if not self._has_room():
            log.info("not recorded: memory is short")
            return False
        try:
            return self._recorder(self._unet, inputs)
        except Exception as error:
            log.warning("the model stays without a recording: %s", error)
            return False


def has_room_on_gpu() -> bool:
    """Whether enough of the memory is free for the activations of another shape."""
    free, total = torch.cuda.mem_get_info()
    return free >= LEAST_FREE_SHARE * total


def record_graph(unet, inputs: tuple):
    """A callable that replays the kernels of one call; inputs must keep their shapes. Raises RuntimeError."""
    # Copies of a fixed place: the recording reads its inputs from there.
    static = tuple(tensor.clone() for tensor in inputs)

    def step():
        sample, timestep, states, text_embeds, time_ids = static
        added = {"text_embeds": text_embeds, "time_ids": time_ids}
        return type(unet).forward(unet, sample, timestep, states, added_cond_kwargs=added, return_dict=False)[0]

    # Libraries prepare workspaces on a stream's first use, which no recording can hold.
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        step()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = step()

    def replay(*values):
        for place, value in zip(static, values, strict=True):
            place.copy_(value)
        graph.replay()
        # The next replay writes to the same place.
        return output.clone()

    return replay
