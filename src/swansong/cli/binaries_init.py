"""`swansong binaries init`: a commented TOML file to start from."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from swansong.binaries.background.settings import Background
from swansong.binaries.learnt.settings import RECIPES, Recipe
from swansong.binaries.nbody.settings import EnsembleSettings
from swansong.cli.binaries_learnt import RECIPE_NAMES
from swansong.cli.binaries_simulate import PROBLEMS
from swansong.cli.options import Flag
from swansong.cli.output import write_beginning
from swansong.core.config import Config, load, template
from swansong.core.errors import FileError

_TITLE = "{what}; every key may be left out.\nUse it with: {use}"


def add(app: App) -> None:
    """Add `init` to the verbs of binaries.

    Args:
        app: The app of `swansong binaries`.
    """
    init.__doc__ = (init.__doc__ or "").replace("NAMES", ", ".join(_BEGINNINGS))
    app.command(init)


def init(
    name: str = "merger",
    /,
    *,
    out: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None,
    force: Flag = False,
) -> None:
    """Write a commented TOML file to start from.

    Example: `swansong binaries init background --out background.toml`

    Args:
        name: One of NAMES.
        out: The file, `-` for stdout; by default NAME.toml in this folder.
        force: Write over an existing file.
    """
    if name not in _BEGINNINGS:
        raise FileError(f"There is nothing named {name!r} to start from; give one of {', '.join(_BEGINNINGS)}")
    make, what, use = _BEGINNINGS[name]
    text = template(make(), title=_TITLE.format(what=what, use=use))
    write_beginning(text, name=name, out=out, force=force, use=use)


_SIMULATE, _TRAIN = "swansong binaries simulate FILE", "swansong binaries train FILE"

_BEGINNINGS: dict[str, tuple[Callable[[], Config], str, str]] = {
    "merger": (EnsembleSettings, "One merger of two galaxies", _SIMULATE),
    **{
        name: (lambda path=path: load(EnsembleSettings, path), "An ensemble of mergers", _SIMULATE)
        for name, path in PROBLEMS.items()
    },
    **{
        name: (lambda name=name: load(Recipe, RECIPES / f"{name}.toml"), "A training recipe of learnt orbits", _TRAIN)
        for name in RECIPE_NAMES
    },
    "background": (Background, "A background of pairs that merge", "swansong binaries background FILE"),
}
"""What there is to start from by name: how it is made, what it is and which command takes it."""
