"""What happens when memory runs out: free, try with less, then say so."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from studio.failures import StudioFailure, classify

Result = TypeVar("Result")

SMALLEST_TILE = 256
FIRST_TILE = 512


def tile_ladder(tile: int | None) -> list[int | None]:
    """Tile sizes to try one after another: as asked, tiled, then half the tile down to 256."""
    ladder: list[int | None] = [tile]
    size = tile // 2 if tile else FIRST_TILE
    while size >= SMALLEST_TILE:
        ladder.append(size)
        size //= 2
    return ladder


def within_memory(attempts: Iterable[Callable[[], Result]], free: Callable[[], None]) -> Result:
    """The result of the first attempt that fits; `free` runs between two.

    Raises OUT_OF_MEMORY when none fits, and at once whatever is not a lack of memory.
    """
    for attempt in attempts:
        try:
            return attempt()
        except Exception as error:
            if classify(error).code != "OUT_OF_MEMORY":
                raise
        # Outside the handler: the exception's frames would keep the tensors alive.
        free()
    raise StudioFailure("OUT_OF_MEMORY")
