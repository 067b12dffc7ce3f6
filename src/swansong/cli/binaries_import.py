"""`swansong binaries import`: black holes of another code as mergers; the reader waits for valid arguments.

A table holds two black holes through one merger, in one of these shapes:

* HDF5 with a group, or a compound data set, for each black hole: time, position (n, 3), velocity (n, 3) and mass, under
  their usual names (t, x, v, m; time, pos, vel, mass; Times, Coordinates, Velocities, Masses; physical_position and
  physical_velocity). The time may stand once beside them, a mass may be one number, and an attribute
  `units` of a data set goes before the options.
* Text with the columns t, x1, y1, z1, vx1, vy1, vz1, m1, x2 and so on to m2: in this order, or in any order below a
  header with these names; blanks, commas or semicolons between them, lines that begin with # are comments.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from swansong.binaries.nbody.settings import ENERGY_TOLERANCE
from swansong.binaries.readers import TableUnits
from swansong.binaries.units import Units
from swansong.cli.options import LARGEST_SEED, Called, Invocation, RunOptions, Whole, at_least, positive
from swansong.cli.output import choose_folder, number, plain, present
from swansong.core.errors import DataError, FileError, InputError

if TYPE_CHECKING:
    from swansong.binaries.trajectories import Trajectory
    from swansong.cli.binaries_written import Told

_OWN = ("nbody", "surrogate")  # origins of trajectories that no table has
_HEAVIEST = 1.0  # black holes in units of all stars: more is a wrong unit
_HASTE, _SHARE = 3.0, 0.9  # rows in which a pair may not move farther than so many times what its velocity allows
_COLUMNS = {"table": "left", "seed": "right", "rows": "right", "until": "right", "bound at": "right",
            "1/a at the end": "right", "e at the end": "right"}  # fmt: skip


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class UnitOptions:
    """Units of tables that do not tell them; `nbody`, or a unit with a factor before it where needed."""

    time_unit: str = "nbody"
    """Unit of times: nbody, yr, kyr, Myr, Gyr, s or kpc/(km/s)."""
    position_unit: str = "nbody"
    """Unit of positions: nbody, pc, kpc, au, m or cm; '3 kpc' is one too."""
    velocity_unit: str = "nbody"
    """Unit of velocities: nbody, km/s, m/s, cm/s, pc/Myr or kpc/Gyr."""
    mass_unit: str = "nbody"
    """Unit of masses: nbody, Msun, kg or g; '1e10 Msun' is one too."""
    galaxy_mass: float = 2e10
    """Stars of both galaxies, the N-body unit of mass [solar masses]."""
    scale_radius: float = 186.0
    """Scale radius of a galaxy, the N-body unit of length [pc]."""

    def resolve(self) -> TableUnits:
        """The units, checked.

        Raises:
            InputError: A unit is not known, or a size is not positive.
        """
        positive("--galaxy-mass", self.galaxy_mass, unit="solar masses")
        positive("--scale-radius", self.scale_radius, unit="parsecs")
        scale = Units(self.galaxy_mass, self.scale_radius)
        return TableUnits(self.time_unit, self.position_unit, self.velocity_unit, self.mass_unit, scale)


@Parameter(name="*")
@dataclass(frozen=True)
class ImportOptions(RunOptions):
    """Options of a command that numbers realisations and draws nothing."""

    seed: Whole = 0
    """Number of the first table's realisation; the others count up from it."""


def add(app: App) -> None:
    """Add `import` to the verbs of binaries.

    Args:
        app: The app of `swansong binaries`.
    """
    app.command(import_tables, name="import")


