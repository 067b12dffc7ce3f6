"""Strict configuration: a TOML file, overrides from the command line, and one-sentence errors.

A configuration is a `Config` with nested `Config` sections. Unknown keys are errors that
name the nearest valid key, and values keep their TOML types: `"3"` is no number.
"""

import copy
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pydantic

from swansong.core.config_errors import explain
from swansong.core.config_template import template
from swansong.core.errors import ConfigError, FileError

__all__ = ["Config", "as_dict", "load", "read_toml", "template", "validate"]

# What a shell user types without quotes, a word or a path, but not a number gone wrong.
_BARE_TEXT = re.compile(r"[A-Za-z_./~][\w./~:+\-]*")


class Config(pydantic.BaseModel):
    """Base of every configuration and of every section of one: frozen, with no unknown keys.

    A field is described by the text below it or by `Field(description=...)`; the
    description is used in the commented template and in error messages.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


Schema = TypeVar("Schema", bound=Config)


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a TOML file.

    Args:
        path: The file.

    Returns:
        Its content.

    Raises:
        FileError: The file is missing or cannot be read.
        ConfigError: The file is not valid TOML.
    """
    path = Path(path)
    try:
        return tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError as error:
        msg = f"`{path}` does not exist; check the path, or let `init` write a template"
        raise FileError(msg) from error
    except OSError as error:
        msg = f"`{path}` cannot be read ({error.strerror or error}); give a readable TOML file"
        raise FileError(msg) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"`{path}` is not valid TOML ({error}); mend it there"
        raise ConfigError(msg) from error


def _override_value(text: str, *, override: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError as error:
        if _BARE_TEXT.fullmatch(text):
            return text
        msg = f"The value of `--set {override}` is not valid TOML; give a number, true, false, [a, list] or 'a text'"
        raise ConfigError(msg) from error
    if set(parsed) != {"value"}:
        msg = f"`--set {override!r}` sets more than one key; give one `--set section.key=value` for each"
        raise ConfigError(msg)
    return parsed["value"]


def _apply(data: dict[str, Any], override: str) -> str:
    """Set one override in nested data; return the dotted key."""
    key, equals, text = override.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not equals or not all(parts):
        msg = f"`--set {override}` has no key or no value; write it as `--set section.key=value`"
        raise ConfigError(msg)
    value = _override_value(text.strip(), override=override)
    section = data
    for depth, part in enumerate(parts[:-1]):
        section = section.setdefault(part, {})
        if not isinstance(section, dict):
            name = ".".join(parts[: depth + 1])
            msg = f"`--set {override}` needs `{name}` to be a section, but it is a value; set `{name}` itself"
            raise ConfigError(msg)
    section[parts[-1]] = value
    return ".".join(parts)


def validate(
    schema: type[Schema], data: Mapping[str, Any], *, source: str = "", overrides: Mapping[str, str] | None = None
) -> Schema:
    """Turn nested data into a configuration.

    Args:
        schema: The configuration's class.
        data: Nested JSON-like values, as TOML gives them.
        source: Where the data came from, for messages.
        overrides: Dotted keys that came from the command line, with the text given there.

    Returns:
        The configuration.

    Raises:
        ConfigError: A key is unknown or missing, or a value has the wrong type or range.
    """
    try:
        # Through JSON, where strict validation still takes lists for tuples and texts for paths.
        return schema.model_validate_json(json.dumps(data, default=str), strict=True)
    except pydantic.ValidationError as error:
        raise ConfigError(explain(error, schema, data=data, source=source, overrides=overrides or {})) from error
    except TypeError as error:
        msg = f"The configuration holds what TOML cannot ({error}); give tables, lists, numbers and texts"
        raise ConfigError(msg) from error


def load(schema: type[Schema], path: str | Path | None = None, *, overrides: Sequence[str] = ()) -> Schema:
    """Read a configuration from a TOML file and from overrides.

    Args:
        schema: The configuration's class.
        path: The TOML file; None starts from the defaults.
        overrides: Texts `section.key=value`, applied in order after the file. A value is
            TOML; a plain word or path needs no quotes.

    Returns:
        The configuration.

    Raises:
        FileError: The file is missing or cannot be read.
        ConfigError: The file is not valid TOML, a key is unknown or missing, or a value
            has the wrong type or range.
    """
    data = {} if path is None else copy.deepcopy(read_toml(path))
    given = {_apply(data, override): override for override in overrides}
    return validate(schema, data, source="" if path is None else str(path), overrides=given)


def as_dict(config: Config) -> dict[str, Any]:
    """Give a configuration as nested JSON values, defaults included.

    Args:
        config: The configuration.

    Returns:
        Nested tables, lists, texts, numbers, booleans and None.
    """
    return config.model_dump(mode="json")
