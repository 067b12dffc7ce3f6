"""Commented TOML from a configuration: what `init` writes for the user to edit."""

import json
import math
import textwrap
import typing
from collections.abc import Mapping
from typing import Any

import pydantic
from pydantic.fields import FieldInfo

from swansong.core.config_errors import section_models

_WIDTH = 100


def toml_value(value: Any) -> str:
    """Write one value as TOML.

    Args:
        value: A JSON-like value other than None.

    Returns:
        The text, on one line.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(name)} = {toml_value(entry)}" for name, entry in value.items() if entry is not None)
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml_value(entry) for entry in value)}]"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else toml_value(name)


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(" ".join(text.split()), _WIDTH)]


def _allowed(annotation: Any) -> str:
    """Name the choices of a Literal, also inside Optional or a list."""
    if typing.get_origin(annotation) is typing.Literal:
        return ", ".join(toml_value(choice) for choice in typing.get_args(annotation))
    return next((text for argument in typing.get_args(annotation) if (text := _allowed(argument))), "")


def _note(field: FieldInfo, value: Any) -> str:
    choices = _allowed(field.annotation)
    notes = [f"One of {choices}."] if choices else []
    if field.is_required() and value is None:
        notes.append("Required.")
    elif value is None:
        notes.append("Optional, not set.")
    return " ".join(notes)


def _section(model: type[pydantic.BaseModel], values: Mapping[str, Any], prefix: str) -> list[str]:
    """Write the plain keys of a section first: in TOML they would else belong to the next one."""
    lines: list[str] = []
    nested: list[str] = []
    for name, field in model.model_fields.items():
        value = values.get(name)
        sections = section_models(field.annotation)
        described = " ".join(filter(None, [field.description, _note(field, value)]))
        path = f"{prefix}{_key(name)}"
        if sections and isinstance(value, Mapping):
            intro = field.description or (sections[0].__doc__ or "").split("\n\n")[0]
            chosen = next((section for section in sections if set(value) == set(section.model_fields)), sections[0])
            nested += ["", *_comment(intro), f"[{path}]", *_section(chosen, value, f"{path}.")]
            continue
        lines += _comment(described)
        lines.append(f"# {_key(name)} =" if value is None else f"{_key(name)} = {toml_value(value)}")
    return lines + nested


def _defaults(model: type[pydantic.BaseModel]) -> dict[str, Any]:
    """Give the default of every key, None where it has none."""
    values: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        sections = section_models(field.annotation)
        if field.is_required():
            only = field.annotation in sections
            values[name] = _defaults(sections[0]) if only else None
            continue
        default = field.get_default() if field.default_factory is None else field.default_factory()  # pyright: ignore[reportCallIssue]
        # Through pydantic, so that paths, enumerations and nested sections become JSON values.
        values[name] = pydantic.TypeAdapter(Any).dump_python(default, mode="json")
    return values


def template(schema: type[pydantic.BaseModel] | pydantic.BaseModel, *, title: str = "") -> str:
    """Write a commented TOML file from a configuration.

    A class gives its defaults: a key that must be given stands in a comment marked
    "Required". A configuration gives its own values, as a record of a run.

    Args:
        schema: A configuration, or its class.
        title: Lines for the head of the file.

    Returns:
        The text; read back by `load` it gives the same configuration.
    """
    is_class = isinstance(schema, type)
    model = schema if is_class else type(schema)
    values = _defaults(schema) if is_class else schema.model_dump(mode="json")
    head = [line for part in title.splitlines() for line in (_comment(part) or ["#"])]
    body = _section(model, values, "")
    return "\n".join([*head, *([""] if head else []), *body]).strip("\n") + "\n"
