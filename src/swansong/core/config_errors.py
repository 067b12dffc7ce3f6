"""Validation errors as one sentence: what is wrong, where, and what to do."""

import difflib
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import pydantic
from pydantic.fields import FieldInfo

_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a text in quotes",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a section",
    "path_type": "a path in quotes",
    "finite_number": "a finite number",
}


def section_models(annotation: Any) -> list[type[pydantic.BaseModel]]:
    """List the configuration classes inside an annotation, through Optional, lists and unions.

    Args:
        annotation: A type annotation.

    Returns:
        The classes, in order of appearance.
    """
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return [annotation]
    return [model for argument in typing.get_args(annotation) for model in section_models(argument)]


def _keys(model: type[pydantic.BaseModel], prefix: str = "") -> Iterator[str]:
    """Walk over the dotted names of all keys, sections included."""
    for name, field in model.model_fields.items():
        yield prefix + name
        for section in section_models(field.annotation):
            yield from _keys(section, f"{prefix}{name}.")


def _locate(error: Mapping[str, Any], data: Any) -> list[str | int]:
    """Drop from pydantic's location what is no key of the data, such as the members of a union."""
    path: list[str | int] = []
    terminal = error["type"] in ("missing", "extra_forbidden")
    location = error["loc"]
    for depth, part in enumerate(location):
        last = terminal and depth == len(location) - 1
        inside = isinstance(data, Mapping) and part in data
        indexed = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if inside or indexed:
            data = data[part]
            path.append(part)
        elif last:
            path.append(part)
    return path


def _dotted(path: list[str | int]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _field(schema: type[pydantic.BaseModel], path: list[str | int]) -> FieldInfo | None:
    """Find the field that a path names; list positions do not matter."""
    models, field = [schema], None
    for part in path:
        if isinstance(part, int):
            continue
        field = next((model.model_fields[part] for model in models if part in model.model_fields), None)
        if field is None:
            return None
        models = section_models(field.annotation)
    return field


def _nearest(key: str, schema: type[pydantic.BaseModel]) -> str | None:
    """Find the valid key that is meant: a sibling, or the same name in another section."""
    valid = list(dict.fromkeys(_keys(schema)))
    head, _, name = key.rpartition(".")
    siblings = [other for other in valid if other.rpartition(".")[0] == head]
    by_name = {other.rpartition(".")[2]: other for other in siblings}
    close = difflib.get_close_matches(name, list(by_name), n=1)
    if close:
        return by_name[close[0]]
    elsewhere = {other.rpartition(".")[2]: other for other in reversed(valid)}
    close = difflib.get_close_matches(name, list(elsewhere), n=1, cutoff=0.8)
    return elsewhere[close[0]] if close else None


def _choices(schema: type[pydantic.BaseModel], key: str) -> str:
    head = key.rpartition(".")[0]
    names = [other.rpartition(".")[2] for other in dict.fromkeys(_keys(schema)) if other.rpartition(".")[0] == head]
    where = f"section `{head}`" if head else "the configuration"
    return f"the keys of {where} are {', '.join(names)}" if names else f"{where} takes no keys"


def _must(error: Mapping[str, Any]) -> str:
    """Say what a value must be."""
    if error["type"] in _EXPECTED:
        return f"must be {_EXPECTED[error['type']]}"
    if error["type"] in ("value_error", "assertion_error"):
        return "is not valid: " + str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = str(error["msg"])
    if message.startswith("Input should "):
        return "must " + message.removeprefix("Input should ")
    return f"is not valid ({message[:1].lower()}{message[1:]})"


def _advice(field: FieldInfo | None) -> str:
    if field is None or not field.description:
        return ""
    text = " ".join(field.description.split()).rstrip(".")
    # A lower-case start reads better within the sentence, except for abbreviations such as SNR.
    first = text[0] if text[1:2].isupper() else text[0].lower()
    return f"; it is: {first}{text[1:]}"


def explain(
    failure: pydantic.ValidationError,
    schema: type[pydantic.BaseModel],
    *,
    data: Mapping[str, Any],
    source: str,
    overrides: Mapping[str, str],
) -> str:
    """Put a validation failure in one sentence.

    Of several errors an unknown key comes first, because a misspelt key often makes another
    one missing.

    Args:
        failure: What pydantic found.
        schema: The configuration's class.
        data: The data that were validated.
        source: The file they came from, empty for none.
        overrides: Dotted keys that came from the command line, with the text given there.

    Returns:
        The sentence.
    """
    errors = sorted(failure.errors(), key=lambda error: error["type"] != "extra_forbidden")
    error = errors[0]
    path = _locate(error, data)
    key = _dotted(path)
    plain = ".".join(str(part) for part in path if not isinstance(part, int))
    override = next((text for name, text in overrides.items() if f"{plain}.".startswith(f"{name}.")), None)
    place = f" in `--set {override}`" if override is not None else f" in {source}" if source else ""
    if error["type"] == "extra_forbidden":
        nearest = _nearest(plain, schema)
        hint = f"did you mean `{nearest}`?" if nearest else _choices(schema, plain)
        return f"Unknown key `{key}`{place}; {hint}"
    field = _field(schema, path)
    if error["type"] == "missing":
        missing_from = f" from {source}" if source else ""
        return f"The key `{key}` is missing{missing_from}{_advice(field) or '; it has no default'}"
    if not path:
        return f"The configuration{place} {_must(error)}"
    if error["type"] in ("value_error", "assertion_error") and field is not None and section_models(field.annotation):
        return f"Section `{key}`{place} {_must(error)}"
    value = repr(error["input"])
    shown = value if len(value) <= 60 else f"{value[:57]}..."
    return f"`{key}`{place} {_must(error)}, got {shown}{_advice(field)}"
