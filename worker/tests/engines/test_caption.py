"""Tiny random models of every architecture generate for real: which parameters reach the search, and that they work."""

from dataclasses import dataclass

import numpy as np
import pytest

from studio.assets import Assets
from studio.contract.caption_texts import MODELS
from studio.settings import Settings
from tests import tiny_captioners

pytestmark = pytest.mark.slow

FEW = {"max_new_tokens": 6, "min_new_tokens": 2}


@pytest.fixture(scope="module")
def captioner_of(tmp_path_factory):
    """Loads the tiny model of a variant, each once."""
    from studio.engines import loaded

    manifest = tiny_captioners.build_set(tmp_path_factory.mktemp("captioners"))
    assets = Assets(Settings(model_set=str(manifest), device="cpu"))

    def load(name):
        model = next(model for variant, model, _ in tiny_captioners.BUILDERS if variant == name)
        return loaded.captioner(assets, *assets.captioner(model, name), "float32", "cpu")

    return load


@dataclass
class Search:
    """What arrived at the search of transformers: its way, its settings, and each step on the way to a token."""

    way: str
    config: object
    steps: dict

    def table(self) -> dict:
        """By the names of the contract; None for what has no part in this search."""
        config, steps = self.config, self.steps
        warpers = {
            # transformers leaves the step out at 1, which changes nothing.
            "temperature": getattr(steps.get("TemperatureLogitsWarper"), "temperature", float(config.do_sample)),
            "top_p": getattr(steps.get("TopPLogitsWarper"), "top_p", None),
            "top_k": getattr(steps.get("TopKLogitsWarper"), "top_k", None),
        }
        penalty = steps.get("RepetitionPenaltyLogitsProcessor") or steps.get("EncoderRepetitionPenaltyLogitsProcessor")
        least = steps.get("MinNewTokensLengthLogitsProcessor")
        return {
            "max_new_tokens": config.max_new_tokens,
            "min_new_tokens": least.min_new_tokens if least else 0,
            "num_beams": config.num_beams,
            "repetition_penalty": penalty.penalty if penalty else 1.0,
        } | warpers


@pytest.fixture
def searches(monkeypatch):
    """Every search from now on, as transformers itself was about to run it."""
    from transformers import GenerationMixin

    seen = []

    def watch(way):
        original = getattr(GenerationMixin, way)

        def watched(self, input_ids, logits_processor, stopping_criteria, generation_config, **more):
            steps = {type(step).__name__: step for step in logits_processor}
            seen.append(Search(way, generation_config, steps))
            return original(self, input_ids, logits_processor, stopping_criteria, generation_config, **more)

        monkeypatch.setattr(GenerationMixin, way, watched)

    watch("_sample")
    watch("_beam_search")
    return seen


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def write(captioner, images, prompt="", seeds=None, **params):
    from studio.engines.caption.generate import write_captions
    from studio.engines.caption.written import resolve_params

    static = params.pop("static", False)
    params = resolve_params(captioner.card.model, {**FEW, **params})
    return write_captions(captioner, images, prompt, params, seeds or [3] * len(images), static=static)


VARIANTS = [name for name, _, _ in tiny_captioners.BUILDERS]


@pytest.mark.parametrize("name", VARIANTS)
def test_all_parameters_reach_the_search_of_the_model(captioner_of, searches, name):
    asked = {"temperature": 0.7, "top_p": 0.8, "top_k": 9, "repetition_penalty": 1.3, "num_beams": 2}
    write(captioner_of(name), [picture(1)], "a", **asked)
    assert searches[0].table() == FEW | asked
    assert searches[0].way == "_beam_search" and searches[0].config.do_sample


@pytest.mark.parametrize("name", VARIANTS)
def test_defaults_of_the_family_reach_the_search_of_the_model(captioner_of, searches, name):
    captioner = captioner_of(name)
    write(captioner, [picture(1)], "a")
    defaults = dict(MODELS[captioner.card.model]["generation"]) | FEW
    # 0 and None both say that the step is left out.
    assert {key: value or 0 for key, value in searches[0].table().items()} == defaults


