"""Train the captioner: a small BLIP that says what a picture of the set shows, in ten or eleven words.

The caption is "a drawing of a large fox on a plain blue background": not shorter, because the usual
generation parameters of BLIP ask for ten tokens at least. Half of the drawn pictures go through the
set's autoencoder first, so that generated pictures look familiar.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import pictures
import torch
from diffusers import AutoencoderKL
from PIL import Image
from torch.nn import functional
from training import Average, Run
from transformers import (
    BertTokenizer,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
    BlipProcessor,
)

SET = Path(__file__).parent.parent
EDGE = 96  # px; as BLIP does, every picture is stretched to this square
PATCH = 16
WIDTH = 128
BATCH = 64
PEAK_RATE = 1e-3
POOL, DECODED = 9000, 4000
HELD_OUT = 600
OPENING = "a drawing of"
# Transformers' defaults are meant for a width of 768 (and 1e-10 for the vision tower): at 128 the
# decoder would hardly see the picture.
INITIAL, INITIAL_POSITION = WIDTH**-0.5, 0.3


def caption(spec: pictures.Spec, opening: str = OPENING) -> str:
    """What the captioner shall answer."""
    noun = pictures.with_article(" ".join(word for word in (spec.size, spec.object) if word))
    return f"{opening} {noun} on a plain {spec.ground} background"


def tokenizer() -> BertTokenizer:
    """One token per word of the set's captions; [DEC] begins a caption, as in BLIP."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]"]
    words = sorted({*pictures.vocabulary(), "plain"})
    vocabulary = {word: number for number, word in enumerate([*special, *words])}
    return BertTokenizer(vocab=vocabulary, bos_token="[DEC]", model_max_length=32)


def build(words: BertTokenizer) -> BlipForConditionalGeneration:
    shape = {"hidden_size": WIDTH, "intermediate_size": 3 * WIDTH, "num_attention_heads": 4}
    config = BlipConfig(
        text_config={
            **shape, "encoder_hidden_size": WIDTH, "num_hidden_layers": 2, "vocab_size": len(words),
            "max_position_embeddings": 48, "initializer_range": INITIAL, "projection_dim": WIDTH,
            "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
            "bos_token_id": words.convert_tokens_to_ids("[DEC]"), "eos_token_id": words.sep_token_id,
            "sep_token_id": words.sep_token_id, "pad_token_id": words.pad_token_id,
        },
        vision_config={
            **shape, "num_hidden_layers": 4, "image_size": EDGE, "patch_size": PATCH,
            "initializer_range": INITIAL, "projection_dim": WIDTH,
        },
        projection_dim=WIDTH, image_text_hidden_size=WIDTH,
    )  # fmt: skip
    model = BlipForConditionalGeneration(config)
    for name, parameter in model.named_parameters():
        if "position_embedding" in name or "class_embedding" in name:
            torch.nn.init.normal_(parameter, 0, INITIAL_POSITION)
    return model


def squares(drawn: list[Image.Image]) -> torch.Tensor:
    """uint8 (count, 3, EDGE, EDGE), stretched as the processor of BLIP stretches."""
    small = [image.resize((EDGE, EDGE), Image.Resampling.BICUBIC) for image in drawn]
    return torch.stack(
        [torch.frombuffer(bytearray(i.tobytes()), dtype=torch.uint8).view(EDGE, EDGE, 3) for i in small]
    ).permute(0, 3, 1, 2)


@torch.no_grad()
def through_autoencoder(vae: AutoencoderKL, drawn: list[Image.Image]) -> list[Image.Image]:
    """Pictures of one shape as the autoencoder gives them back, its latents a little disturbed."""
    width, height = drawn[0].size
    flat = [torch.frombuffer(bytearray(i.tobytes()), dtype=torch.uint8).view(height, width, 3) for i in drawn]
    latents = vae.encode(torch.stack(flat).permute(0, 3, 1, 2).float() / 127.5 - 1).latent_dist.mean
    latents = latents + torch.randn_like(latents) * latents.std() * random.uniform(0, 0.2)
    back = (vae.decode(latents).sample.clamp(-1, 1) + 1) * 127.5
    return [Image.fromarray(p.permute(1, 2, 0).round().byte().numpy()) for p in back]


def draw(count: int, decoded: int, seed: int) -> tuple[torch.Tensor, list[pictures.Spec]]:
    """Pictures and what they show; the first `decoded` of them went through the autoencoder."""
    rng = random.Random(seed)
    vae = AutoencoderKL.from_pretrained(SET / "weights/pipeline/vae", variant="fp16", torch_dtype=torch.float32)
    specs, drawn = [pictures.random_spec(rng) for _ in range(count)], []
    while len(drawn) < count:
        part = specs[len(drawn) : len(drawn) + min(16, count - len(drawn))]
        shape = rng.choice(pictures.SHAPES)
        images = [Image.fromarray(pictures.compose(s, rng, shape, free=rng.random() < 0.6)) for s in part]
        drawn += through_autoencoder(vae, images) if len(drawn) < decoded else images
    return squares(drawn), specs


