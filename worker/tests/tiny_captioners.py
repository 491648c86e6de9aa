"""Tiny random caption models of every family: the real classes, tokenizers made here, nothing from a hub."""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    BertTokenizer,
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
    BlipProcessor,
    CLIPImageProcessorPil,
    GPT2Config,
    Kosmos2_5Config,
    Kosmos2_5ForConditionalGeneration,
    Kosmos2_5ImageProcessorPil,
    Kosmos2_5Processor,
    Kosmos2Config,
    Kosmos2ForConditionalGeneration,
    Kosmos2Processor,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    SiglipImageProcessorPil,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTImageProcessorPil,
)

WIDTH, EDGE, PATCH = 32, 32, 16
PLACES = (EDGE // PATCH) ** 2
SHAPE = {"hidden_size": WIDTH, "intermediate_size": 37, "num_hidden_layers": 2, "num_attention_heads": 4}
SEEN = {"size": {"height": EDGE, "width": EDGE}}
# As the published JoyCaption folders have it: the template sets the image itself.
JOY_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}[{{ message['role'] }}]"
    "{% if message['role'] == 'user' %}<image>{% endif %}{{ message['content'] }}[end]{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)


def byte_tokenizer(specials: list[str], **names) -> PreTrainedTokenizerFast:
    """Every byte a token; `specials` are tokens of their own, `names` say what they are for."""
    signs = sorted(ByteLevel.alphabet())
    words = Tokenizer(BPE(vocab={sign: number for number, sign in enumerate(signs)}, merges=[]))
    words.pre_tokenizer = ByteLevel(add_prefix_space=False)
    words.decoder = ByteLevelDecoder()
    words.add_special_tokens(specials)
    return PreTrainedTokenizerFast(tokenizer_object=words, **names)


def _vision(**more) -> dict:
    return SHAPE | {"image_size": EDGE, "patch_size": PATCH} | more


def build_joycaption(folder: Path) -> None:
    words = byte_tokenizer(["<s>", "</s>", "<pad>", "<image>"], bos_token="<s>", eos_token="</s>", pad_token="<pad>")
    ids = {"bos_token_id": 256, "eos_token_id": 257, "pad_token_id": 258}
    text = SHAPE | ids | {"model_type": "llama", "vocab_size": len(words), "max_position_embeddings": 1024}
    config = LlavaConfig(
        text_config=text,
        vision_config=_vision(model_type="siglip_vision_model"),
        image_token_index=259,
        vision_feature_select_strategy="full",
        vision_feature_layer=-2,
    )
    _save(LlavaForConditionalGeneration(config), folder)
    LlavaProcessor(
        SiglipImageProcessorPil(**SEEN),
        words,
        patch_size=PATCH,
        vision_feature_select_strategy="full",
        chat_template=JOY_TEMPLATE,
    ).save_pretrained(folder)


def build_blip(folder: Path) -> None:
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]"]
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = BertTokenizer(
        vocab={w: n for n, w in enumerate([*names, *letters, *(f"##{x}" for x in letters)])}, bos_token="[DEC]"
    )
    ids = {"bos_token_id": 5, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0}
    text = SHAPE | ids | {"vocab_size": len(words), "encoder_hidden_size": WIDTH, "initializer_range": 0.2}
    config = BlipConfig(text_config=text, vision_config=_vision(initializer_range=0.2))
    _save(BlipForConditionalGeneration(config), folder)
    BlipProcessor(BlipImageProcessorPil(**SEEN), words).save_pretrained(folder)


def build_blip2(folder: Path) -> None:
    words = byte_tokenizer(["<pad>", "</s>"], bos_token="</s>", eos_token="</s>", pad_token="<pad>")
    text = {
        "model_type": "opt", "vocab_size": len(words) + 1, "hidden_size": WIDTH, "ffn_dim": 37, "num_hidden_layers": 2,
        "num_attention_heads": 4, "word_embed_proj_dim": WIDTH, "max_position_embeddings": 512,
        "bos_token_id": 257, "eos_token_id": 257, "pad_token_id": 256,
    }  # fmt: skip
    config = Blip2Config(
        vision_config=_vision(),
        qformer_config=SHAPE | {"encoder_hidden_size": WIDTH, "vocab_size": len(words)},
        text_config=text,
        num_query_tokens=6,
        image_token_index=len(words),
    )
    _save(Blip2ForConditionalGeneration(config), folder)
    Blip2Processor(BlipImageProcessorPil(**SEEN), words, num_query_tokens=6).save_pretrained(folder)


