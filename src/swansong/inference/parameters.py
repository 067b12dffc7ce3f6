"""Named parameters: the order, units, labels and limits of a parameter vector.

Everything in swansong that holds numbers per parameter, from a prior to a figure,
carries one `Parameters`, so that no code has to know which column is the mass.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, asdict, dataclass, fields
from difflib import get_close_matches
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.errors import InputError
from swansong.core.types import ArrayLike


@dataclass(frozen=True)
class Parameter:
    """One parameter: its name, how to print it and where it may lie.

    Attributes:
        name: Name, in bilby or PESummary spelling where they have one.
        unit: Unit as printed, for example ``"s"``; empty for a pure number.
        latex: Label with its dollar signs, for example ``"$M_f$"``; the name if empty.
        minimum: Smallest value the parameter can take, in `unit`.
        maximum: Largest value the parameter can take, in `unit`.
        periodic: Whether `minimum` and `maximum` are the same point.
    """

    name: str
    _: KW_ONLY
    unit: str = ""
    latex: str = ""
    minimum: float = -math.inf
    maximum: float = math.inf
    periodic: bool = False

    def __post_init__(self):
        if not self.name.isidentifier():
            raise InputError(f"`Parameter({self.name!r})` is not a name; give letters, digits and underscores")
        if not self.minimum < self.maximum:
            raise InputError(
                f"`Parameter({self.name!r})` has minimum {self.minimum} and maximum {self.maximum}; "
                "give a minimum below the maximum"
            )
        if self.periodic and not (math.isfinite(self.minimum) and math.isfinite(self.maximum)):
            raise InputError(
                f"`Parameter({self.name!r})` is periodic but has no finite period; give a finite minimum and maximum"
            )

    @property
    def label(self) -> str:
        """The label of an axis: LaTeX symbol and unit in brackets."""
        symbol = self.latex or self.name
        return f"{symbol} [{self.unit}]" if self.unit else symbol

    @property
    def period(self) -> float:
        """Length of the allowed range, in `unit`; infinite without two finite limits."""
        return self.maximum - self.minimum

    def wrap(self, values: ArrayLike) -> ArrayLike:
        """Bring values of a periodic parameter into ``[minimum, maximum)``.

        Args:
            values: Values of any shape, in `unit`. They are returned as they are
                unless the parameter is periodic.

        Returns:
            The wrapped values, of the same shape.
        """
        if not self.periodic:
            return values
        library = jnp if isinstance(values, jax.Array) else np
        wrapped = self.minimum + library.mod(values - self.minimum, self.period)
        # A value one rounding below the minimum would otherwise land on the maximum.
        return library.where(wrapped >= self.maximum, self.minimum, wrapped)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able values, an absent limit as None."""
        record = asdict(self)
        for limit in ("minimum", "maximum"):
            record[limit] = float(record[limit]) if math.isfinite(record[limit]) else None
        return record

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Parameter":
        """Rebuild a parameter from `to_dict`.

        Args:
            record: Fields by name; None stands for an absent limit.

        Returns:
            The parameter.

        Raises:
            InputError: If a field is unknown or the name is missing.
        """
        known = {field.name for field in fields(cls)}
        if "name" not in record or not set(record) <= known:
            raise InputError(f"a parameter record has the fields {sorted(record)}; give {sorted(known)}")
        return cls(**{key: value for key, value in record.items() if value is not None})


