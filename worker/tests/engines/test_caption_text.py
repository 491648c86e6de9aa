"""What of captions needs no model: the prompt, the precision, captions that repeat themselves."""

import pytest

from studio.contract.caption import CaptionInput
from studio.contract.caption_texts import MODELS, MODES, OPTIONS
from studio.engines.caption.precision import choose_precision
from studio.engines.caption.prompt import build_prompt
from studio.engines.caption.repeats import is_repetitive
from studio.engines.caption.written import resolve_params, written_well
from studio.failures import StudioFailure
from studio.manifest import CaptionerCard

GB = 2**30


def prompt_of(variant="joycaption-beta-one", **values):
    return build_prompt(CaptionInput(route="caption", images=["x"], **values), variant)


def card(name, model):
    return CaptionerCard(name=name, title=name, model=model, path=name, license="MIT")


def test_the_contract_has_all_modes_options_and_variants():
    assert (len(MODES), len(OPTIONS)) == (23, 27)
    assert [name for model in MODELS.values() for name in model["variants"]] == [
        "joycaption-beta-one",
        "joycaption-alpha-two",
        "blip2-opt-2.7b",
        "blip2-opt-6.7b",
        "blip2-flan-t5-xl",
        "blip-base",
        "blip-large",
        "kosmos-2",
        "kosmos-2.5",
        "vit-gpt2",
    ]
    for model in MODELS.values():
        assert model["default_variant"] in model["variants"]
        assert all("default" in variant["modes"] for variant in model["variants"].values())


def test_options_stand_below_the_text_of_the_mode():
    assert prompt_of(prompt_options=["include_lighting", "keep_pg", "include_lighting"]) == (
        "Say what this image shows.\n\nDescribe the lighting. Keep it suitable for all ages."
    )


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "Say what this image shows."),
        ({"mode": "concise"}, "Describe this image in as few words as will do."),
        ({"mode": "concise", "prompt": " Name the colours. "}, "Name the colours."),
        ({"length": "very long"}, "Say what this image shows. Keep it very long."),
        ({"length": "20"}, "Say what this image shows. Use at most 20 words."),
        ({"prompt": "Name {who}.", "prompt_variables": {"who": "Ada", "not_used": "x"}}, "Name Ada."),
        (
            {"length": "short", "prompt_options": ["character_name"], "prompt_variables": {"character_name": "Ada"}},
            "Say what this image shows. Keep it short.\n\nCall the person or character Ada.",
        ),
    ],
)
def test_the_prompt_is_made_of_mode_length_options_and_variables(values, text):
    assert prompt_of(**values) == text


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"prompt_options": ["character_name"]}, "Missing required prompt variables: character_name"),
        ({"prompt": "{a} {b}", "prompt_variables": {"a": " "}}, "Missing required prompt variables: a, b"),
        ({"mode": "ocr"}, "'mode' is 'ocr'; joycaption-beta-one has 'default', 'descriptive_formal'"),
        ({"model": "blip", "mode": "poetic"}, "'mode' is 'poetic'; joycaption-beta-one has 'default'."),
        ({"model": "blip", "length": "short"}, "'length' is 'short'; blip takes only 'any'"),
        ({"model": "blip", "prompt_options": ["keep_pg"]}, "'prompt_options' is only for a model that follows"),
    ],
)
def test_what_a_model_cannot_do_is_refused_with_the_reason(values, sentence):
    with pytest.raises(StudioFailure) as failed:
        prompt_of(**values)
    assert str(failed.value).startswith(f"INVALID_INPUT: {sentence}")


def test_defaults_of_generation_are_those_of_the_family_and_each_can_be_set():
    joy = {"max_new_tokens": 512, "temperature": 0.6, "top_p": 0.9, "top_k": 0}
    assert joy.items() <= resolve_params("joycaption", None).items()
    assert resolve_params("blip", {"num_beams": 5, "top_k": None}) == {
        "max_new_tokens": 32,
        "min_new_tokens": 10,
        "num_beams": 5,
        "temperature": 1.0,
        "top_p": 0.9,
        "top_k": 50,
        "repetition_penalty": 1.0,
    }


