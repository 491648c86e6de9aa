"""Inputs that name a process instead of a route."""

import pytest

from studio.failures import StudioFailure
from studio.input import read_input


@pytest.mark.parametrize(
    ("process", "route"), [("initial", "create"), ("recreate", "production"), ("Initial", "create")]
)
def test_a_process_with_prompts_is_a_route_with_a_prompt(process, route):
    name, model = read_input({"process": process, "prompts": ["a cat"], "seed": 7})
    assert (name, model.route, model.prompt, model.seed) == (route, route, "a cat", 7)


@pytest.mark.parametrize("images", [["aGVsbG8="], "aGVsbG8="])
def test_the_process_upscale_takes_images_b64(images):
    name, model = read_input({"process": "upscale", "images_b64": images, "final_resolution": [5000, 3333]})
    assert (name, model.images, model.final_resolution) == ("upscale", ["aGVsbG8="], [5000, 3333])


def test_several_prompts_are_several_jobs():
    with pytest.raises(StudioFailure, match="INVALID_INPUT: 'prompts' must be a list of one; send one job per prompt"):
        read_input({"process": "initial", "prompts": ["a cat", "a dog"]})


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
