"""The round trip of the demo set: what a prompt asked for is what the caption of its picture names."""

import sys
from pathlib import Path

import pytest

from studio.assets import Assets
from studio.contract.caption_texts import MODELS
from studio.manifest import SETS, read_manifest
from studio.settings import Settings

DEMO_SET = Path(__file__).parents[2] / "demo_set"


@pytest.mark.slow
def test_captions_of_demo_pictures_name_what_their_prompts_asked_for(monkeypatch):
    """Eight of the sixty pictures of `round_trip.py`, which names both right in nearly all."""
    monkeypatch.setattr(sys, "path", [str(DEMO_SET), str(DEMO_SET / "training"), *sys.path])
    import pictures
    import round_trip

    grounds = ("yellow", "blue", "green", "white", "red", "black", "pink", "gray")
    objects = ("cat", "dog", "apple", "car", "penguin", "star", "frog", "house")
    specs = [pictures.Spec(thing, "large", ground) for thing, ground in zip(objects, grounds, strict=True)]
    rows = [round_trip.names(*row) for row in round_trip.round_trip(specs)]
    assert sum(row["object"] for row in rows) >= 7
    assert sum(row["ground"] for row in rows) >= 7


def test_the_set_of_caption_models_has_all_variants_of_the_contract_with_their_licences():
    cards = {card.name: card for card in read_manifest(SETS / "caption.json").captioners}
    known = {name: (model, entry) for model, one in MODELS.items() for name, entry in one["variants"].items()}
    assert cards.keys() == known.keys()
    for name, (model, entry) in known.items():
        assert (cards[name].model, cards[name].license) == (model, entry["license"])
        assert cards[name].repository


def test_the_demo_set_has_a_captioner_of_its_own():
    card, folder = Assets(Settings(model_set="demo", device="cpu")).captioner("blip")
    assert (card.name, card.demo) == ("blip-studio-demo", True)
    assert (folder / "model.safetensors").stat().st_size < 5_000_000