def test_temperature_0_takes_the_likeliest_and_so_does_one_likeliest_token(captioner_of):
    joy = captioner_of("joycaption-beta-one")
    likeliest = write(joy, [picture(1)], "a", temperature=0)[0].text
    assert write(joy, [picture(1)], "a", temperature=0, seeds=[99])[0].text == likeliest
    assert write(joy, [picture(1)], "a", temperature=1.5, top_k=1)[0].text == likeliest
    drawn = {write(joy, [picture(1)], "a", temperature=2.0, top_p=1.0, seeds=[seed])[0].text for seed in range(6)}
    assert len(drawn) > 1


@pytest.mark.parametrize("beams", [1, 2])
def test_the_same_seed_gives_the_same_caption_and_neighbours_do_not_matter(captioner_of, beams):
    joy = captioner_of("joycaption-beta-one")
    images = [picture(1), picture(2), picture(3)]
    together = write(joy, images, "a", num_beams=beams, seeds=[5, 6, 7])
    alone = [
        write(joy, [image], "a", num_beams=beams, seeds=[seed])[0]
        for image, seed in zip(images, (5, 6, 7), strict=True)
    ]
    assert [caption.text for caption in together] == [caption.text for caption in alone]


def test_draws_follow_the_probabilities(captioner_of):
    """The noise of our own draw must leave the distribution as it is."""
    import torch

    from studio.engines.caption.sampling import drawing

    chances = torch.tensor([0.5, 0.3, 0.15, 0.05])
    params = {"temperature": 1.0, "top_k": 0, "top_p": 1.0}
    step = drawing(params, [1], torch.device("cpu"))
    ids = torch.zeros(1, 1, dtype=torch.long)
    drawn = [step(ids, chances.log()[None].clone()).argmax(-1).item() for _ in range(4000)]
    shares = torch.bincount(torch.tensor(drawn), minlength=4) / 4000
    # Four standard deviations of the largest share.
    assert (shares - chances).abs().max() < 0.032


def test_a_fixed_place_for_the_past_changes_nothing(captioner_of):
    joy = captioner_of("joycaption-beta-one")
    usual = write(joy, [picture(1), picture(2)], "a", temperature=0, max_new_tokens=12)
    fixed = write(joy, [picture(1), picture(2)], "a", temperature=0, max_new_tokens=12, static=True)
    assert [caption.text for caption in fixed] == [caption.text for caption in usual]


def test_joycaption_is_asked_in_its_chat_form_with_one_beginning_and_the_image_once(captioner_of):
    from PIL import Image

    joy = captioner_of("joycaption-beta-one")
    inputs = joy.family.inputs(joy.processor, [Image.fromarray(picture(1))], "Say it.")
    text = joy.processor.tokenizer.decode(inputs["input_ids"][0])
    image = "<image>" * tiny_captioners.PLACES
    assert text == f"<s>[system]You caption images accurately.[end][user]{image}Say it.[end][assistant]"


@pytest.mark.parametrize(
    ("kind", "prompt", "told", "caption"),
    [
        ("blip", "a picture of", " a cat", "a picture of a cat"),
        ("blip-2", "Question: what is it? Answer:", " a cat", "a cat"),
        (
            "kosmos-2",
            "<grounding>An image of",
            "<phrase> a cat</phrase><object><patch_index_0044><patch_index_0863></object> on a mat",
            "An image of a cat on a mat",
        ),
        ("kosmos-2.5", "<ocr>", "<bbox><x_1><y_2><x_3><y_4></bbox>Total 5\n", "Total 5"),
        ("llava", "Say it.", " A cat. ", "A cat."),
    ],
)
def test_what_was_written_becomes_a_caption(kind, prompt, told, caption):
    from studio.engines.caption.families import _FAMILIES

    assert _FAMILIES[kind].caption(prompt, told) == caption


def test_a_folder_with_another_architecture_is_refused(tmp_path):
    from studio.engines.caption.families import family_of

    (tmp_path / "config.json").write_text('{"model_type": "florence2"}')
    with pytest.raises(ValueError, match="'florence2'; known are llava"):
        family_of(tmp_path)
