"""Train the autoencoder: (3, 128, 128) pictures <-> (4, 16, 16) latents.

Many 32-px crops near the object first (more variety per second), 64-px crops then, whole pictures
last. L1 and squared error first, the L1 of image gradients ramped in for sharp edges.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
import pictures
import torch
import torch.nn.functional as functional
from diffusers import AutoencoderKL
from PIL import Image
from training import Average, Run, psnr, trainable

POOL = 3000  # pictures drawn per process
CROPS = ((0.3, 32, 32), (0.8, 64, 8), (1.01, 128, 2))  # until this progress: edge in px, batch
PEAK_RATE = 1.5e-3
KL_WEIGHT = 1e-4
LATENT_NOISE = 0.06  # of a latent's deviation: the decoder must forgive the UNet's small errors


def new_autoencoder() -> AutoencoderKL:
    autoencoder = AutoencoderKL(
        block_out_channels=(16, 32, 64, 128),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=8,
        latent_channels=4,
        sample_size=pictures.SHORT_EDGE,
        mid_block_add_attention=False,
    )
    with torch.no_grad():  # start with a log-variance of -5, or the noise drowns the signal
        autoencoder.quant_conv.bias[4:] = -5.0
        autoencoder.quant_conv.weight[4:] *= 0.1
        autoencoder.quant_conv.weight[:4] *= 3
    return autoencoder


def picture_loss(made: torch.Tensor, real: torch.Tensor, gradient: float, square: float):
    """L1 + square * MSE + gradient * L1 of the image gradients on two scales."""
    loss = functional.l1_loss(made, real) + square * functional.mse_loss(made, real)
    if gradient:
        for scale in (1, 2):
            if scale == 2:
                made, real = functional.avg_pool2d(made, 2), functional.avg_pool2d(real, 2)
            for dimension in (2, 3):
                loss = loss + gradient * functional.l1_loss(
                    made.diff(dim=dimension), real.diff(dim=dimension)
                )
    return loss


def crops(pool: torch.Tensor, edge: int, count: int) -> torch.Tensor:
    """Random crops near the middle, offsets on the 8-px lattice: (count, 3, edge, edge), -1..1."""
    most = (pictures.SHORT_EDGE - edge) // 8
    batch = []
    for index in torch.randint(0, len(pool), (count,)).tolist():
        y, x = ((random.randint(0, most) + random.randint(0, most)) // 2 * 8 for _ in "yx")
        batch.append(pool[index, :, y : y + edge, x : x + edge])
    return torch.stack(batch).float() / 127.5 - 1


def measure(autoencoder: AutoencoderKL, out: Path) -> float:
    """PSNR in dB of held-out pictures, and a sheet of them with their reconstructions."""
    rng = random.Random(99)
    specs = [s for s in pictures.all_specs() if rng.random() < 0.12]
    real = np.stack([pictures.compose(s, rng) for s in specs])
    real = torch.from_numpy(real).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        made = torch.cat(
            [autoencoder.decode(autoencoder.encode(b).latent_dist.mean).sample for b in real.split(8)]
        ).clamp(-1, 1)
    rows = [torch.cat(list(x[:10]), 2) for x in (real, made, real[10:], made[10:])]
    sheet = ((torch.cat(rows, 1) + 1) * 127.5).byte().permute(1, 2, 0).numpy()
    Image.fromarray(sheet).save(out.with_suffix(".png"))
    return psnr(made, real, 2.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder for the autoencoder")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--initial", type=Path, help="autoencoder to go on from")
    parser.add_argument("--journal", type=Path)
    options = parser.parse_args()

    run = Run(options.minutes, options.journal)
    random.seed(run.rank)
    torch.manual_seed(0)
    autoencoder = new_autoencoder()
    if options.initial:
        autoencoder = AutoencoderKL.from_pretrained(
            options.initial, variant="fp16", torch_dtype=torch.float32
        )
    autoencoder.train()
    parameters = trainable(autoencoder)
    optimizer = torch.optim.AdamW(
        parameters, PEAK_RATE, betas=(0.9, 0.99), weight_decay=0, fused=True
    )
    average = Average(parameters, 0.997)

    drawn = [pictures.compose(pictures.random_spec(random), random, free=i % 3 == 0) for i in range(POOL)]
    pool = torch.from_numpy(np.stack(drawn)).permute(0, 3, 1, 2).contiguous()
    run.say(f"{POOL} pictures drawn per process")
    torch.manual_seed(run.rank)
    total = 0.0
    deviation = torch.full((1, 4, 1, 1), 2.5)
    while run.progress < 1:
        edge, count = next((e, c) for until, e, c in CROPS if run.progress < until)
        real = crops(pool, edge, count)
        with torch.autocast("cpu", torch.bfloat16):
            moments = autoencoder.quant_conv(autoencoder.encoder(real)).float()
            mean, log_variance = moments.chunk(2, 1)
            log_variance = log_variance.clamp(-30, 20)
            latents = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
            if run.progress > 0.35:
                noise = torch.rand(count, 1, 1, 1) * LATENT_NOISE * deviation
                latents = latents + torch.randn_like(mean) * noise
                deviation = 0.99 * deviation + 0.01 * mean.detach().std((0, 2, 3), keepdim=True)
            made = autoencoder.decoder(autoencoder.post_quant_conv(latents)).float()
        divergence = 0.5 * (mean.pow(2) + log_variance.exp() - 1 - log_variance).mean()
        gradient = 0.5 if options.initial else 0.5 * min(1, max(0, (run.progress - 0.3) / 0.2))
        square = 2 * max(0, 1 - run.progress / 0.6)
        loss = picture_loss(made, real, gradient, square) + KL_WEIGHT * divergence
        run.update(optimizer, parameters, loss, PEAK_RATE, count)
        average.update()
        total += (made.detach() - real).abs().mean().item() * 127.5
        if run.step % 100 == 0:
            run.say(f"step {run.step}: mean error {total / 100:.2f} of 255, {edge}-px crops")
            total = 0.0
    if run.rank == 0:
        average.swap()
        autoencoder.eval().save_pretrained(options.out)
        run.say(f"{run.step} steps, held-out pictures: {measure(autoencoder, options.out):.2f} dB")


if __name__ == "__main__":
    main()
