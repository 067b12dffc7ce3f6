"""Finding and reading the configurations of a system: problems and recipes, packaged or the user's."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from swansong.core.config import Config, load
from swansong.core.errors import ConfigError, FileError, InputError

Schema = TypeVar("Schema", bound=Config)


@dataclass(frozen=True)
class System:
    """What a system brings for the verbs that all systems share.

    Attributes:
        name: Its name on the command line.
        noun: What its problems are called.
        problem: Schema of a problem; it has a section `data` with `detectors` and a section
            `prior` with `minimum_snr`.
        recipe: Schema of a training recipe, a problem with more keys.
        network: The trained estimator that is taken where none is named.
        estimator: Annotation of the estimators that `check` knows.
        folder: Folder of the TOML files that ship with the package.
        problems: Files of problems by the names that `init` knows, the default first; None
            stands for the defaults of the schema.
        runs: Module with `simulate`, `train` and `check`, imported when one of them runs.
    """

    name: str
    noun: str
    problem: type[Config]
    recipe: type[Config]
    network: str
    estimator: Any
    folder: Path
    problems: Mapping[str, Path | None]
    runs: str

    @property
    def schemas(self) -> dict[str, type[Config]]:
        """Configurations by what they are, the more special ones last."""
        return {f"{self.noun} problem": self.problem, f"{self.noun} training recipe": self.recipe}

    @property
    def recipes(self) -> tuple[str, ...]:
        """Names of the training recipes that ship with the package."""
        return tuple(sorted(path.stem for path in self.folder.glob("*.toml") if path.stem not in self.problems))


@dataclass(frozen=True)
class Given:
    """What stands on the command line in the place of keys.

    Attributes:
        overrides: Texts section.key=value.
        options: Option and value by the key that it sets; None is not given.
        detectors: Detectors of the strain files, in order.
        open_prior: Whether strain files lift a cut on the signal-to-noise ratio that is not
            set: a measured event need not pass it.
    """

    overrides: Sequence[str] = ()
    options: Mapping[str, tuple[str, Any]] = field(default_factory=dict)
    detectors: tuple[str, ...] = ()
    open_prior: bool = True


def load_problem(system: System, path: Path | None, given: Given) -> Any:
    """Read a problem; strain files bring their detectors and, unless one is set, no cut on the signal.

    Args:
        system: The system.
        path: A TOML file or the name of a packaged problem; None takes the defaults.
        given: What the command line says.

    Returns:
        The problem, of the system's own class.

    Raises:
        FileError: The file is missing or cannot be read.
        ConfigError: It holds a wrong key or value.
        InputError: A detector is unknown or named twice.
    """
    packaged = None if path is None else system.problems.get(str(path))
    found = packaged or path
    problem: Any = load_given(system.problem, found, given)
    if given.detectors:
        own = [f"data.detectors={json.dumps(list(given.detectors))}"]
        if given.open_prior and "minimum_snr" not in problem.prior.model_fields_set:
            own.append("prior.minimum_snr=0.0")
        problem = load_given(system.problem, found, Given([*given.overrides, *own], given.options))
    check_detectors(problem.data.detectors)
    return problem


def load_recipe(system: System, name: str, given: Given) -> Any:
    """Read a training recipe, packaged or the user's; see `load_problem`."""
    recipe: Any = load_given(system.recipe, recipe_path(system, name), given)
    check_detectors(recipe.data.detectors)
    return recipe


def named_recipe(
    schema: type[Schema], name: str, *, folder: Path, overrides: Sequence[str] = (), max_seconds: float | None = None
) -> Schema:
    """Read a training recipe, packaged or the user's.

    Args:
        schema: Schema of the recipes.
        name: A name or a path.
        folder: Folder of the packaged ones.
        overrides: Texts section.key=value.
        max_seconds: Time after which to stop [s].

    Returns:
        The recipe.

    Raises:
        FileError: There is no such recipe.
        ConfigError: It holds a wrong key or value.
        InputError: The time is not positive.
    """
    if max_seconds is not None and not 0.0 < max_seconds < math.inf:
        raise InputError(f"`--max-seconds` must be positive, got {max_seconds:g}; give 600 for ten minutes")
    packaged = {path.stem: path for path in sorted(folder.glob("*.toml"))}
    if name not in packaged and not (name.endswith(".toml") or Path(name).is_file()):
        raise FileError(f"There is no recipe {name!r}; give a TOML file or one of {', '.join(packaged)}")
    own = () if max_seconds is None else (f"training.max_seconds={float(max_seconds)!r}",)
    return load(schema, packaged.get(name, Path(name)), overrides=[*overrides, *own])


def load_given(schema: type[Schema], path: Path | None, given: Given) -> Schema:
    """Read a configuration with options such as `--dec` in the place of its keys.

    Args:
        schema: Its schema.
        path: TOML file; defaults without one.
        given: Overrides and options.

    Returns:
        The configuration.

    Raises:
        FileError: The file does not exist.
        ConfigError: It, an override or an option holds a wrong key or value.
    """
    options = {key: (option, value) for key, (option, value) in given.options.items() if value is not None}
    own = [f"{key}={value!r}" for key, (_, value) in options.items()]
    try:
        return load(schema, path, overrides=[*given.overrides, *own])
    except ConfigError as error:
        text = str(error)
        for key, (option, _) in options.items():
            text = text.replace(f"--set {key}=", f"{option} ")
        raise ConfigError(text) from error


def check_detectors(names: Sequence[str]) -> None:
    """Look every detector up, before anything is computed.

    Raises:
        InputError: There is none, one is named twice or unknown.
    """
    if not names or len(set(names)) < len(names):
        msg = f"`data.detectors` must list one or more different detectors, got {list(names)}; name each once"
        raise InputError(msg)
    # Only here, because it loads all of signal processing.
    from swansong.signals.detectors import detector

    for name in names:
        try:
            detector(name)
        except InputError as error:
            known = str(error).partition(";")[0].replace("`detector(name)`", "Every entry of `data.detectors`")
            msg = f"{known}; mend it there or in `--strain`"
            raise InputError(msg) from error


def recipe_path(system: System, name: str, *, packaged_only: bool = False) -> Path:
    """Find a training recipe: a file, or one that ships with the package.

    Args:
        system: The system.
        name: A path or a name.
        packaged_only: Take names only.

    Returns:
        The path.

    Raises:
        FileError: There is no such recipe.
    """
    if name in system.recipes:
        return system.folder / f"{name}.toml"
    if not packaged_only and (name.endswith(".toml") or Path(name).is_file()):
        return Path(name)
    other = ", ".join(f"`{problem}`" for problem in system.problems) if packaged_only else "a TOML file"
    msg = f"There is no recipe {name!r}; give {other} or one of {', '.join(system.recipes)}"
    raise FileError(msg)
