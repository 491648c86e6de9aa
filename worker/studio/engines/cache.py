"""Models stay loaded: once per process on first use; the least recently used go when memory is short."""

import gc
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar

Model = TypeVar("Model")

# Working memory beside the weights: activations of one image at the usual sizes.
SPARE_BYTES = 3_000_000_000


class ModelCache:
    """Loaded models by key, in the order of their last use.

    `free_bytes` tells the free memory, None where it is not limited; `release` gives memory back to
    the system after models were dropped.
    """

    def __init__(
        self,
        free_bytes: Callable[[], int | None] = lambda: None,
        release: Callable[[], None] = lambda: None,
        spare_bytes: int = SPARE_BYTES,
    ):
        self._free_bytes = free_bytes
        self._release = release
        self._spare_bytes = spare_bytes
        self._models: OrderedDict[Hashable, object] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, key: Hashable, load: Callable[[], Model], needed_bytes: int = 0) -> Model:
        """The model of `key`; `load` runs at most once while it stays loaded.

        `needed_bytes` is the size of the weights. What fails to load is not kept.
        """
        with self._lock:
            if key not in self._models:
                self.make_room(needed_bytes)
                self._models[key] = load()
            self._models.move_to_end(key)
            return self._models[key]

    def make_room(self, needed_bytes: int) -> None:
        """Drops least recently used models until the bytes and the spare ones are free."""
        with self._lock:
            while self._models and self._short_of(needed_bytes):
                self._models.popitem(last=False)
                self._free()

    def drop_others(self, used: object = None) -> None:
        """Drops every model but the one in use: the last resort before a job fails for want of memory."""
        with self._lock:
            for key in [key for key, model in self._models.items() if model is not used]:
                del self._models[key]
            self._free()

    def loaded(self) -> list[Hashable]:
        """Keys of the loaded models, least recently used first."""
        return list(self._models)

    def _short_of(self, needed_bytes: int) -> bool:
        free = self._free_bytes()
        return free is not None and free < needed_bytes + self._spare_bytes

    def _free(self) -> None:
        # Pipelines hold cycles; without a collection their tensors would stay.
        gc.collect()
        self._release()