def import_tables(
    tables: Annotated[tuple[Path, ...], Parameter(show_default=False)] = (),
    /,
    *,
    eccentricity: float,
    particles: Whole,
    units: UnitOptions = UnitOptions(),
    name: str = "table",
    groups: Annotated[tuple[str, str] | None, Parameter(show_default=False)] = None,
    run: ImportOptions = ImportOptions(),
    called: Called = Invocation(),
) -> None:
    """Turn black-hole tables of other codes, such as KETJU or Griffin, into mergers that all verbs of binaries read.

    A table, HDF5 or text, has times, positions, velocities and masses of two black holes through one merger. HDF5: a
    group or compound data set for each black hole with time, position (n, 3), velocity (n, 3) and mass under their
    usual names (t, x, v, m; time, pos, vel, mass; Times, Coordinates, Velocities, Masses; physical_position and
    physical_velocity), the time perhaps beside them; its attributes `units` go before the options. Text:
    columns t x1 y1 z1 vx1 vy1 vz1 m1 x2 y2 z2 vx2 vy2 vz2 m2, or in any order below a header with these names.

    Example: `swansong binaries import run_0.hdf5 run_1.hdf5 --eccentricity 0.9 --particles 100000 --name ketju
    --time-unit Gyr --position-unit kpc --velocity-unit km/s --mass-unit Msun --out runs/ketju`

    Args:
        tables: Tables of one kind of merger, each of them one realisation.
        eccentricity: Eccentricity of the orbit of the galaxies, which no table tells.
        particles: Stars of both galaxies together, which no table tells.
        units: Units of tables that do not tell them, and the size of the N-body units.
        name: Name of the code that made the tables.
        groups: The two black holes to take, by the names of their groups, where a file has more.
        run: Seed of the first table, output and display.
        called: How the command was called.
    """
    if not tables:
        raise InputError("No table was given; give one or more files of black holes")
    if not 0.0 <= eccentricity < 1.0:
        raise InputError(f"`--eccentricity` must lie in [0, 1), got {eccentricity:g}; give that of the galaxies' orbit")
    at_least(particles, 1, option="--particles")
    known = units.resolve()
    if not name.strip() or name in _OWN:
        raise InputError(f"`--name` must be the name of another code, got {name!r}; give one such as ketju")
    run.check()
    if run.seed + len(tables) - 1 > LARGEST_SEED:
        raise InputError(
            f"`--seed` {run.seed} leaves no numbers up to {LARGEST_SEED} for {len(tables)} tables; give a smaller one"
        )
    files = tuple(path.expanduser() for path in tables)
    for place, path in enumerate(files):
        if not path.is_file():
            raise FileError(f"`{path}` is no file; give a table of black holes")
        if path.resolve() in [other.resolve() for other in files[:place]]:
            raise InputError(f"`{path}` was given twice; each table is a realisation of its own")
    folder = choose_folder(run.out, default="binaries-import", force=run.force)
    began = time.perf_counter()
    found = [
        _read(path, eccentricity=eccentricity, particles=particles, seed=run.seed + place, origin=name, units=known,
              groups=groups or ())
        for place, path in enumerate(files)
    ]  # fmt: skip
    seconds = time.perf_counter() - began
    configuration = {
        "eccentricity": eccentricity, "particles": particles, "origin": name, "groups": list(groups or ()),
        "time_unit": known.time, "position_unit": known.position, "velocity_unit": known.velocity,
        "mass_unit": known.mass, "galaxy_mass": known.scale.mass, "scale_radius": known.scale.length,
    }  # fmt: skip
    done = _write(
        found, files, configuration=configuration, scale=known.scale, seconds=seconds, folder=folder,
        command=called.command, run=run,
    )  # fmt: skip
    present(done, run)


def _read(path: Path, *, groups: Sequence[str], **merger: Any) -> "Trajectory":
    """Read one table.

    Raises:
        FileError: It is damaged or neither HDF5 nor text.
        DataError: It holds no two orbits, an unknown unit, or masses in other units than told.
    """
    from swansong.binaries.readers import read_black_holes

    try:
        one = read_black_holes(path, names=groups, **merger)
    except InputError as error:
        # What refuses a unit or times does not know the file.
        if str(path) in str(error):
            raise
        raise DataError(f"`{path}`: {error}") from error
    if one.mu > _HEAVIEST:
        raise DataError(
            f"the black holes of `{path}` weigh {one.mu:.3g} times the stars of both galaxies; give `--mass-unit` and "
            "`--galaxy-mass`"
        )
    return one