def build_kosmos_2(folder: Path) -> None:
    names = ["<s>", "</s>", "<pad>", "<unk>"]
    image = [f"<image_{n}>" for n in range(64)]
    tags = ["<image>", "</image>", "<grounding>", "<phrase>", "</phrase>", "<object>", "</object>"]
    words = byte_tokenizer(
        [*names, *image, *tags], bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )
    config = Kosmos2Config(
        text_config={
            "vocab_size": len(words), "embed_dim": WIDTH, "layers": 2, "ffn_dim": 37, "attention_heads": 4,
            "max_position_embeddings": 1024, "bos_token_id": 256, "eos_token_id": 257, "pad_token_id": 258,
        },
        vision_config=_vision(),
        latent_query_num=64,
    )  # fmt: skip
    _save(Kosmos2ForConditionalGeneration(config), folder)
    seen = CLIPImageProcessorPil(size={"shortest_edge": EDGE}, crop_size={"height": EDGE, "width": EDGE})
    Kosmos2Processor(seen, words).save_pretrained(folder)


def build_kosmos_25(folder: Path) -> None:
    names = ["<s>", "</s>", "<pad>", "<image>", "</image>", "<md>", "<ocr>", "<bbox>", "</bbox>"]
    words = byte_tokenizer(
        names,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        extra_special_tokens={"boi_token": "<image>", "eoi_token": "</image>", "image_token": "<s>"},
    )
    config = Kosmos2_5Config(
        text_config={
            "vocab_size": len(words), "embed_dim": WIDTH, "layers": 2, "ffn_dim": 37, "attention_heads": 4,
            "max_position_embeddings": 1024, "bos_token_id": 256, "eos_token_id": 257, "pad_token_id": 258,
        },
        vision_config={
            "hidden_size": WIDTH, "patch_embed_hidden_size": 768, "intermediate_size": 37, "head_dim": 8,
            "num_hidden_layers": 2, "num_attention_heads": 4,
        },
        latent_query_num=16,
    )  # fmt: skip
    _save(Kosmos2_5ForConditionalGeneration(config), folder)
    Kosmos2_5Processor(Kosmos2_5ImageProcessorPil(max_patches=64), words, num_image_tokens=16).save_pretrained(folder)


def build_vit_gpt2(folder: Path) -> None:
    words = byte_tokenizer(["<|endoftext|>"], bos_token="<|endoftext|>", eos_token="<|endoftext|>")
    text = GPT2Config(
        vocab_size=len(words), n_embd=WIDTH, n_layer=2, n_head=4, n_positions=512, bos_token_id=256, eos_token_id=256
    )
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(ViTConfig(**_vision()), text)
    config.decoder_start_token_id = config.pad_token_id = config.eos_token_id = 256
    model = VisionEncoderDecoderModel(config=config)
    model.generation_config.decoder_start_token_id = model.generation_config.pad_token_id = 256
    _save(model, folder)
    ViTImageProcessorPil(**SEEN).save_pretrained(folder)
    words.save_pretrained(folder)


def _save(model: torch.nn.Module, folder: Path) -> None:
    model.eval().save_pretrained(folder)


# Variant of the contract, family, builder.
BUILDERS = (
    ("joycaption-beta-one", "joycaption", build_joycaption),
    ("blip2-opt-2.7b", "blip2", build_blip2),
    ("blip-large", "blip", build_blip),
    ("kosmos-2.5", "kosmos", build_kosmos_25),
    ("kosmos-2", "kosmos", build_kosmos_2),
    ("vit-gpt2", "vit-gpt2", build_vit_gpt2),
)


def build_set(folder: Path) -> Path:
    """Writes one model of each architecture and a manifest that names them; returns the manifest's path."""
    torch.manual_seed(11)
    cards = []
    for name, model, build in BUILDERS:
        build(folder / name)
        cards.append({"name": name, "title": name, "model": model, "path": name, "license": "MIT"})
    manifest = {
        "name": "tiny-captions",
        "title": "Tiny random caption models for tests",
        "baked": str(folder),
        "files": {},
        "captioners": cards,
    }
    path = folder / "tiny-captions.json"
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return path
