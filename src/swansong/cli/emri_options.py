"""Options of `swansong emri` that several verbs share: the problem, a source, a candidate; free of JAX."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from cyclopts import Parameter

from swansong.cli.options import Whole, at_least
from swansong.core.config import Config, as_dict, load, validate
from swansong.core.errors import ConfigError, FileError, InputError
from swansong.core.files import read_product
from swansong.emri.problem import PROBLEMS, Problem

SEARCH_KIND = "emri_search"
"""Kind of the product that a search writes."""

FEWEST_NOISE = 8
"""Searches of noise below which no law of it can be fitted."""

NAMES = ("log10_mass_1", "mass_2", "spin", "plunge_time", "final_eccentricity")
"""Parameters of a candidate, in the order of its parameter vector."""

ProblemFile: TypeAlias = Annotated[
    Path | None,
    Parameter(help="Problem: year, quick, showcase or a TOML file; `swansong emri init` writes one."),
]
"""A problem by name or as TOML; the defaults, which are those of year, without it."""

_LIMITS = {
    "mass_1": (0.0, math.inf, "solar masses in the detector frame"),
    "mass_2": (0.0, math.inf, "solar masses in the detector frame"),
    "spin": (-1.0, 1.0, "a number between -1 and 1"),
    "plunge_time": (0.0, 100.0, "years after the start of the data"),
    "final_eccentricity": (-1e-300, 1.0, "a number from 0 to below 1"),
    "snr": (0.0, math.inf, "a signal-to-noise ratio such as 30"),
}


def load_problem(
    path: Path | None,
    overrides: Sequence[str],
    options: Mapping[str, tuple[str, Any]] | None = None,
    *,
    base: Problem | None = None,
) -> Problem:
    """Read a problem with what stands on the command line in the place of its keys.

    Args:
        path: A TOML file or the name of a packaged problem; None takes the defaults.
        overrides: Texts section.key=value.
        options: Option and value by the key that it sets; None is not given.
        base: A problem to start from in place of a file.

    Returns:
        The problem.

    Raises:
        FileError: The file is missing or cannot be read.
        ConfigError: It holds a wrong key or value.
    """
    given = {key: (option, value) for key, (option, value) in (options or {}).items() if value is not None}
    own = [f"{key}={value if isinstance(value, str) else repr(value)}" for key, (_, value) in given.items()]
    try:
        if base is not None and not overrides and not own:
            return base
        if base is not None:
            return _changed(base, overrides)
        return load(Problem, None if path is None else PROBLEMS.get(str(path), path), overrides=[*overrides, *own])
    except ConfigError as error:
        text = str(error)
        for (key, (option, _)), override in zip(given.items(), own, strict=True):
            text = text.replace(f"--set {override}", option).replace(f"--set {key}=", f"{option} ")
        raise ConfigError(text) from error


def _changed(base: Config, overrides: Sequence[str]) -> Problem:
    """Override keys of a problem that is there already, through the checks that files pass."""
    values = as_dict(base)
    # What is asked for is read by itself first, for its messages and its types.
    asked = load(Problem, None, overrides=overrides)
    for override in overrides:
        parts = [part.strip() for part in override.partition("=")[0].split(".")]
        target, read = values, as_dict(asked)
        for part in parts[:-1]:
            target, read = target[part], read[part]
        target[parts[-1]] = read[parts[-1]]
    return validate(Problem, _without_none(values), source="the candidate's problem")


def _without_none(value: Any) -> Any:
    """Leave out keys that are not set."""
    if isinstance(value, Mapping):
        return {name: _without_none(inner) for name, inner in value.items() if inner is not None}
    return [_without_none(inner) for inner in value] if isinstance(value, list) else value


def data_file(path: Path) -> Path:
    """Find a data file.

    Raises:
        FileError: It does not exist.
    """
    found = path.expanduser()
    if found.is_dir() and (found / "data.h5").is_file():
        return found / "data.h5"
    if not found.is_file():
        raise FileError(f"the data `{path}` do not exist; give an HDF5 file, `swansong emri simulate` makes one")
    return found


def _check_source(values: Mapping[str, float | None]) -> None:
    """Refuse parameters that no source has."""
    for name, value in values.items():
        if value is None:
            continue
        low, high, what = _LIMITS[name]
        if not (math.isfinite(value) and low < value and (value < high or (name == "plunge_time" and value <= high))):
            raise InputError(f"`--{name.replace('_', '-')}` is {value:g}, which no inspiral has; give {what}")
    mass_1, mass_2 = values.get("mass_1"), values.get("mass_2")
    if mass_1 is not None and mass_2 is not None and mass_2 > 0.01 * mass_1:
        raise InputError(
            f"`--mass-2` is {mass_2:g}, over 1 % of `--mass-1` {mass_1:g}; the central hole is `--mass-1`, give an "
            "extreme mass ratio"
        )


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TrackOptions:
    """Parameters of one inspiral."""

    mass_1: float
    """Mass of the central hole, detector frame [solar masses]."""
    mass_2: float
    """Mass of the companion, detector frame [solar masses]."""
    spin: float
    """Spin of the central hole, negative for a retrograde orbit."""
    plunge_time: float
    """Time of plunge after the start of the data [yr]."""
    final_eccentricity: float
    """Eccentricity at plunge."""

    def values(self) -> dict[str, float]:
        """The parameters by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def check(self) -> None:
        """Refuse parameters that no source has.

        Raises:
            InputError: A parameter is out of range.
        """
        _check_source(self.values())


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """One source to simulate, all of its parameters or none."""

    mass_1: float | None = None
    """Mass of the central hole, detector frame [solar masses]."""
    mass_2: float | None = None
    """Mass of the companion, detector frame [solar masses]."""
    spin: float | None = None
    """Spin of the central hole, negative for a retrograde orbit."""
    plunge_time: float | None = None
    """Time of plunge after the start of the data [yr]."""
    final_eccentricity: float | None = None
    """Eccentricity at plunge."""
    snr: float | None = None
    """Signal-to-noise ratio of the source in the searched channel."""

    def as_override(self) -> dict[str, tuple[str, str | None]]:
        """What these options set in the problem: its sources.

        Raises:
            InputError: Some but not all parameters are given, or one is out of range.
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        given = {name: value for name, value in values.items() if value is not None}
        if not given:
            return {}
        missing = [f"`--{name.replace('_', '-')}`" for name in values if name not in given and name != "snr"]
        if missing:
            raise InputError(f"A source needs all its parameters, {', '.join(missing)} is missing; give it too")
        _check_source(given)
        inner = ", ".join(f"{name} = {value!r}" for name, value in given.items())
        return {"source": ("--mass-1 and its like", f"[{{ {inner} }}]")}


@dataclass(frozen=True)
class Candidate:
    """A candidate to follow up.

    Attributes:
        theta: Its parameters by name.
        problem: The problem of the search that found it, where one did.
        file: The result of that search.
    """

    theta: dict[str, float]
    problem: Problem | None = None
    file: Path | None = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class CandidateOptions:
    """A candidate, from a file or by its parameters."""

    candidate: Path | None = None
    """Result of a search (search.h5)."""
    rank: Whole = 1
    """Which of its candidates, the best being 1."""
    log10_mass_1: float | None = None
    """Mass of the central hole, log10 of solar masses."""
    mass_2: float | None = None
    """Mass of the companion [solar masses]."""
    spin: float | None = None
    """Spin of the central hole."""
    plunge_time: float | None = None
    """Time of plunge after the start of the data [yr]."""
    final_eccentricity: float | None = None
    """Eccentricity at plunge."""

    def resolve(self) -> Candidate:
        """Find the candidate.

        Raises:
            FileError: The result is missing or holds no search.
            InputError: There is no candidate of this rank, parameters are missing or out of range,
                or both ways of naming one are used.
        """
        given: dict[str, float] = {name: getattr(self, name) for name in NAMES if getattr(self, name) is not None}
        if self.candidate is not None:
            if given:
                raise InputError("`--candidate` and parameters of a candidate are given; leave one of them out")
            return self._from_file(self.candidate.expanduser())
        missing = [f"`--{name.replace('_', '-')}`" for name in NAMES if name not in given]
        if len(missing) == len(NAMES):
            raise InputError(
                "There is no candidate; give `--candidate search.h5`, or its parameters `--log10-mass-1` ..."
            )
        if missing:
            raise InputError(f"A candidate needs all its parameters, {', '.join(missing)} is missing; give it too")
        if not given["log10_mass_1"] < 100.0:
            raise InputError(f"`--log10-mass-1` is {given['log10_mass_1']:g}; give a logarithm to base ten, such as 6")
        others = {name: value for name, value in given.items() if name != "log10_mass_1"}
        _check_source({"mass_1": 10.0 ** given["log10_mass_1"], **others})
        return Candidate(dict(given))

    def _from_file(self, path: Path) -> Candidate:
        at_least(self.rank, 1, option="--rank")
        product = read_product(path, kind=SEARCH_KIND)
        rows = product.arrays["theta"]
        if self.rank > len(rows):
            raise InputError(f"`--rank` is {self.rank}, but `{path}` holds {len(rows)} candidates; give a smaller one")
        theta: dict[str, float] = dict(zip(NAMES, map(float, rows[self.rank - 1]), strict=True))
        configuration = json.loads(json.dumps(product.provenance.configuration.get("problem", {})))
        problem = validate(Problem, _without_none(configuration), source=str(path))
        return Candidate(theta, problem, path)
