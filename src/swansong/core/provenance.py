"""Who made a result, from what and with what: the record that every product carries."""

import dataclasses
import functools
import operator
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Self, SupportsIndex

import pydantic

from swansong.core.errors import InputError
from swansong.core.hashing import input_sha256

PACKAGES = ("swansong", "numpy", "scipy", "jax", "jaxlib", "equinox", "optax", "flowjax", "blackjax", "h5py")
"""Packages whose versions are recorded, where they are installed."""

_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Provenance:
    """What a product was made from.

    Attributes:
        configuration: The resolved configuration as nested JSON values.
        seed: Seed of all random numbers, None where none were drawn.
        versions: Versions of Python, of the platform and of the packages in `PACKAGES`.
        inputs: sha256 of each input by name.
        created: Time of creation, UTC, ISO 8601; takes no part in fingerprints.
        command: The command line, empty where the product was made from Python.
    """

    configuration: dict[str, Any]
    seed: int | None
    versions: dict[str, str]
    inputs: dict[str, str]
    created: str
    command: str

    def to_dict(self) -> dict[str, Any]:
        """Give the record as nested JSON values.

        Returns:
            One entry for each attribute.
        """
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Read back what `to_dict` gave.

        Args:
            record: One entry for each attribute.

        Returns:
            The record.

        Raises:
            InputError: An entry is missing, unknown or of the wrong type.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        if set(record) != names:
            odd = ", ".join(sorted(set(record) ^ names))
            msg = f"`provenance` has missing or unknown entries ({odd}); give a record that swansong wrote"
            raise InputError(msg)
        texts = pydantic.TypeAdapter(dict[str, str])
        laws: dict[str, pydantic.TypeAdapter[Any]] = {
            "configuration": pydantic.TypeAdapter(dict[str, Any]),
            "seed": pydantic.TypeAdapter(int | None),
            "versions": texts,
            "inputs": texts,
            "created": pydantic.TypeAdapter(str),
            "command": pydantic.TypeAdapter(str),
        }
        for name, law in laws.items():
            try:
                law.validate_python(record[name], strict=True)
            except pydantic.ValidationError as error:
                msg = f"`provenance.{name}` has the wrong type, got {record[name]!r}; give a record that swansong wrote"
                raise InputError(msg) from error
        return cls(**record)


@functools.cache
def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "platform": f"{sys.platform} {platform.machine()}"}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _fingerprint(value: str | Path) -> str:
    if isinstance(value, str) and len(value) == 64 and set(value) <= _HEX:
        return value
    return input_sha256(value)


def collect(
    *,
    configuration: Mapping[str, Any] | pydantic.BaseModel | None = None,
    seed: SupportsIndex | None = None,
    inputs: Mapping[str, str | Path] | None = None,
    command: str = "",
) -> Provenance:
    """Record what a product is made from, with the versions and the time of this moment.

    Args:
        configuration: The resolved configuration, as a `Config` or as nested JSON values.
        seed: Seed of all random numbers.
        inputs: Inputs by name, each a path or a sha256 that is already known.
        command: The command line.

    Returns:
        The record.

    Raises:
        FileError: An input cannot be read.
    """
    if isinstance(configuration, pydantic.BaseModel):
        configuration = configuration.model_dump(mode="json")
    return Provenance(
        configuration=dict(configuration or {}),
        seed=None if seed is None else operator.index(seed),
        versions=dict(_versions()),
        inputs={name: _fingerprint(value) for name, value in (inputs or {}).items()},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
    )
