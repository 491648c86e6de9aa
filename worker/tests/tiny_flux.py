"""A tiny FLUX pipeline with random weights, of the real classes; nothing from a hub."""

from pathlib import Path

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast, T5Config, T5EncoderModel

from tests.tiny_models import TOKENS, WIDTH, build_tokenizer


def build(folder: Path) -> Path:
    """Writes the pipeline as a folder in the layout of diffusers, about 0.5 MB, and returns it."""
    text = CLIPTextConfig(
        hidden_size=WIDTH,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=TOKENS,
        projection_dim=WIDTH,
        vocab_size=514,
        bos_token_id=512,
        eos_token_id=513,
        pad_token_id=513,
    )
    t5 = T5Config(d_model=WIDTH, d_ff=37, d_kv=8, num_layers=2, num_heads=4, vocab_size=130)
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        pooled_projection_dim=WIDTH,
        axes_dims_rope=(4, 4, 8),
        guidance_embeds=True,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 16, 16),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        mid_block_add_attention=False,
        use_quant_conv=False,
        use_post_quant_conv=False,
        scaling_factor=0.36,
        shift_factor=0.12,
        sample_size=64,
    )
    pipe = FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
        vae=vae,
        text_encoder=CLIPTextModel(text),
        tokenizer=build_tokenizer(),
        text_encoder_2=T5EncoderModel(t5),
        tokenizer_2=_bytes_tokenizer(),
        transformer=transformer,
    )
    with torch.no_grad():
        # The last layer begins at zero in the library: then the picture would not depend on the prompt.
        transformer.proj_out.weight.normal_(0, 0.1)
    pipe.save_pretrained(folder)
    return folder


def _bytes_tokenizer() -> PreTrainedTokenizerFast:
    """One token for each character of ASCII, and the end."""
    vocab = {"<pad>": 0, "</s>": 1} | {chr(code): code + 2 for code in range(128)}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<pad>", model_max_length=512
    )
