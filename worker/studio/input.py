"""Checks the input of a job against the contract and says in plain words what is wrong with it."""

import json

from pydantic import BaseModel, ValidationError

from studio.contract.routes import ROUTES
from studio.failures import StudioFailure
from studio.without_route import with_route

SHOWN_CHARACTERS = 60
_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


def valid_routes() -> list[str]:
    """Names of all routes in the order of the contract."""
    return list(ROUTES)


def read_input(job_input: object) -> tuple[str, BaseModel]:
    """Name of the route (lower case) and its checked input. Raises INVALID_ROUTE or INVALID_INPUT.

    A bare text stands for a route without parameters, as in {"input": "health"}.
    """
    values = {"route": job_input} if isinstance(job_input, str) else job_input
    if not isinstance(values, dict):
        detail = f"'input' is {_show(job_input)}; it must be an object with 'route' and the route's parameters"
        raise StudioFailure("INVALID_INPUT", detail=detail)
    values = with_route(values)
    asked = values.get("route")
    name = asked.strip().lower() if isinstance(asked, str) else None
    if name not in ROUTES:
        shown = asked if isinstance(asked, str) else "" if asked is None else _show(asked)
        routes = ", ".join(f"'{route}'" for route in valid_routes())
        raise StudioFailure("INVALID_ROUTE", route=shown[:SHOWN_CHARACTERS], routes=routes)
    contract = ROUTES[name]
    values = values | {"route": name}
    for parameter, words in contract.aliases.items():
        if isinstance(values.get(parameter), str):
            values[parameter] = words.get(values[parameter], values[parameter])
    try:
        return name, contract.input.model_validate(values)
    except ValidationError as error:
        _refuse_sources(error)
        schema = contract.input.model_json_schema()
        sentences = dict.fromkeys(_sentence(fault, schema, name) for fault in error.errors(include_url=False))
        raise StudioFailure("INVALID_INPUT", detail=" ".join(sentences)) from None


def _refuse_sources(error: ValidationError) -> None:
    """Raises the codes that source images have of their own: none where one is needed, or too many."""
    for fault in error.errors(include_url=False, include_input=False):
        if fault["loc"] == ("images",) and fault["type"] in ("missing", "too_short"):
            raise StudioFailure("SOURCE_REQUIRED")
        if fault["loc"] == ("images",) and fault["type"] == "too_long":
            limits = fault["ctx"]
            raise StudioFailure("TOO_MANY_IMAGES", count=limits["actual_length"], limit=limits["max_length"])


def _sentence(fault: dict, schema: dict, route: str) -> str:
    path = ".".join(str(part) for part in fault["loc"])
    first = str(fault["loc"][0]) if fault["loc"] else "input"
    allowed = _allowed(schema.get("properties", {}).get(first, {}), schema)
    if fault["type"] == "extra_forbidden":
        known = ", ".join(f"'{name}'" for name in schema["properties"])
        return f"'{path}' is not a parameter of {route}; it takes {known}."
    if fault["type"] == "missing":
        return f"'{path}' is missing; it must be {allowed}."
    if len(fault["loc"]) > 1:
        return f"'{path}' is {_show(fault['input'])}; {fault['msg'][0].lower()}{fault['msg'][1:]}."
    return f"'{path}' is {_show(fault['input'])}; it must be {allowed}."


def _allowed(part: dict, schema: dict) -> str:
    """Type and limits of a parameter in words, from its JSON Schema."""
    if "$ref" in part:
        part = schema["$defs"][part["$ref"].rsplit("/", 1)[1]] | {k: v for k, v in part.items() if k != "$ref"}
    if "const" in part:
        return _show(part["const"])
    if "enum" in part:
        return "one of " + ", ".join(_show(value) for value in part["enum"])
    if "anyOf" in part:
        return " or ".join(_allowed(option, schema) for option in part["anyOf"])
    words = _KINDS.get(part.get("type"), "a value that the contract allows")
    if part.get("type") == "string":
        words += _range(
            part.get("minLength"), part.get("maxLength"), " of {} to {} characters", " of up to {} characters"
        )
        if part.get("pattern") not in (None, "\\S"):
            return f"text of this form: {part.get('description', part['pattern'])}".rstrip(".")
        return words + (" that is not blank" if part.get("pattern") == "\\S" else "")
    if part.get("type") == "array":
        return words + _range(
            part.get("minItems"), part.get("maxItems"), " of {} to {} entries", " of up to {} entries"
        )
    words += _range(part.get("minimum"), part.get("maximum"), " from {} to {}", " up to {}")
    return words + (f", a multiple of {part['multipleOf']:g}" if "multipleOf" in part else "")


def _range(low, high, both: str, upper: str) -> str:
    if high is None:
        return f" of at least {low}" if low is not None else ""
    return both.format(_number(low), _number(high)) if low is not None else upper.format(_number(high))


def _number(value) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _show(value: object) -> str:
    # Inputs can be whole images: show the beginning only.
    if isinstance(value, str):
        return f"'{value if len(value) <= SHOWN_CHARACTERS else value[:SHOWN_CHARACTERS] + '...'}'"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."