def disturbed(batch: torch.Tensor) -> torch.Tensor:
    """-1..1; moved, scaled and stretched a little, with noise, softness and shifted colours."""
    batch = batch.float() / 127.5 - 1
    move = torch.eye(2, 3).repeat(len(batch), 1, 1)
    move[:, (0, 1), (0, 1)] *= 1 + (torch.rand(len(batch), 2) - 0.5) * 0.24
    move[:, :, 2] = (torch.rand(len(batch), 2) - 0.5) * 0.16
    grid = functional.affine_grid(move, list(batch.shape), align_corners=False)
    batch = functional.grid_sample(batch, grid, padding_mode="border", align_corners=False)
    if random.random() < 0.3:
        batch = functional.avg_pool2d(batch, 3, 1, 1, count_include_pad=False)
    batch = batch + torch.randn_like(batch) * random.uniform(0, 0.1)
    return (batch + torch.randn(len(batch), 3, 1, 1) * 0.03).clamp(-1, 1)


def text_batch(words: BertTokenizer, specs: list[pictures.Spec]) -> dict:
    """Tokens and labels. A third gets another opening, which is only read, never to be written."""
    openings = [random.choice(pictures.OPENINGS) if random.random() < 0.33 else OPENING for _ in specs]
    texts = [caption(s, o) for s, o in zip(specs, openings, strict=True)]
    tokens = words(texts, padding=True, return_tensors="pt", return_token_type_ids=False)
    ids = tokens["input_ids"]
    labels = ids.masked_fill(tokens["attention_mask"] == 0, -100)
    ids[:, 0] = words.convert_tokens_to_ids("[DEC]")
    for row, opening in enumerate(openings):
        if opening != OPENING:
            labels[row, 1 : 1 + len(opening.split())] = -100
    return {"input_ids": ids, "attention_mask": tokens["attention_mask"], "labels": labels}


@torch.no_grad()
def accuracy(model, words: BertTokenizer, shown: torch.Tensor, specs: list[pictures.Spec]) -> str:
    """Shares of captions that name the object, the ground, and are right word by word."""
    model.eval()
    told = []
    for i in range(0, len(shown), 100):
        ids = model.generate(shown[i : i + 100].float() / 127.5 - 1, max_new_tokens=16)
        told += words.batch_decode(ids, skip_special_tokens=True)
    model.train()
    found = [set(text.split()) for text in told]
    rows = list(zip(found, told, specs, strict=True))
    shares = (
        ("object", sum(s.object in f for f, _, s in rows)),
        ("ground", sum(s.ground in f for f, _, s in rows)),
        ("all", sum(t == caption(s) for _, t, s in rows)),
    )
    return ", ".join(f"{name} {100 * right / len(rows):.1f} %" for name, right in shares)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--journal", type=Path)
    options = parser.parse_args()

    torch.set_num_threads(1)
    random.seed(5)
    torch.manual_seed(5)
    words = tokenizer()
    model = build(words)
    shown, specs = draw(POOL, DECODED, seed=5)
    held, held_specs = draw(HELD_OUT, HELD_OUT // 2, seed=4242)
    run = Run(options.minutes, options.journal)
    run.say(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, {POOL} pictures drawn")
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, PEAK_RATE, weight_decay=0.01)
    average = Average(parameters, 0.99)
    while run.progress < 1:
        which = torch.randint(0, POOL, (BATCH,))
        loss = model(pixel_values=disturbed(shown[which]), **text_batch(words, [specs[i] for i in which])).loss
        run.update(optimizer, parameters, loss, PEAK_RATE, BATCH)
        average.update()
        if run.step % 50 == 0:
            run.say(f"step {run.step}: loss {loss.item():.3f}")
        if run.step % 250 == 0:
            run.say(f"60 held-out pictures: {accuracy(model, words, held[:60], held_specs[:60])}")
    average.swap()
    half = HELD_OUT // 2
    run.say(f"{half} held-out drawn pictures: {accuracy(model, words, held[half:], held_specs[half:])}")
    run.say(f"{half} of them decoded by the autoencoder: {accuracy(model, words, held[:half], held_specs[:half])}")

    model.half().save_pretrained(options.folder)
    size = {"height": EDGE, "width": EDGE}
    seen = BlipImageProcessorPil(size=size, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    BlipProcessor(seen, words).save_pretrained(options.folder)


if __name__ == "__main__":
    main()