@pytest.mark.parametrize(
    ("name", "model", "total_gb", "precision"),
    [
        ("joycaption-beta-one", "joycaption", 80, "bfloat16"),
        # What the driver of a card sold as 20 GB reports.
        ("joycaption-beta-one", "joycaption", 19.6, "bfloat16"),
        ("joycaption-beta-one", "joycaption", 16, "8bit"),
        ("joycaption-beta-one", "joycaption", 12, "8bit"),
        ("joycaption-beta-one", "joycaption", 10, "4bit"),
        ("blip2-opt-6.7b", "blip2", 16, "8bit"),
        ("blip2-opt-2.7b", "blip2", 16, "bfloat16"),
        ("blip-large", "blip", 8, "bfloat16"),
        ("vit-gpt2", "vit-gpt2", 4, "bfloat16"),
        ("a-model-of-a-set", "blip", 2, "bfloat16"),
        ("joycaption-beta-one", "joycaption", None, "float32"),
    ],
)
def test_auto_takes_the_best_precision_that_fits(name, model, total_gb, precision):
    total = None if total_gb is None else int(total_gb * GB)
    assert choose_precision("auto", card(name, model), total) == precision


def test_a_gpu_too_small_is_told_with_what_would_fit():
    with pytest.raises(StudioFailure, match="needs a GPU with at least 9 GB.*has 8 GB.*'model' blip or vit-gpt2"):
        choose_precision("auto", card("joycaption-beta-one", "joycaption"), 8 * GB)


def test_a_precision_that_was_asked_for_is_taken_but_needs_its_hardware():
    joy = card("joycaption-beta-one", "joycaption")
    assert choose_precision("float16", joy, 8 * GB) == "float16"
    assert choose_precision("bfloat16", joy, None) == "bfloat16"
    with pytest.raises(StudioFailure, match="'precision' is '4bit', which needs a CUDA GPU"):
        choose_precision("4bit", joy, None)


@pytest.mark.parametrize(
    ("text", "stuck"),
    [
        ("a red car on a road and a red bus on a road", False),
        ("very, very, very old", False),
        ("He said no, no, no and went.", False),
        ("the the the the cat", True),
        ("a dog with a dog with a dog with a dog", True),
        ("The sky is blue and wide. It rains. The sky is blue and wide. So. The sky is blue and wide.", True),
        ("1girl, solo, smile, 1girl, solo, smile, 1girl, solo, smile", True),
        ("1girl, solo, smile, long_hair, blue_eyes, dress, outdoors, sky, cloud", False),
        ("", False),
    ],
)
def test_a_caption_that_got_stuck_is_noticed(text, stuck):
    assert is_repetitive(text) is stuck


class Writer:
    """Answers in turn; notes what it was asked."""

    def __init__(self, *rounds):
        self.rounds, self.asked = list(rounds), []

    def __call__(self, places, seeds):
        self.asked.append((places, seeds))
        return [(text, 3) for text in self.rounds.pop(0)]


STUCK, GOOD = "no end no end no end no end", "a cat on a mat"


def test_only_the_caption_that_got_stuck_is_written_again_with_another_seed():
    write = Writer([GOOD, STUCK], [GOOD])
    first, second = written_well(write, [7, 8], draws=True)
    assert (first.text, first.seed, first.retries) == (GOOD, 7, 0)
    assert (second.text, second.retries, second.repetitive) == (GOOD, 1, False)
    assert [places for places, _ in write.asked] == [[0, 1], [1]]
    assert second.seed == write.asked[1][1][0] not in (7, 8)


def test_two_new_seeds_at_most_and_never_where_chance_has_no_part():
    write = Writer([STUCK], [STUCK], [STUCK])
    (caption,) = written_well(write, [7], draws=True)
    assert (caption.retries, caption.repetitive, len(write.asked)) == (2, True, 3)
    assert len({seed for _, (seed,) in write.asked}) == 3
    (caption,) = written_well(Writer([STUCK]), [7], draws=False)
    assert (caption.retries, caption.repetitive) == (0, True)
