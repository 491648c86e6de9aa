"""Through which sizes an image is enlarged. Pure; imports no library of the engines."""

from math import ceil

Size = tuple[int, int]


def plan_steps(source: Size, final: Size, scale: int = 4, most: int = 5) -> list[Size]:
    """The sizes after each pass of the network, the last of them `final`, or as near as `most` passes come. Pure.

    As few passes as the enlargement needs, at least one: a factor of 1 still restores detail. What the
    last of several passes gets is cut down to what it needs, because a pass costs by the pixels it
    takes: 300 x 200 to 5000 x 3333 would else run through 19200 x 12800.
    """
    wanted = max(final[0] / source[0], final[1] / source[1])
    count = 1
    while scale**count < wanted and count < most:
        count += 1
    steps = [(source[0] * scale**n, source[1] * scale**n) for n in range(1, count + 1)]
    if scale**count >= wanted:
        steps[-2:] = [tuple(ceil(edge * wanted / scale) for edge in source), final][-len(steps) :]
    return steps
