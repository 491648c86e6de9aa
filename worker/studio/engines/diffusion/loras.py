"""Works LoRAs into the weights of a pipeline, so that drawing with them costs no more than without."""

from diffusers import FluxPipeline, StableDiffusionXLPipeline

from studio.failures import StudioFailure
from studio.installed.choose import Lora


def work_in(pipe: StableDiffusionXLPipeline | FluxPipeline, loras: tuple[Lora, ...]) -> None:
    """Changes the weights for good: another selection needs a pipeline of its own.

    Raises INVALID_INPUT for a file that does not fit the model, which its name and keys did not tell.
    """
    names = []
    for number, lora in enumerate(loras):
        names.append(f"lora_{number}")
        try:
            pipe.load_lora_weights(str(lora.path.parent), weight_name=lora.path.name, adapter_name=names[-1])
        except (ValueError, RuntimeError, KeyError, IndexError, TypeError) as error:
            raise _unfit(lora, str(error).partition("\n")[0][:200] or type(error).__name__) from None
        if not any(names[-1] in adapters for adapters in pipe.get_list_adapters().values()):
            # What has no key of the model is passed over without a word.
            raise _unfit(lora, "it holds nothing for this model")
    if not names:
        return
    pipe.set_adapters(names, [lora.weight for lora in loras])
    pipe.fuse_lora(adapter_names=names)
    pipe.unload_lora_weights()


def _unfit(lora: Lora, why: str) -> StudioFailure:
    return StudioFailure("INVALID_INPUT", detail=f"The LoRA '{lora.name}' does not fit the model: {why}.")
