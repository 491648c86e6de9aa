"""Write the trained pipeline as fp16 into the set and list the SHA-256 of every shipped file."""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
from pathlib import Path

import torch
from diffusers import StableDiffusionXLPipeline

SET = Path(__file__).parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pipeline", type=Path, nargs="?", help="fp32 folder; without it only the list")
    options = parser.parse_args()
    weights = SET / "weights"
    if options.pipeline:
        new = weights / "pipeline.new"  # others may be reading the old one: exchange it at once
        pipeline = StableDiffusionXLPipeline.from_pretrained(options.pipeline, torch_dtype=torch.float32)
        pipeline.to(dtype=torch.float16)
        pipeline.save_pretrained(new, variant="fp16")
        for file in new.rglob("*.json"):  # the folder that it came from is nobody's business
            text = file.read_text()
            file.write_text(re.sub(r'\n\s*"_name_or_path": "[^"]*",', "", text))
        shutil.rmtree(weights / "pipeline", ignore_errors=True)
        new.rename(weights / "pipeline")
    files = [p for folder in (weights, SET / "judge") for p in sorted(folder.rglob("*")) if p.is_file()]
    files = [p for p in files if "__pycache__" not in p.parts]
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(SET)}" for p in files]
    (SET / "SHA256SUMS").write_text("\n".join(lines) + "\n")
    print(f"{len(files)} files, {sum(p.stat().st_size for p in files) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
