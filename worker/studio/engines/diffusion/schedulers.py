"""Which sampler of diffusers a name stands for."""

from diffusers import EDMDPMSolverMultistepScheduler, EDMEulerScheduler, EulerDiscreteScheduler

from studio.failures import StudioFailure
from studio.manifest import ModelCard

CLASSES = {
    "edm_dpm": EDMDPMSolverMultistepScheduler,
    "edm_euler": EDMEulerScheduler,
    "euler": EulerDiscreteScheduler,
}


def resolve_scheduler(asked: str, card: ModelCard) -> str:
    """The scheduler that is used: the card's for auto. Raises INVALID_INPUT for one that does not fit.

    A model trained in the EDM form has continuous noise levels; plain euler knows only the discrete ones
    of SDXL and would give noise, so it stands for the Euler sampler of the EDM form there.
    """
    name = card.scheduler if asked == "auto" else asked
    if name == "euler" and name not in card.schedulers and "edm_euler" in card.schedulers:
        name = "edm_euler"
    if name not in card.schedulers or name not in CLASSES:
        detail = f"'scheduler' is {asked}; {card.name} works with {', '.join(card.schedulers)}."
        raise StudioFailure("INVALID_INPUT", detail=detail)
    return name


def build_scheduler(name: str, config: dict):
    """A fresh sampler with the model's own settings: samplers keep state, so each run has its own."""
    return CLASSES[name].from_config(config)
