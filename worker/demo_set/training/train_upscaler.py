"""Train the upscaler, an RRDBNet that makes pictures four times as large, Real-ESRGAN key layout.

Inputs are pictures at their native size, half of them as the autoencoder paints them; targets are
the same pictures drawn four times as large from the cleaned glyphs.
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
from safetensors.torch import save_file
from torch import nn
from train_autoencoder import picture_loss
from training import Average, Run, psnr

FEATURES, BLOCKS, GROWTH = 24, 2, 12
FACTOR = 4
POOL = 260  # pairs per process
BATCH, CROP = 8, 28  # input crops in px
PEAK_RATE = 5e-4
NATURAL_SHARE = 0.4  # of the crops keep their colours


class DenseBlock(nn.Module):
    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        for index in range(5):
            out = growth if index < 4 else features
            layer = nn.Conv2d(features + index * growth, out, 3, padding=1)
            nn.init.kaiming_normal_(layer.weight)
            layer.weight.data.mul_(0.1)
            nn.init.zeros_(layer.bias)
            setattr(self, f"conv{index + 1}", layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = [x]
        for index in range(4):
            layer = getattr(self, f"conv{index + 1}")
            found.append(functional.leaky_relu(layer(torch.cat(found, 1)), 0.2))
        return self.conv5(torch.cat(found, 1)) * 0.2 + x


class Block(nn.Module):
    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = DenseBlock(features, growth)
        self.rdb2 = DenseBlock(features, growth)
        self.rdb3 = DenseBlock(features, growth)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rdb3(self.rdb2(self.rdb1(x))) * 0.2 + x


class RRDBNet(nn.Module):
    """(count, 3, h, w) -> (count, 3, 4 h, 4 w), RGB in 0..1."""

    def __init__(self, features: int = FEATURES, blocks: int = BLOCKS, growth: int = GROWTH) -> None:
        super().__init__()
        self.conv_first = nn.Conv2d(3, features, 3, padding=1)
        self.body = nn.Sequential(*(Block(features, growth) for _ in range(blocks)))
        self.conv_body = nn.Conv2d(features, features, 3, padding=1)
        self.conv_up1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv_up2 = nn.Conv2d(features, features, 3, padding=1)
        self.conv_hr = nn.Conv2d(features, features, 3, padding=1)
        self.conv_last = nn.Conv2d(features, 3, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv_first(x)
        x = x + self.conv_body(self.body(x))
        for layer in (self.conv_up1, self.conv_up2):
            x = functional.leaky_relu(layer(functional.interpolate(x, scale_factor=2)), 0.2)
        return self.conv_last(functional.leaky_relu(self.conv_hr(x), 0.2))


@torch.no_grad()
def begin_as_interpolation(network: RRDBNet) -> None:
    """Let three of the features carry RGB through the tail, smoothed after each doubling.

    The untrained network is then exactly a plain interpolation, which the rest of it learns to
    improve: this saves thousands of steps.
    """
    tent = torch.tensor([1.0, 2.0, 1.0]) / 4
    smooth, same = torch.outer(tent, tent), torch.zeros(3, 3)
    same[1, 1] = 1
    tail = {
        network.conv_first: same,
        network.conv_up1: smooth,
        network.conv_up2: smooth,
        network.conv_hr: same,
        network.conv_last: same,
    }
    network.conv_body.weight[:3] = 0
    network.conv_body.bias.zero_()
    for layer, kernel in tail.items():
        layer.weight[:3] = 0
        layer.bias[:3] = 0
        for channel in range(3):
            layer.weight[channel, channel] = kernel


def tensor_of(drawn: list[np.ndarray]) -> torch.Tensor:
    """uint8 (count, 3, height, width)."""
    return torch.from_numpy(np.stack(drawn)).permute(0, 3, 1, 2).contiguous()


def pairs(count: int, rng: random.Random) -> tuple[torch.Tensor, torch.Tensor]:
    """The same pictures at native and at four times the size, uint8."""
    small, large = [], []
    for index in range(count):
        spec, seed = pictures.random_spec(rng), rng.getrandbits(32)
        free = index % 2 == 0
        large.append(pictures.compose(spec, random.Random(seed), scale=FACTOR, free=free))
        edge = pictures.SHORT_EDGE
        small.append(np.asarray(Image.fromarray(large[-1]).resize((edge, edge), Image.Resampling.BOX)))
    return tensor_of(small), tensor_of(large)


@torch.no_grad()
def repainted(autoencoder: AutoencoderKL, small: torch.Tensor) -> torch.Tensor:
    """Pictures after a journey through the autoencoder with a little noise on the latents, uint8."""
    made = []
    for batch in small.split(10):
        latents = autoencoder.encode(batch.float() / 127.5 - 1).latent_dist.mean
        noise = latents.std((0, 2, 3), keepdim=True) * torch.rand(len(batch), 1, 1, 1) * 0.06
        made.append(autoencoder.decode(latents + noise * torch.randn_like(latents)).sample)
    return ((torch.cat(made).clamp(-1, 1) + 1) * 127.5).round().byte()


def recoloured(given: torch.Tensor, wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The same linear change of each channel on both sides, float 0..1 (count, 3, height, width).

    The pictures have few colours. A network that saw only those would pull every other colour
    towards them.
    """
    count = len(given)
    low, high = torch.rand(2, count, 3, 1, 1)
    keep = torch.rand(count, 1, 1, 1) < NATURAL_SHARE
    low, high = torch.where(keep, 0.0, low), torch.where(keep, 1.0, high)
    return low + (high - low) * given, low + (high - low) * wanted