def _write(
    found: "Sequence[Trajectory]",
    files: Sequence[Path],
    *,
    configuration: dict[str, Any],
    scale: Units,
    seconds: float,
    folder: Path,
    command: str,
    run: RunOptions,
) -> "Told":
    """Write product, JSON object, table, figure and page."""
    import numpy as np

    from swansong.binaries.trajectories import write_trajectories
    from swansong.cli.binaries_written import Told, write_table
    from swansong.core.files import prepare_output, write_text
    from swansong.core.hashing import canonical_json
    from swansong.core.provenance import collect
    from swansong.figures import save_figure
    from swansong.figures.binaries_orbits import separation_figure
    from swansong.report.pairs import read_pairs

    inputs = {f"table_{place}": path for place, path in enumerate(files)}
    provenance = collect(configuration=configuration, seed=run.seed, inputs=inputs, command=command)
    prepare_output(folder, force=run.force)
    written = {"trajectories": folder / "trajectories.h5"}
    write_trajectories(written["trajectories"], found, provenance=provenance, force=run.force)
    columns = {
        "table": np.array([path.name for path in files]),
        "seed": np.array([one.merger.seed for one in found]),
        "rows": np.array([len(one) for one in found]),
        "mass_1": np.array([one.merger.mass_1 for one in found]),
        "mass_2": np.array([one.merger.mass_2 for one in found]),
        "begin": np.array([one.time[0] for one in found]),
        "end": np.array([one.time[-1] for one in found]),
        "binding_time": np.array([one.binding_time for one in found]),
        "final_inverse_semi_major_axis": np.array([1.0 / one.axis[-1] for one in found]),
        "final_eccentricity": np.array([one.eccentricity[-1] for one in found]),
    }
    binding = columns["binding_time"]
    bound = np.isfinite(binding)
    facts: dict[str, Any] = {
        "mergers": len(found),
        "bound": int(bound.sum()),
        "tables": [str(path) for path in files],
        "seed": run.seed,
        **configuration,
        "speed_of_light": scale.speed_of_light,
        "energy_error": {"median": None, "largest": None, "tolerance": ENERGY_TOLERANCE},
        "binding_time": float(np.median(binding[bound])) if bound.any() else None,
        **{key: columns[key].tolist() for key in ("final_inverse_semi_major_axis", "final_eccentricity")},
        "seconds": seconds,
    }
    warnings = _warnings(found, files)
    written["json"] = folder / "import.json"
    said = plain({"system": "binaries", **facts, "warnings": list(warnings)})
    write_text(written["json"], canonical_json(said) + "\n")
    written["csv"] = folder / "mergers.csv"
    text = "Mergers of another code; N-body units, G = 1, stars of both galaxies 1, scale radius 1"
    write_table(written["csv"], columns, comments=(text, f"Made by `{command}`"))
    first, merger = found[0], found[0].merger
    written["separation"] = folder / "separation.png"
    figure = separation_figure(
        first.time, separation=first.separation, axis=first.axis, binding=first.binding_time if bound[0] else None,
        title=f"{files[0].name}: e_gal = {merger.eccentricity:g}, {merger.particles} stars",
    )  # fmt: skip
    save_figure(figure, written["separation"])
    written |= read_pairs(written["trajectories"]).write(folder)
    told = {
        "bound": f"{facts['bound']} of {len(found)}",
        "unit of time": f"{number(scale.time)} Myr, speed of light {number(scale.speed_of_light, digits=5)}",
        "energy error": "not known, no table tells it",
    }
    rows = tuple(
        (
            path.name, str(one.merger.seed), str(len(one)), number(one.time[-1]), number(one.binding_time),
            number(1.0 / one.axis[-1], digits=3), number(one.eccentricity[-1], digits=3),
        )
        for path, one in zip(files, found, strict=True)
    )  # fmt: skip
    headline = f"{len(found)} merger{'' if len(found) == 1 else 's'} of {merger.origin}"
    return Told(headline, facts, told, folder, written, warnings, _COLUMNS, rows)


def _warnings(found: "Sequence[Trajectory]", files: Sequence[Path]) -> tuple[str, ...]:
    """Sentences that limit the result."""
    said = []
    for one, path in zip(found, files, strict=True):
        haste = _haste(one)
        if haste > _HASTE:
            said.append(
                f"the pair of `{path}` moves {haste:.3g} times as far between rows as its velocities allow; check the "
                "units of time, position and velocity"
            )
    loose = sum(math.isnan(one.binding_time) for one in found)
    if loose:
        said.append(f"{loose} of {len(found)} pairs are not bound at the end; what needs a hard pair leaves them out")
    return tuple(said)


def _haste(one: "Trajectory") -> float:
    """Change of the separation from row to row over what the larger velocity of the two allows.

    It is at most about one, and less where rows are farther apart than an orbit is long; units that do not belong
    together can make it larger.
    """
    import numpy as np

    speed = np.sqrt(np.maximum(2.0 * (one.energy + one.mu / one.separation), 0.0))
    allowed = np.maximum(speed[1:], speed[:-1]) * np.diff(one.time)
    change = np.abs(np.diff(one.separation))
    return float(np.quantile(change / np.maximum(allowed, np.finfo(float).tiny), _SHARE))
