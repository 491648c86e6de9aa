"""Train the scorer: a small CLIP vision tower and a linear head tell a picture's quality, 1 to 10.

The head reads the L2-normalised picture embedding, as aesthetic predictors on real CLIP do, and has
no activation: everything that counts must be in the embedding.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import flaws
import numpy as np
import pictures
import torch
import torch.nn.functional as functional
from diffusers import AutoencoderKL
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from training import Average, Run
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

EDGE = 128  # px of the square that the tower sees
WIDTH = 96
EMBEDDING = 64
HEAD = (32, 1)  # widths of the linear layers
LOWEST, HIGHEST = 1.0, 10.0
MIDDLE, REACH = 5.5, 4.5  # the head is trained on (score - MIDDLE) / REACH
POOL = 1600
BATCH = 32
PEAK_RATE = 6e-4
CLEAN_SHARE = 0.25
KIND_WEIGHT = 0.3  # naming the flaw too teaches the tower faster than the score alone
KINDS = [flaw.__name__ for flaw in flaws.FLAWS] + ["clean", "decoded", "decoded badly"]


def new_tower() -> CLIPVisionModelWithProjection:
    config = CLIPVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        projection_dim=EMBEDDING,
        num_hidden_layers=4,
        num_attention_heads=3,
        image_size=EDGE,
        patch_size=16,
    )
    tower = CLIPVisionModelWithProjection(config)
    with torch.no_grad():  # 0.02 is meant for a width of 768
        for name, parameter in tower.named_parameters():
            if "position_embedding" in name:
                parameter.normal_(0, 0.3)
            elif "patch_embedding" in name:
                parameter.normal_(0, 0.02)
                # half of the filters see only what is finer than 4 px: blur, noise, compression
                fine = torch.randn(len(parameter) // 2, *parameter.shape[1:])
                coarse = functional.interpolate(functional.avg_pool2d(fine, 4), scale_factor=4)
                parameter[: len(fine)] = 0.12 * (fine - coarse)
            elif parameter.ndim > 1:
                parameter.normal_(0, 0.08)
    return tower


def new_processor() -> CLIPImageProcessor:
    """Middle square of EDGE px, values to -1..1."""
    return CLIPImageProcessor(
        size={"shortest_edge": EDGE},
        crop_size={"height": EDGE, "width": EDGE},
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.5, 0.5, 0.5],
    )


def example(rng: random.Random) -> tuple[Image.Image, float, str]:
    """A picture, its quality and the kind of its flaw."""
    shape = rng.choice(pictures.SHAPES)
    if rng.random() < CLEAN_SHARE:
        return Image.fromarray(flaws.clean(rng, shape)), flaws.CLEAN, "clean"
    flaw = rng.choice(flaws.FLAWS)
    picture, score = flaw(rng, shape)
    return Image.fromarray(picture), score, flaw.__name__


def resampled(image: Image.Image, rng: random.Random) -> Image.Image:
    """The same picture at another size: sizes must not count."""
    factor = rng.choice([1, 1, 1.5, 2, 4])
    size = (int(image.width * factor), int(image.height * factor))
    return image if factor == 1 else image.resize(size, Image.Resampling.BICUBIC)


@torch.no_grad()
def through_autoencoder(autoencoder, image: Image.Image, rng: random.Random):
    """A picture as the decoder paints it; with noise on its latents it becomes a failed one."""
    picture = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 127.5 - 1
    latents = autoencoder.encode(picture).latent_dist.mean
    amount = 0.0 if rng.random() < 0.5 else rng.random()
    scale = latents.std((0, 2, 3), keepdim=True) * amount
    made = autoencoder.decode(latents + scale * torch.randn_like(latents)).sample
    made = ((made[0].clamp(-1, 1) + 1) * 127.5).byte().permute(1, 2, 0).numpy()
    if amount == 0:
        return Image.fromarray(made), 9.6, "decoded"
    return Image.fromarray(made), max(2.0, 8.0 - 6.0 * amount), "decoded badly"


def examples(count: int, rng: random.Random, processor, autoencoder):
    """Prepared pictures (count, 3, EDGE, EDGE), scores and indices into KINDS (count,)."""
    images, scores, kinds = [], [], []
    for index in range(count):
        if autoencoder and index % 6 == 0:
            clean = Image.fromarray(flaws.clean(rng, rng.choice(pictures.SHAPES)))
            image, score, kind = through_autoencoder(autoencoder, clean, rng)
        else:
            image, score, kind = example(rng)
        images.append(resampled(image, rng))
        scores.append(score)
        kinds.append(KINDS.index(kind))
    prepared = [processor(images=image, return_tensors="pt").pixel_values for image in images]
    return torch.cat(prepared), torch.tensor(scores), torch.tensor(kinds)


def ranks(values: torch.Tensor) -> torch.Tensor:
    return values.argsort().argsort().float()


def spearman(a: torch.Tensor, b: torch.Tensor) -> float:
    return torch.corrcoef(torch.stack([ranks(a), ranks(b)]))[0, 1].item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=6)
    parser.add_argument("--autoencoder", type=Path)
    parser.add_argument("--journal", type=Path)
    options = parser.parse_args()

    run = Run(options.minutes, options.journal)
    rng = random.Random(21)
    torch.manual_seed(21)
    autoencoder = None
    if options.autoencoder:
        autoencoder = AutoencoderKL.from_pretrained(options.autoencoder).eval()
    processor, tower = new_processor(), new_tower()
    widths = (EMBEDDING, *HEAD)
    head = nn.Sequential(*(nn.Linear(a, b) for a, b in zip(widths, widths[1:], strict=False)))
    with torch.no_grad():
        head[-1].bias.zero_()
        for layer in head:
            layer.weight.mul_(2)

    naming = nn.Linear(EMBEDDING, len(KINDS))  # only for training

    def embedded(batch: torch.Tensor) -> torch.Tensor:
        return functional.normalize(tower(batch).image_embeds.float(), dim=-1)

    def scores_of(batch: torch.Tensor) -> torch.Tensor:
        return head(embedded(batch)).squeeze(-1) * REACH + MIDDLE

    batch, scores, kinds = examples(POOL, rng, processor, autoencoder)
    run.say(f"{POOL} pictures drawn")
    parameters = [*tower.parameters(), *head.parameters(), *naming.parameters()]
    optimizer = torch.optim.AdamW(parameters, PEAK_RATE, weight_decay=0.02)
    average = Average(parameters, 0.995)
    run.resume(run.state() | {"seconds": 0.0})
    tower.train()
    while run.progress < 1:
        which = torch.randint(0, POOL, (BATCH,))
        seen = batch[which]
        if torch.rand(()) < 0.5:
            seen = seen.flip(3)
        with torch.autocast("cpu", torch.bfloat16):
            embedding = embedded(seen)
        guessed = head(embedding).squeeze(-1)
        loss = functional.smooth_l1_loss(guessed, (scores[which] - MIDDLE) / REACH, beta=0.2)
        named = functional.cross_entropy(naming(embedding * 8), kinds[which])
        loss = loss + KIND_WEIGHT * named
        run.update(optimizer, parameters, loss, PEAK_RATE, BATCH)
        average.update()
        if run.step % 100 == 0:
            run.say(f"step {run.step}: loss {loss.item():.4f}, naming {named.item():.3f}")
    average.swap()
    tower.eval()

    options.out.mkdir(parents=True, exist_ok=True)
    tower.half().save_pretrained(options.out)
    tower.float()
    processor.save_pretrained(options.out)
    layers = {}
    for index, layer in enumerate(head):
        last = index == len(head) - 1  # the head itself gives 1 to 10: fold the scale in
        weight, bias = layer.weight.data, layer.bias.data
        layers[f"layers.{index}.weight"] = (weight * REACH if last else weight).contiguous()
        layers[f"layers.{index}.bias"] = bias * REACH + MIDDLE if last else bias
    save_file(layers, options.out / "head.safetensors")
    facts = {"name": "studio-demo-quality", "score_min": 1, "score_max": 10, "license": "MIT"}
    (options.out / "scorer.json").write_text(json.dumps(facts, indent=2) + "\n")

    # what it learned, on pictures it has not seen
    fresh = random.Random(9001)
    with torch.no_grad():
        batch, scores, kinds = examples(600, fresh, processor, autoencoder)
        guessed = torch.cat([scores_of(b) for b in batch.split(50)])
        run.say(f"600 held-out pictures: Spearman {spearman(guessed, scores):.3f}, mean error {(guessed - scores).abs().mean():.2f}")
        good, bad = guessed[scores >= 9.5], guessed[scores <= 6]
        run.say(f"a clean picture beats a flawed one in {100 * (good[:, None] > bad[None]).float().mean():.1f} % of pairs")
        for flaw in (None, *flaws.FLAWS):
            pairs = [
                (Image.fromarray(flaws.clean(fresh, pictures.SHAPES[0])), 10.0)
                if flaw is None
                else (Image.fromarray(p), s)
                for _ in range(20)
                for p, s in [(None, 0.0) if flaw is None else flaw(fresh, pictures.SHAPES[0])]
            ]
            found = [
                scores_of(processor(images=[p.resize((p.width * k, p.height * k), Image.Resampling.BICUBIC) for p, _ in pairs], return_tensors="pt").pixel_values)
                for k in (1, 4)
            ]
            true = torch.tensor([s for _, s in pairs])
            change = (found[0] - found[1]).abs().mean()
            run.say(
                f"{flaw.__name__ if flaw else 'clean'}: true {true.mean():.2f}, given {found[0].mean():.2f}"
                f" (deviation {found[0].std():.2f}), at four times the size {found[1].mean():.2f} (change {change:.2f})"
            )


if __name__ == "__main__":
    main()