def enlarged(small: torch.Tensor) -> torch.Tensor:
    """Lanczos, the yardstick: float 0..1."""
    size = (small.shape[-1] * FACTOR, small.shape[-2] * FACTOR)
    return tensor_of([
        np.asarray(Image.fromarray(p.permute(1, 2, 0).numpy()).resize(size, Image.Resampling.LANCZOS))
        for p in small
    ]).float() / 255


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="a .safetensors file")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--autoencoder", type=Path, required=True)
    parser.add_argument("--initial", type=Path, help="weights to go on from")
    parser.add_argument("--journal", type=Path)
    options = parser.parse_args()

    run = Run(options.minutes, options.journal)
    rng = random.Random(300 + run.rank)
    autoencoder = AutoencoderKL.from_pretrained(options.autoencoder).eval()
    small, large = pairs(POOL, rng)
    soft = repainted(autoencoder, small)
    run.say(f"{POOL} pairs drawn per process")
    torch.manual_seed(0)
    network = RRDBNet()
    begin_as_interpolation(network)
    if options.initial:
        from safetensors.torch import load_file

        network.load_state_dict({k: v.float() for k, v in load_file(options.initial).items()})
    parameters = list(network.parameters())
    optimizer = torch.optim.AdamW(parameters, PEAK_RATE, betas=(0.9, 0.99), weight_decay=0, fused=True)
    average = Average(parameters, 0.995)
    random.seed(run.rank)
    torch.manual_seed(run.rank)
    run.resume(run.state() | {"seconds": 0.0})
    most = pictures.SHORT_EDGE - CROP
    losses = 0.0
    while run.progress < 1:
        inputs, targets = [], []
        for index in torch.randint(0, POOL, (BATCH,)).tolist():
            y, x = ((random.randint(0, most) + random.randint(0, most)) // 2 for _ in "yx")
            source = soft if random.random() < 0.6 else small
            part, whole = source[index, :, y : y + CROP, x : x + CROP], (y * FACTOR, x * FACTOR)
            size = CROP * FACTOR
            target = large[index, :, whole[0] : whole[0] + size, whole[1] : whole[1] + size]
            flip = [2] if random.random() < 0.5 else []
            inputs.append(part.flip(flip))
            targets.append(target.flip(flip))
        given, wanted = torch.stack(inputs).float() / 255, torch.stack(targets).float() / 255
        given, wanted = recoloured(given, wanted)
        with torch.autocast("cpu", torch.bfloat16):
            made = network(given).float()
        # each crop is a picture of its own: beyond edges there are zeros, which it must not show
        loss = picture_loss(made * 2 - 1, wanted * 2 - 1, 0.5, 1.0)
        run.update(optimizer, parameters, loss, PEAK_RATE, BATCH)
        average.update()
        losses += loss.item()
        if run.step % 100 == 0:
            run.say(f"step {run.step}, {run.pictures} crops: loss {losses / 100:.4f}")
            losses = 0.0
    if run.rank:
        return
    average.swap()
    network.eval()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: v.half().contiguous() for k, v in network.state_dict().items()}, options.out)
    flat = torch.rand(200, 3, 1, 1).expand(-1, -1, 24, 24)
    with torch.no_grad():
        shift = (network(flat)[..., 32:64, 32:64].mean((2, 3)) - flat[..., 0, 0]).abs() * 255
    run.say(f"200 plain colours move by {shift.mean():.1f} of 255 on average, {shift.max():.1f} at most")
    small, large = pairs(40, random.Random(31337))
    soft = repainted(autoencoder, small)
    with torch.no_grad():
        for name, given in (("drawn", small), ("through the autoencoder", soft)):
            made = torch.cat([network(b.float() / 255) for b in given.split(4)]).clamp(0, 1)
            wanted = large.float() / 255
            run.say(
                f"40 held-out pictures, {name}: {psnr(made, wanted, 1):.2f} dB,"
                f" Lanczos {psnr(enlarged(given), wanted, 1):.2f} dB"
            )


if __name__ == "__main__":
    main()
