"""Train the UNet on cached latents of the three native shapes, with Karras' (EDM) preconditioning.

x = z + sigma n, n ~ N(0, 1); the network predicts F from c_in x and 0.25 ln sigma, and the loss is
the plain squared error against (z - c_skip x) / c_out. Latents z have a deviation of 0.5 per channel.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from pathlib import Path

import numpy as np
import pictures
import torch
import torch.distributed as distributed
from diffusers import (
    AutoencoderKL,
    EDMDPMSolverMultistepScheduler,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from diffusers.models.attention_processor import AttnProcessor
from train_text_encoders import WIDTH, tokenized
from training import Average, Run, trainable
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

SIGMA_DATA = 0.5
SIGMA_MEAN, SIGMA_DEVIATION = -0.5, 1.4  # of ln sigma
HIGH_SHARE, HIGH_SIGMA = 0.08, (5.0, 80.0)  # this share uniform in ln sigma: the first steps need it
SIGMA_RANGE = (0.002, 80.0)
PEAK_RATE = 1e-3
EMPTY_SHARE = 0.15  # prompts without an object, for guidance
CAPTIONS = 16  # wordings per combination, the first half canonical
BATCH = {(128, 128): 24, (192, 128): 16, (128, 192): 16}  # of one process
SHAPE_SHARES = (0.5, 0.25, 0.25)  # of the batches, in the order of BATCH
VARIANTS = {(128, 128): 3, (192, 128): 2, (128, 192): 2}  # latents per combination and process
CHECKPOINT_SECONDS = 480


def new_unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=pictures.SHORT_EDGE // 8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(64, 128, 192),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 1, 1),
        attention_head_dim=(2, 4, 6),  # number of heads, 32 channels each
        cross_attention_dim=2 * WIDTH,
        use_linear_projection=True,
        resnet_time_scale_shift="scale_shift",
        addition_embed_type="text_time",
        addition_time_embed_dim=16,
        projection_class_embeddings_input_dim=WIDTH + 6 * 16,
        norm_num_groups=16,
    )


# --- cached data -----------------------------------------------------------------------------


@torch.no_grad()
def latents_of(autoencoder: AutoencoderKL, shape: tuple[int, int], rng: random.Random):
    """Raw latents of all combinations, (variants, combinations, 4, height / 8, width / 8)."""
    variants = []
    for _ in range(VARIANTS[shape]):
        parts = []
        specs = pictures.all_specs()
        for first in range(0, len(specs), 20):
            drawn = np.stack([pictures.compose(s, rng, shape) for s in specs[first : first + 20]])
            batch = torch.from_numpy(drawn).permute(0, 3, 1, 2).float() / 127.5 - 1
            parts.append(autoencoder.encode(batch).latent_dist.mean)
        variants.append(torch.cat(parts))
    return torch.stack(variants)


@torch.no_grad()
def encoded(encoders, tokenizer: CLIPTokenizer, texts: list[str]):
    """States (count, tokens, 128) as bfloat16 and pooled vectors (count, 64)."""
    states, pooled = [], []
    for first in range(0, len(texts), 200):
        ids = tokenized(tokenizer, texts[first : first + 200])
        one = encoders[0](ids, output_hidden_states=True)
        two = encoders[1](ids, output_hidden_states=True)
        states.append(torch.cat([one.hidden_states[-2], two.hidden_states[-2]], -1).bfloat16())
        pooled.append(two.text_embeds)
    return torch.cat(states), torch.cat(pooled)


def wordings(rng: random.Random) -> list[str]:
    """CAPTIONS texts for each combination in turn, then 200 texts that name no object."""
    texts = []
    for spec in pictures.all_specs():
        texts += [pictures.caption(spec)] * (CAPTIONS // 2)
        texts += [pictures.reworded(spec, rng) for _ in range(CAPTIONS // 2)]
    return texts + [pictures.objectless(rng) for _ in range(200)]


# --- training --------------------------------------------------------------------------------


def sigmas_of(count: int) -> torch.Tensor:
    """Stratified log-normal noise levels, (count, 1, 1, 1)."""
    quantiles = ((torch.arange(count) + torch.rand(count)) / count).clamp(1e-4, 1 - 1e-4)
    normal = torch.erfinv(2 * quantiles - 1) * math.sqrt(2)
    sigma = (normal * SIGMA_DEVIATION + SIGMA_MEAN).exp()
    low, high = HIGH_SIGMA
    uniform = (torch.rand(count) * math.log(high / low) + math.log(low)).exp()
    sigma = torch.where(torch.rand(count) < HIGH_SHARE, uniform, sigma)
    return sigma.clamp(*SIGMA_RANGE).view(-1, 1, 1, 1)


def loss_of(unet, latents, states, pooled, shape) -> torch.Tensor:
    """EDM loss of a batch of latents (count, 4, h, w) with deviation 0.5."""
    count, (width, height) = len(latents), shape
    sigma = sigmas_of(count)
    total = sigma**2 + SIGMA_DATA**2
    noisy = latents + sigma * torch.randn_like(latents)
    target = (latents - SIGMA_DATA**2 / total * noisy) / (sigma * SIGMA_DATA * total.rsqrt())
    sizes = torch.tensor([height, width, 0, 0, height, width], dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        predicted = unet(
            noisy * total.rsqrt(),
            (0.25 * sigma.log()).flatten(),
            states,
            added_cond_kwargs={"text_embeds": pooled, "time_ids": sizes.expand(count, -1)},
        ).sample
    return (predicted.float() - target).pow(2).mean()


def pipeline_of(options, unet, means, deviations) -> StableDiffusionXLPipeline:
    autoencoder = AutoencoderKL.from_pretrained(options.autoencoder)
    autoencoder.register_to_config(
        latents_mean=means.flatten().tolist(),
        latents_std=deviations.flatten().tolist(),
        scaling_factor=SIGMA_DATA,
        force_upcast=False,
    )
    return StableDiffusionXLPipeline(
        vae=autoencoder,
        text_encoder=CLIPTextModel.from_pretrained(options.text / "text_encoder"),
        text_encoder_2=CLIPTextModelWithProjection.from_pretrained(options.text / "text_encoder_2"),
        tokenizer=CLIPTokenizer.from_pretrained(options.text / "tokenizer"),
        tokenizer_2=CLIPTokenizer.from_pretrained(options.text / "tokenizer_2"),
        unet=unet,
        scheduler=EDMDPMSolverMultistepScheduler(
            prediction_type="epsilon",
            sigma_data=SIGMA_DATA,
            sigma_min=SIGMA_RANGE[0],
            sigma_max=SIGMA_RANGE[1],
        ),
        force_zeros_for_empty_prompt=False,
        add_watermarker=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="pipeline folder (fp32)")
    parser.add_argument("--autoencoder", type=Path, required=True)
    parser.add_argument("--text", type=Path, required=True, help="folder of the text encoders")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--peak", type=float, default=PEAK_RATE, help="highest learning rate")
    parser.add_argument("--journal", type=Path)
    options = parser.parse_args()

    run = Run(options.minutes, options.journal)
    rng = random.Random(5 + run.rank)
    checkpoint = options.out.with_suffix(".checkpoint.pt")
    cache_file = options.out.with_suffix(f".latents{run.rank}.pt")

    autoencoder = AutoencoderKL.from_pretrained(options.autoencoder).eval()
    if cache_file.exists():
        cache = torch.load(cache_file)
    else:
        cache = {shape: latents_of(autoencoder, shape, rng) for shape in BATCH}
        torch.save(cache, cache_file)
    square = cache[pictures.SHAPES[0]].flatten(0, 1)
    moments = torch.stack([square.mean((0, 2, 3)), square.pow(2).mean((0, 2, 3))])
    if run.world > 1:
        distributed.all_reduce(moments)
        moments /= run.world
    means = moments[0].view(1, -1, 1, 1)
    deviations = (moments[1] - moments[0] ** 2).sqrt().view(1, -1, 1, 1)
    cache = {s: (z - means) / deviations * SIGMA_DATA for s, z in cache.items()}

    encoders = (
        CLIPTextModel.from_pretrained(options.text / "text_encoder").eval(),
        CLIPTextModelWithProjection.from_pretrained(options.text / "text_encoder_2").eval(),
    )
    tokenizer = CLIPTokenizer.from_pretrained(options.text / "tokenizer")
    states, pooled = encoded(encoders, tokenizer, wordings(rng))
    combinations = len(pictures.all_specs())

    torch.manual_seed(0)
    unet = new_unet()
    unet.set_attn_processor(AttnProcessor())  # here quicker than the fused attention
    parameters = trainable(unet)
    matrices = [p for p in parameters if p.ndim > 1]
    others = [p for p in parameters if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}],
        PEAK_RATE,
        betas=(0.9, 0.99),
        fused=True,
    )
    average = Average(parameters, 0.998)
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        unet.load_state_dict(saved["unet"])
        optimizer.load_state_dict(saved["optimizer"])
        average.values, average.count = saved["average"], saved["count"]
        run.resume(saved["run"])
    else:
        run.resume({"step": 0, "pictures": 0, "seconds": 0.0})  # the caches do not count
    count = sum(p.numel() for p in parameters) / 1e6
    run.say(f"UNet of {count:.2f} M, from step {run.step}; latent means {means.flatten().tolist()}")

    def save() -> None:
        torch.save(
            {
                "unet": unet.state_dict(),
                "optimizer": optimizer.state_dict(),
                "average": average.values,
                "count": average.count,
                "run": run.state(),
            },
            checkpoint,
        )
        average.swap()
        pipeline_of(options, unet, means, deviations).save_pretrained(options.out)
        average.swap()

    shape_rng = random.Random(17 + run.step)  # the same shape in all processes
    torch.manual_seed(100 + run.rank + 2 * run.step)
    losses, last_save, since, counted = 0.0, time.monotonic(), time.monotonic(), run.pictures
    while run.progress < 1:
        shape = shape_rng.choices(list(BATCH), SHAPE_SHARES)[0]
        variants = cache[shape]
        which = torch.randint(0, combinations, (BATCH[shape],))
        latents = variants[torch.randint(0, len(variants), which.shape), which]
        text = which * CAPTIONS + torch.randint(0, CAPTIONS, which.shape)
        without = combinations * CAPTIONS + torch.randint(0, 200, which.shape)
        text = torch.where(torch.rand(which.shape) < EMPTY_SHARE, without, text)
        loss = loss_of(unet, latents, states[text], pooled[text], shape)
        run.update(optimizer, parameters, loss, options.peak, len(which))
        average.update()
        losses += loss.item()
        if run.step % 200 == 0:
            rate = (run.pictures - counted) / (time.monotonic() - since)
            since, counted = time.monotonic(), run.pictures
            run.say(
                f"step {run.step}, {run.pictures} pictures, {rate:.0f}/s: loss {losses / 200:.4f}"
            )
            losses = 0.0
        if run.rank == 0 and time.monotonic() - last_save > CHECKPOINT_SECONDS:
            save()
            last_save = time.monotonic()
    if run.rank == 0:
        save()
        run.say(f"{run.step} steps, {run.pictures} pictures")


if __name__ == "__main__":
    main()
