"""Inputs that name a process instead of a route."""

import pytest

from studio.failures import StudioFailure
from studio.input import read_input
from studio.prompts import by_prompt, together


@pytest.mark.parametrize("prompts", [["a cat"], "a cat"])
@pytest.mark.parametrize(
    ("process", "route"), [("initial", "create"), ("recreate", "production"), ("Initial", "create")]
)
def test_a_process_with_prompts_is_a_route_with_a_prompt(process, route, prompts):
    (part,) = by_prompt({"process": process, "prompts": prompts, "seed": 7})
    name, model = read_input(part)
    assert (name, model.route, model.prompt, model.seed) == (route, route, "a cat", 7)


@pytest.mark.parametrize("images", [["aGVsbG8="], "aGVsbG8="])
def test_the_process_upscale_takes_images_b64(images):
    name, model = read_input({"process": "upscale", "images_b64": images, "final_resolution": [5000, 3333]})
    assert (name, model.images, model.final_resolution) == ("upscale", ["aGVsbG8="], [5000, 3333])


def test_several_prompts_are_parts_of_one_job():
    parts = by_prompt({"process": "recreate", "prompts": ["a cat", "a dog"], "seed": 7})
    read = [read_input(part) for part in parts]
    assert [(name, model.prompt, model.seed) for name, model in read] == [
        ("production", "a cat", 7),
        ("production", "a dog", 7),
    ]


@pytest.mark.parametrize("count", [0, 9])
def test_prompts_are_counted(count):
    with pytest.raises(StudioFailure, match=f"INVALID_INPUT: 'prompts' must be a list of 1 to 8, not of {count}"):
        by_prompt({"process": "initial", "prompts": ["a cat"] * count})


def test_prompts_that_are_no_texts_are_told():
    (part,) = by_prompt({"process": "initial", "prompts": [3]})
    with pytest.raises(StudioFailure, match="'prompt' is 3; it must be text"):
        read_input(part)


def test_parts_become_one_result_in_their_order():
    def made(prompt: str, seed: int, score: float) -> dict:
        metadata = {"prompt": prompt, "seed": seed}
        return {"route": "create", "image": prompt[-3:], "aesthetic_score": score, "metadata": metadata}

    many = [{"id": f"img_000_0{n}", "image": "x", "seed": 5 + n, "aesthetic_score": 4.0 - n} for n in range(2)]
    parts = [
        made("a cat", 1, 5.0),
        {"route": "create", "images": many, "aesthetic_score": 4.0, "metadata": {"prompt": "a dog", "seed": 5}},
    ]
    result = together(parts)
    assert [(one["id"], one["prompt"], one["seed"]) for one in result["images"]] == [
        ("img_000_00", "a cat", 1),
        ("img_001_00", "a dog", 5),
        ("img_001_01", "a dog", 6),
    ]
    assert (result["aesthetic_score"], "image" in result) == (5.0, False)
    assert together(parts[:1]) is parts[0]


@pytest.mark.parametrize("process", ["enlarge", 3, None])
def test_an_unknown_process_names_the_known_ones(process):
    with pytest.raises(StudioFailure, match="INVALID_INPUT: 'process' must be one of 'initial', 'recreate', 'upscale'"):
        read_input({"process": process})


def test_a_route_wins_and_the_process_is_then_a_wrong_parameter():
    with pytest.raises(StudioFailure, match="'process' is not a parameter of create"):
        read_input({"route": "create", "prompt": "a cat", "process": "upscale"})


@pytest.mark.parametrize(
    ("images", "text"),
    [
        (None, "SOURCE_REQUIRED: Source images required"),
        ([], "SOURCE_REQUIRED: Source images required"),
        (["a"] * 17, "TOO_MANY_IMAGES: 17 images; the limit is 16"),
    ],
)
@pytest.mark.parametrize("route", ["upscale", "score"])
def test_source_images_have_failures_of_their_own(route, images, text):
    values = {"route": route} | ({} if images is None else {"images": images})
    with pytest.raises(StudioFailure) as caught:
        read_input(values)
    assert str(caught.value).startswith(text)


def test_the_bare_text_health_is_the_route():
    assert read_input("health")[0] == "health"