@dataclass(frozen=True)
class Parameters(Sequence):
    """An ordered set of parameters: what the last axis of an array means.

    Attributes:
        items: The parameters, in the order of the columns.
    """

    items: tuple[Parameter, ...]

    def __init__(self, items: Iterable[Parameter | str]):
        """Order the parameters; a plain string stands for an unlimited parameter."""
        parameters = tuple(Parameter(item) if isinstance(item, str) else item for item in items)
        names = [parameter.name for parameter in parameters]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise InputError(f"`Parameters` holds {repeated} more than once; give each name once")
        object.__setattr__(self, "items", parameters)

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.items)

    def __contains__(self, name: object) -> bool:
        return name in self.names or name in self.items

    def __getitem__(self, key):
        """Return a parameter by name or position."""
        if isinstance(key, str):
            return self.items[self.index(key)]
        return self.items[key]

    @property
    def names(self) -> tuple[str, ...]:
        """Names, in order."""
        return tuple(parameter.name for parameter in self.items)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of axes, LaTeX symbol with unit, in order."""
        return tuple(parameter.label for parameter in self.items)

    @property
    def periodic(self) -> tuple[bool, ...]:
        """Whether each parameter is periodic, in order."""
        return tuple(parameter.periodic for parameter in self.items)

    def index(self, name: str, *_: Any) -> int:
        """Return the column of a parameter.

        Args:
            name: Name of the parameter.

        Returns:
            Its position.

        Raises:
            InputError: If no parameter has this name.
        """
        if name not in self.names:
            near = get_close_matches(name, self.names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"give one of {list(self.names)}"
            raise InputError(f"there is no parameter {name!r}; {hint}")
        return self.names.index(name)

    def select(self, names: Iterable[str]) -> "Parameters":
        """Return the named parameters, in the order asked for.

        Raises:
            InputError: If a name is unknown.
        """
        return Parameters(self[name] for name in names)

    def pack(self, values: Mapping[str, Any]) -> ArrayLike:
        """Put values by name into one array.

        Args:
            values: One number or array for every parameter; shapes must broadcast.

        Returns:
            Array ``(..., parameters)``, a JAX array if any value is one, else float64 NumPy.

        Raises:
            InputError: If a parameter is missing or a name is unknown.
        """
        for name in values:
            self.index(name)
        missing = [name for name in self.names if name not in values]
        if missing:
            raise InputError(f"no value is given for {missing}; give every one of {list(self.names)}")
        ordered = [values[name] for name in self.names]
        if any(isinstance(value, jax.Array) for value in ordered):
            return jnp.stack(jnp.broadcast_arrays(*[jnp.asarray(value, dtype=float) for value in ordered]), axis=-1)
        return np.stack(np.broadcast_arrays(*[np.asarray(value, dtype=float) for value in ordered]), axis=-1)

    def unpack(self, array: ArrayLike) -> dict[str, ArrayLike]:
        """Take an array apart into values by name.

        Args:
            array: Array ``(..., parameters)``.

        Returns:
            An array ``(...)`` for every name.

        Raises:
            InputError: If the last axis has another length than there are parameters.
        """
        self.check(array)
        return {name: array[..., column] for column, name in enumerate(self.names)}

    def wrap(self, array: ArrayLike) -> ArrayLike:
        """Bring the periodic columns of an array ``(..., parameters)`` into their range."""
        return self.pack({p.name: p.wrap(column) for p, column in zip(self, self.unpack(array).values(), strict=True)})

    def contains(self, array: ArrayLike) -> np.ndarray:
        """Say which vectors lie within all limits.

        Args:
            array: Array ``(..., parameters)``.

        Returns:
            Boolean array ``(...)``, False where a value is NaN.
        """
        self.check(array)
        values = np.asarray(array)
        lower = np.array([parameter.minimum for parameter in self])
        upper = np.array([parameter.maximum for parameter in self])
        return np.all((values >= lower) & (values <= upper), axis=-1)

    def check(self, array: ArrayLike) -> None:
        """Refuse an array whose last axis is not these parameters.

        Raises:
            InputError: If the last axis has another length than there are parameters.
        """
        if np.ndim(array) == 0 or np.shape(array)[-1] != len(self):
            raise InputError(
                f"an array of shape {np.shape(array)} does not hold {len(self)} parameters in its last axis; "
                f"give one column for each of {list(self.names)}"
            )

    def to_list(self) -> list[dict[str, Any]]:
        """Return JSON-able records, in order."""
        return [parameter.to_dict() for parameter in self]

    @classmethod
    def from_list(cls, records: Iterable[Mapping[str, Any]]) -> "Parameters":
        """Rebuild the parameters from `to_list`.

        Raises:
            InputError: If a record has unknown fields or a name repeats.
        """
        return cls(Parameter.from_dict(record) for record in records)
