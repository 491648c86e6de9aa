"""Train the tokenizer and both text encoders on captions alone.

Every attribute of a caption must be linearly readable from the pooled vector and from the
penultimate states. Real CLIP brings that along; encoders trained only through the UNet never learn
nouns. They stay frozen afterwards.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

import pictures
import torch
import torch.nn.functional as functional
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

WIDTH = 64
TOKENS = 40  # length of a prompt; longer ones are cut
BATCH = 96
PEAK_RATE = 2e-3
HELD_OUT = 500  # captions to measure on


def _byte_symbols() -> list[str]:
    """The printable symbol of each of the 256 bytes, as CLIP's byte-level tokenizer defines them."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    codes, extra = list(printable), 0
    for byte in range(256):
        if byte not in printable:
            codes.append(256 + extra)
            extra += 1
    return [chr(code) for code in codes]


def new_tokenizer() -> CLIPTokenizer:
    """Every byte is a token, so any prompt works; every word of the captions is one whole token."""
    symbols = _byte_symbols()
    vocabulary = {s: i for i, s in enumerate([*symbols, *(s + "</w>" for s in symbols)])}
    merges: list[tuple[str, str]] = []
    for word in pictures.vocabulary():
        parts = [*word[:-1], word[-1] + "</w>"]
        while len(parts) > 1:
            if (parts[0], parts[1]) not in merges:
                merges.append((parts[0], parts[1]))
            joined = parts[0] + parts[1]
            vocabulary.setdefault(joined, len(vocabulary))
            parts = [joined, *parts[2:]]
    for special in ("<|startoftext|>", "<|endoftext|>"):
        vocabulary[special] = len(vocabulary)
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=TOKENS)


def new_encoders(entries: int) -> tuple[CLIPTextModel, CLIPTextModelWithProjection]:
    config = CLIPTextConfig(
        vocab_size=entries,
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=TOKENS,
        projection_dim=WIDTH,
        bos_token_id=entries - 2,
        eos_token_id=entries - 1,
        pad_token_id=entries - 1,
    )
    encoders = CLIPTextModel(config), CLIPTextModelWithProjection(config)
    with torch.no_grad():
        for encoder in encoders:
            for name, parameter in encoder.named_parameters():
                if "token_embedding" in name:  # with CLIP's 0.02 all nouns look alike for very long
                    parameter.normal_(0, 1.0)
                elif "position_embedding" in name:
                    parameter.normal_(0, 0.2)
    return encoders


def tokenized(tokenizer: CLIPTokenizer, texts: list[str]) -> torch.Tensor:
    """Token ids, (len(texts), TOKENS)."""
    return tokenizer(
        texts, padding="max_length", truncation=True, max_length=TOKENS, return_tensors="pt"
    ).input_ids


ATTRIBUTES = {
    "object": [*pictures.OBJECTS, ""],
    "ground": [*pictures.GROUNDS, ""],
    "size": list(pictures.SIZES),
}


def example(rng: random.Random) -> tuple[str, dict[str, str]]:
    """A caption and what it says; an attribute that it does not mention counts as ""."""
    if rng.random() < 0.06:
        return pictures.objectless(rng), {"object": "", "ground": "", "size": ""}
    spec = pictures.random_spec(rng)
    if rng.random() < 0.4:
        return pictures.caption(spec), vars(spec)
    text = pictures.reworded(spec, rng)
    words = set(text.replace(",", " ").split())
    names = {spec.ground, *pictures.GROUND_SYNONYMS.get(spec.ground, [])}
    said = {
        "object": spec.object,
        "ground": spec.ground if words & names else "",
        "size": "large" if words & set(pictures.LARGE_WORDS) else "",
    }
    return text, said


def batch_of(count: int, tokenizer: CLIPTokenizer, rng: random.Random):
    texts, facts = zip(*(example(rng) for _ in range(count)), strict=True)
    targets = {
        name: torch.tensor([values.index(fact[name]) for fact in facts])
        for name, values in ATTRIBUTES.items()
    }
    return tokenized(tokenizer, list(texts)), targets


def vectors(encoders, ids: torch.Tensor) -> list[torch.Tensor]:
    """What the UNet will see of a prompt: pooled vector, penultimate states at the end token."""
    end = (ids == encoders[0].config.eos_token_id).int().argmax(1)
    row = torch.arange(len(ids))
    first = encoders[0](ids, output_hidden_states=True)
    second = encoders[1](ids, output_hidden_states=True)
    return [second.text_embeds, first.hidden_states[-2][row, end], second.hidden_states[-2][row, end]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="pipeline folder to write the four parts into")
    parser.add_argument("--steps", type=int, default=700)
    parser.add_argument("--journal", type=Path)
    options = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(3)
    rng = random.Random(8)
    tokenizer = new_tokenizer()
    encoders = new_encoders(len(tokenizer))
    heads = nn.ModuleList(
        nn.ModuleDict({name: nn.Linear(WIDTH, len(v)) for name, v in ATTRIBUTES.items()})
        for _ in range(3)
    )
    parameters = [p for m in (*encoders, heads) for p in m.parameters()]
    optimizer = torch.optim.AdamW(parameters, PEAK_RATE, betas=(0.9, 0.99), weight_decay=1e-3)
    started, lines = time.monotonic(), []
    for step in range(options.steps):
        for group in optimizer.param_groups:
            group["lr"] = PEAK_RATE * min(1, (step + 1) / 15) * (1 - step / options.steps)
        ids, targets = batch_of(BATCH, tokenizer, rng)
        loss = torch.zeros(())
        for head, vector in zip(heads, vectors(encoders, ids), strict=True):
            for name, target in targets.items():
                weight = 2 if name == "object" else 1
                loss = loss + weight * functional.cross_entropy(head[name](vector), target)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if step % 100 == 99:
            lines.append(f"[{time.monotonic() - started:4.0f} s] step {step + 1}: loss {loss:.3f}")
            print(lines[-1], flush=True)
    with torch.no_grad():
        ids, targets = batch_of(HELD_OUT, tokenizer, random.Random(4711))
        for place, head, vector in zip(
            ("pooled", "first", "second"), heads, vectors(encoders, ids), strict=True
        ):
            rates = {n: (head[n](vector).argmax(1) == t).float().mean() for n, t in targets.items()}
            lines.append(f"{place}: " + ", ".join(f"{n} {100 * r:.1f} %" for n, r in rates.items()))
            print(lines[-1], flush=True)
    for part, model in zip(("text_encoder", "text_encoder_2"), encoders, strict=True):
        model.eval().save_pretrained(options.out / part)
    for part in ("tokenizer", "tokenizer_2"):
        tokenizer.save_pretrained(options.out / part)
    if options.journal:
        options.journal.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
