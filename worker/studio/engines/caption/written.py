"""A caption and what is done about one that got stuck. Pure: who writes is passed in."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from studio.contract.caption_texts import MODELS
from studio.engines.caption.repeats import is_repetitive
from studio.failures import StudioFailure

SEEDS = 2**32
RETRIES = 2
# Far from the seeds of the other images, which follow each other.
RETRY_STEP = 0x9E3779B1


@dataclass(frozen=True)
class Caption:
    """`tokens`: how many the model wrote, None where nobody counts; `retries`: captions before it that got stuck."""

    text: str
    tokens: int | None
    seed: int
    retries: int = 0
    repetitive: bool = False


# Takes places of images and a seed for each, gives text and tokens for each, or why there is none.
Write = Callable[[list[int], list[int]], list[tuple[str, int | None] | StudioFailure]]


def resolve_params(model: str, asked: dict | None) -> dict:
    """All generation parameters: what was asked for, else the default of the family."""
    given = {name: value for name, value in (asked or {}).items() if value is not None}
    return {**MODELS[model]["generation"], **given}


def image_seeds(seed: int, count: int) -> list[int]:
    """Seeds of `count` images from `seed` on; -1 draws one."""
    first = secrets.randbelow(SEEDS) if seed == -1 else seed
    return [(first + number) % SEEDS for number in range(count)]


def written_well(write: Write, seeds: list[int], draws: bool) -> list[Caption | StudioFailure]:
    """One result per seed. What repeats itself is written again with another seed, twice at most; the last one stays.

    `draws`: whether chance has a part in it; without, the same caption would come again.
    """
    results = _captions(write(list(range(len(seeds))), seeds), seeds, 0)
    for retry in range(1, RETRIES + 1 if draws else 1):
        stuck = [place for place, result in enumerate(results) if isinstance(result, Caption) and result.repetitive]
        if not stuck:
            break
        others = [(seeds[place] + retry * RETRY_STEP) % SEEDS for place in stuck]
        for place, again in zip(stuck, _captions(write(stuck, others), others, retry), strict=True):
            # A caption that repeats itself is more than none.
            if isinstance(again, Caption):
                results[place] = again
    return results


def _captions(answers: list, seeds: list[int], retry: int) -> list[Caption | StudioFailure]:
    return [
        answer if isinstance(answer, StudioFailure) else _marked(Caption(answer[0], answer[1], seed, retry))
        for answer, seed in zip(answers, seeds, strict=True)
    ]


def _marked(caption: Caption) -> Caption:
    return replace(caption, repetitive=is_repetitive(caption.text))
