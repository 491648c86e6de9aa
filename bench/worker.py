"""How fast the worker is, against plain diffusers in the same process with the same settings.

Prints tables and, as its last line, one JSON object; None stands for what cannot be measured here.
"""

import argparse
import json
import platform
import time

import gpu
from against_plain import against_plain
from cold_start import cold_start
from seams import seams


def gpu_name() -> str | None:
    """Name of the GPU, None without one."""
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None


def main() -> None:
    """Measures everything and prints it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", default="demo", help="set of models (demo or core)")
    parser.add_argument("--rounds", type=int, default=9, help="rounds in which plain call and route take turns")
    parser.add_argument("--cold-rounds", type=int, default=3, help="fresh processes for the cold start")
    parser.add_argument("--size", type=int, default=256, help="edge of the image in pixels")
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    pair = against_plain(options.set, options.rounds, options.size, options.steps)
    cold = cold_start(options.set, options.cold_rounds)
    seam = seams(options.set)
    name = gpu_name()
    print(f"Set {options.set}, {platform.machine()}, {name or 'no GPU'}, {time.strftime('%Y-%m-%d')}\n")
    for label, value in rows(pair, cold, seam, options):
        print(f"| {label:<56} | {value:>20} |")
    figures = {
        "routeVsRaw": round(pair["route ratio cpu"], 4),
        "optimisedVsPlain": round(pair["optimised ratio cpu"], 4),
        "upscaleSeamMax": seam,
        "coldStartVsImports": round(cold["first image"] / cold["imports"], 3),
        "gpu": {"name": name, "figures": gpu.run(tiny=False)} if name else None,
    }
    print(json.dumps(figures))


def rows(pair: dict, cold: dict, seam: int | None, options) -> list[tuple[str, str]]:
    """Label and value of each line of the table; two figures are wall time and processor time."""

    def both(name: str, unit: str = "") -> str:
        return f"{pair[name + ' wall']:.3f}{unit} / {pair[name + ' cpu']:.3f}{unit}"

    return [
        (f"plain diffusers, {options.size} px, {options.steps} steps, PNG: wall / CPU", both("raw", " s")),
        ("route create with SPEED_UPS=none", both("route", " s")),
        ("route create", both("optimised", " s")),
        ("route with SPEED_UPS=none / plain (equal pixels)", both("route ratio")),
        ("route / plain", both("optimised ratio")),
        ("its pixels beside the plain ones, largest / mean of 255", f"{pair['largest']} / {pair['mean']:.3f}"),
        ("largest step beside tile borders", f"{seam} of 255"),
        ("process start to first image", f"{cold['first image']:.1f} s"),
        ("process start to end of imports", f"{cold['imports']:.1f} s"),
    ]


if __name__ == "__main__":
    main()
