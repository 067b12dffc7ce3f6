"""What the verbs of learnt orbits share: mergers to learn from and recipes; JAX waits for valid arguments."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from cyclopts import Parameter

from swansong.binaries.learnt.settings import RECIPES, Recipe
from swansong.core.config import load
from swansong.core.errors import FileError, InputError
from swansong.core.files import read_product

if TYPE_CHECKING:
    from swansong.binaries.trajectories import Trajectory

RECIPE_NAMES = tuple(sorted(path.stem for path in RECIPES.glob("*.toml")))
"""Recipes that ship with the package."""

DATA = RECIPES.parents[1] / "data" / "ensemble.h5"
"""Mergers that ship with the package."""

_KIND = "binary_trajectories"  # kind of the product; its module is imported once the arguments are valid

Estimator: TypeAlias = Literal["paper", "rates"]
"""Which learnt equation."""

Mergers: TypeAlias = Annotated[
    tuple[Path, ...],
    Parameter(
        name="--data",
        negative="",
        show_default=False,
        consume_multiple=True,
        help="Files of mergers (HDF5, repeatable) instead of the ensemble that ships with swansong.",
    ),
]
"""Files of mergers."""


def merger_files(data: Sequence[Path]) -> tuple[Path, ...]:
    """Find the files of mergers.

    Args:
        data: Files that the user gave; the packaged ensemble if none.

    Returns:
        The paths.

    Raises:
        FileError: A file is missing or holds something else, or none is packaged.
    """
    if not data and not DATA.is_file():
        raise FileError("no mergers are packaged; make some by `swansong binaries simulate` and give `--data`")
    found = tuple(path.expanduser() for path in data) or (DATA,)
    for path in found:
        read_product(path, kind=_KIND)
    return found


def read_mergers(files: Sequence[Path]) -> "list[Trajectory]":
    """Read all mergers of some files."""
    from swansong.binaries.trajectories import read_trajectories

    return [one for path in files for one in read_trajectories(path)]


def origin_warnings(mergers: "Sequence[Trajectory]") -> tuple[str, ...]:
    """A sentence where mergers are no N-body runs."""
    made = sum(one.merger.origin == "synthetic" for one in mergers)
    return (f"{made} of the {len(mergers)} mergers are synthetic: no astrophysics may rest on them",) if made else ()


def load_recipe(name: str, overrides: Sequence[str], *, max_seconds: float | None = None) -> Recipe:
    """Read a training recipe, packaged or the user's.

    Args:
        name: A name or a path.
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
    if name not in RECIPE_NAMES and not (name.endswith(".toml") or Path(name).is_file()):
        raise FileError(f"There is no recipe {name!r}; give a TOML file or one of {', '.join(RECIPE_NAMES)}")
    path = RECIPES / f"{name}.toml" if name in RECIPE_NAMES else Path(name)
    own = () if max_seconds is None else (f"training.max_seconds={float(max_seconds)!r}",)
    return load(Recipe, path, overrides=[*overrides, *own])
