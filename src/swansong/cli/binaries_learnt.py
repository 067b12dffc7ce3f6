"""What the verbs of learnt orbits share: mergers to learn from and recipes; JAX waits for valid arguments."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from cyclopts import Parameter

from swansong.binaries.learnt.settings import RECIPES
from swansong.core.errors import FileError
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
