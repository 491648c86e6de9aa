"""How many images of a job are made at once. Pure."""

# Activations of the UNet with guidance in half precision, an estimate on the safe side.
BYTES_PER_PIXEL = 3000
# What the driver, the libraries and the other models of a job take.
KEPT_FREE = 6_000_000_000


def images_at_once(total_bytes: int | None, weight_bytes: int, width: int, height: int) -> int:
    """At least 1. `total_bytes`: all memory of the GPU, None on a CPU, where a batch gains nothing.

    Not the free memory of the moment: one seed on one kind of GPU must give one image, and another
    number of images at once rounds differently.
    """
    if total_bytes is None:
        return 1
    return max(1, int((0.9 * total_bytes - weight_bytes - KEPT_FREE) // (BYTES_PER_PIXEL * width * height)))


def batches(seeds: list[int], size: int) -> list[list[int]]:
    """The seeds in groups of at most `size`, as even as can be: few shapes, few recordings."""
    count = -(-len(seeds) // size)
    bounds = [round(index * len(seeds) / count) for index in range(count + 1)]
    return [seeds[start:end] for start, end in zip(bounds, bounds[1:], strict=False)]
