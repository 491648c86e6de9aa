"""Which models stay in memory, with a counter in place of a GPU's memory."""

import pytest

from studio.engines.cache import ModelCache
from studio.engines.memory import tile_ladder, within_memory
from studio.failures import StudioFailure


class Memory:
    """100 bytes of memory, of which loaded models take a share."""

    def __init__(self):
        self.used = {}
        self.cache = ModelCache(lambda: 100 - self._held(), self._release, spare_bytes=10)
        self.loads = []

    def _held(self):
        return sum(self.used.values())

    def _release(self):
        # As a GPU: memory comes back only once nothing refers to the model any more.
        self.used = {name: size for name, size in self.used.items() if name in self.cache.loaded()}

    def get(self, name, size):
        def load():
            self.loads.append(name)
            self.used[name] = size
            return name.upper()

        return self.cache.get(name, load, size)


@pytest.fixture
def memory():
    return Memory()


def test_a_model_is_loaded_once(memory):
    assert [memory.get("a", 10), memory.get("a", 10)] == ["A", "A"]
    assert memory.loads == ["a"]


def test_the_least_recently_used_goes_when_memory_is_short(memory):
    memory.get("a", 30)
    memory.get("b", 30)
    memory.get("a", 30)
    memory.get("c", 40)
    assert memory.cache.loaded() == ["a", "c"]


def test_nothing_goes_while_there_is_room(memory):
    for name in "abc":
        memory.get(name, 20)
    assert memory.cache.loaded() == ["a", "b", "c"]


def test_what_fails_to_load_is_not_kept(memory):
    def fail():
        raise OSError("broken file")

    with pytest.raises(OSError, match="broken file"):
        memory.cache.get("a", fail)
    assert memory.cache.loaded() == []
    assert memory.get("a", 10) == "A"


def test_all_but_the_one_in_use_can_be_dropped(memory):
    used = memory.get("a", 10)
    memory.get("b", 10)
    memory.cache.drop_others(used)
    assert memory.cache.loaded() == ["a"]


@pytest.mark.parametrize(
    ("tile", "ladder"),
    [(None, [None, 512, 256]), (1024, [1024, 512, 256]), (2048, [2048, 1024, 512, 256]), (256, [256]), (300, [300])],
)
def test_tiles_are_halved_down_to_256(tile, ladder):
    assert tile_ladder(tile) == ladder


def test_memory_is_freed_between_two_attempts():
    done = []

    def attempt(number):
        done.append(number)
        if number < 3:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return number

    assert within_memory([lambda n=n: attempt(n) for n in (1, 2, 3)], lambda: done.append("free")) == 3
    assert done == [1, "free", 2, "free", 3]


def test_when_nothing_fits_the_failure_has_its_code_and_other_errors_keep_theirs():
    def full():
        raise MemoryError

    def broken():
        raise ValueError("something else")

    with pytest.raises(StudioFailure) as caught:
        within_memory([full, full], lambda: None)
    assert caught.value.code == "OUT_OF_MEMORY"
    with pytest.raises(ValueError, match="something else"):
        within_memory([broken, full], lambda: None)
