"""Failures: their texts, and which one stands for which exception."""

import pytest

from studio.contract.errors import FAILURES
from studio.failures import StudioFailure, classify


class OutOfMemoryError(RuntimeError):
    """Named like torch's."""


@pytest.mark.parametrize("code", list(FAILURES))
def test_every_code_makes_one_line_that_begins_with_it(code):
    text = str(StudioFailure(code))
    assert text.startswith(f"{code}: ") and "\n" not in text and "{" not in text
    assert ".." not in text and "Nothing was submitted" not in text


def test_values_are_filled_in():
    text = str(StudioFailure("MODEL_NOT_FOUND", model="fox", nearest="box, cox"))
    assert text == "MODEL_NOT_FOUND: Model not found: 'fox'. Choose one of the nearest names: box, cox."


def test_a_value_with_braces_is_text():
    assert "{x}" in str(StudioFailure("INVALID_INPUT", detail="'a' is {x}"))


def test_an_unknown_code_is_a_mistake_of_the_programmer():
    with pytest.raises(KeyError):
        StudioFailure("NO_SUCH_CODE")


@pytest.mark.parametrize(
    ("exception", "code"),
    [
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB"), "OUT_OF_MEMORY"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"), "OUT_OF_MEMORY"),
        (MemoryError(), "OUT_OF_MEMORY"),
        (FileNotFoundError(2, "No such file", "/m/unet.safetensors"), "ASSET_MISSING"),
        (ConnectionResetError("reset"), "NETWORK"),
        (TimeoutError(), "NETWORK"),
        (ValueError("x"), "JOB_FAILED"),
        (KeyError(), "JOB_FAILED"),
        (StudioFailure("MASK_REQUIRED"), "MASK_REQUIRED"),
    ],
)
def test_classes_of_exceptions(exception, code):
    assert classify(exception).code == code


def test_only_the_first_line_of_a_dump_is_shown():
    text = str(classify(ValueError("the cause\n" + "dump " * 1000)))
    assert "the cause" in text and "dump" not in text
