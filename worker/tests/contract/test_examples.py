"""Each example of the contract is taken or refused by the models as it is marked."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from studio.contract.errors import FAILURES
from studio.contract.routes import ROUTES

SOURCES = [
    json.loads(path.read_text())
    for path in sorted((Path(__file__).parents[3] / "contract" / "routes").glob("*.json"))
]
EXAMPLES = [
    pytest.param(source["route"], example, id=f"{source['route']}: {example['name']}")
    for source in SOURCES
    for example in source["examples"]
]


def refused(route: str, values: dict) -> set[str]:
    """Names of the parameters that the input model refuses; empty when it takes the input."""
    try:
        ROUTES[route].input.model_validate(values)
    except ValidationError as error:
        return {str(entry["loc"][0]) for entry in error.errors()}
    return set()


def minimal(route: str) -> dict:
    """The shortest input that the route takes."""
    source = next(source for source in SOURCES if source["route"] == route)
    example = next(example for example in source["examples"] if "invalid" not in example)
    return {name: example["input"][name] for name in source["input"]["required"]}


def test_routes_are_those_of_the_contract():
    assert len(SOURCES) > 0
    assert set(ROUTES) == {source["route"] for source in SOURCES}


@pytest.mark.parametrize(("route", "example"), EXAMPLES)
def test_example(route, example):
    expected = {example["invalid"]} if "invalid" in example else set()
    assert refused(route, example["input"]) == expected


@pytest.mark.parametrize(("route", "contract"), ROUTES.items())
def test_limits_and_types_are_strict(route, contract):
    """At a limit is taken, beyond it is refused; true is not 1 and "25" is not 25."""
    for name, field in contract.input.model_fields.items():
        limits = {type(limit).__name__: limit for limit in field.metadata}
        if "Ge" in limits and "Le" in limits:
            low, high = limits["Ge"].ge, limits["Le"].le
            step = limits["MultipleOf"].multiple_of if "MultipleOf" in limits else 1
            for value in (low, high):
                number = value if field.annotation is float else int(value)
                assert refused(route, minimal(route) | {name: number}) == set()
            for value in (low - step, high + step, True, str(int(high))):
                assert refused(route, minimal(route) | {name: value}) == {name}
        if field.annotation is bool:
            for value in (1, "true"):
                assert refused(route, minimal(route) | {name: value}) == {name}


@pytest.mark.parametrize(("route", "contract"), ROUTES.items())
def test_unknown_parameters_are_refused_and_failures_known(route, contract):
    assert refused(route, minimal(route) | {"no_such_parameter": 1}) == {"no_such_parameter"}
    assert set(contract.failures) <= set(FAILURES)


def test_a_default_of_a_float_is_a_float():
    defaults = [
        field.default
        for contract in ROUTES.values()
        for field in contract.input.model_fields.values()
        if field.annotation is float and field.default is not None
    ]
    assert defaults and all(isinstance(default, float) for default in defaults)
