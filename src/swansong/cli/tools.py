"""Commands that belong to no system: `report`, `show` and `cite`."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swansong.cli.citations import LIBRARIES, PAPERS, SOFTWARE, Citation
from swansong.cli.options import ShowOptions
from swansong.cli.output import Result, Screen, present
from swansong.core.config import as_dict, load, read_toml
from swansong.core.errors import ConfigError, FileError, InputError

if TYPE_CHECKING:
    from swansong.core.files import ProductInfo
    from swansong.signals.lisa_files import LisaData
    from swansong.signals.strain import Strain

_LONGEST = 110  # characters of one fact on the screen
_SET_KIND = "emri_amplitudes"
_ABOUT = {
    "emri_orbit_amplitudes": "amplitudes of the strongest modes of one orbit; `swansong report` draws its folder",
    "emri_amplitudes_check": "a model of amplitudes against solved orbits; `swansong report` draws its folder",
    _SET_KIND: "amplitudes of solved orbits; `swansong emri amplitudes check` judges a model on them",
    "emri_radial_functions": "radial functions of the Teukolsky equation, tabulated for amplitudes at infinity",
    "emri_radial_functions_up": "radial functions of the Teukolsky equation, tabulated for amplitudes at the horizon",
}
"""What products are whose kind does not say it."""


def report(run: Path, /, *, show_options: ShowOptions = ShowOptions()) -> None:
    """Draw the figures of a run folder again and write its report.html anew, from its products.

    Example: `swansong report runs/demo`

    Args:
        run: Folder of a run.
        show_options: How to show the answer.
    """
    # Before the figures' libraries are loaded, which takes a second.
    if not run.is_dir():
        what = "is a file" if run.exists() else "does not exist"
        msg = f"`{run}` {what}; give the folder of a run, for example runs/demo"
        raise FileError(msg)
    from swansong.report import read_run

    present(Reported(run, read_run(run).write(run)), show_options)


def show(file: Path, /, *, show_options: ShowOptions = ShowOptions()) -> None:
    """Say what a file is, what is in it and who made it: a product, a TOML file, strain or LISA data.

    Example: `swansong show runs/demo/posterior.h5`

    Args:
        file: The file.
        show_options: How to show the answer.
    """
    if file.is_dir():
        msg = f"`{file}` is a folder; give a file in it, or write its page with `swansong report {file}`"
        raise FileError(msg)
    if not file.is_file():
        msg = f"`{file}` does not exist; check the path"
        raise FileError(msg)
    shown: Result
    if file.suffix.lower() == ".toml":
        shown = _configuration(file)
    elif _is_lisa(file):
        from swansong.signals.lisa_files import read_lisa

        shown = ShownLisa(file, read_lisa(file))
    elif _is_strain(file):
        from swansong.signals.strain_files import read_strain

        shown = ShownStrain(read_strain(file))
    else:
        from swansong.core.files import describe_product

        info = describe_product(file)
        shown = ShownProduct(info, _set_size(file) if info.kind == _SET_KIND else "")
    present(shown, show_options)


def cite(system: str | None = None, /, *, show_options: ShowOptions = ShowOptions()) -> None:
    """List what to cite: swansong, the papers behind a system and the libraries.

    Example: `swansong cite ringdown`

    Args:
        system: One system only.
        show_options: How to show the answer.
    """
    if system is not None and system not in PAPERS:
        msg = f"There is no system {system!r}; give one of {', '.join(PAPERS)}"
        raise InputError(msg)
    chosen = {name: papers for name, papers in PAPERS.items() if system in (None, name)}
    present(Citations(chosen), show_options)


@dataclass(frozen=True)
class Reported:
    """Files of a report that was written again."""

    folder: Path
    files: Mapping[str, Path]

    def to_json(self) -> dict[str, Any]:
        """Folder and files."""
        return {"run": str(self.folder), "files": {name: str(path) for name, path in self.files.items()}}

    def show(self, screen: Screen) -> None:
        """Name the files."""
        screen.files(self.folder, self.files)


@dataclass(frozen=True)
class Citations:
    """What to cite."""

    papers: Mapping[str, tuple[Citation, ...]]

    def to_json(self) -> dict[str, Any]:
        """Citations by what they are for."""
        return {
            "software": dataclasses.asdict(SOFTWARE),
            "papers": {name: [dataclasses.asdict(paper) for paper in papers] for name, papers in self.papers.items()},
            "libraries": [dataclasses.asdict(library) for library in LIBRARIES],
        }

    def show(self, screen: Screen) -> None:
        """Write them as a list."""
        screen.line("Please cite swansong", style="bold")
        screen.line(f"  {SOFTWARE.text}")
        for name, papers in self.papers.items():
            self._list(screen, f"and, where you use `swansong {name}`, the work it stands on", papers)
        self._list(screen, "and the libraries underneath", LIBRARIES)

    @staticmethod
    def _list(screen: Screen, heading: str, citations: tuple[Citation, ...]) -> None:
        screen.line()
        screen.line(heading, style="bold")
        for citation in citations:
            link = f", {citation.link}" if citation.link else ""
            screen.line(f"  {citation.text}{link} ({citation.why})")


@dataclass(frozen=True)
class ShownProduct:
    """A product of swansong, and for some kinds what it holds, in words."""

    info: "ProductInfo"
    holds: str = ""

    def to_json(self) -> dict[str, Any]:
        """Kind, arrays, metadata and provenance."""
        return {"type": "product", **self.info.to_dict(), **({"holds": self.holds} if self.holds else {})}

    def show(self, screen: Screen) -> None:
        """Tabulate the arrays, then metadata and provenance."""
        info, made = self.info, self.info.provenance
        screen.line(f"{info.path}: {info.kind.replace('_', ' ')}, {_size(info.size)}", style="bold")
        rows = [(a.name, a.dtype, " x ".join(map(str, a.shape)) or "one number") for a in info.arrays]
        screen.table({"array": "left", "type": "left", "shape": "right"}, rows)
        for text in filter(None, (_ABOUT.get(info.kind), self.holds)):
            screen.line(text)
        facts = _dotted({name: value for name, value in info.metadata.items() if name != "parameters"})
        names = [record["name"] for record in info.metadata.get("parameters", ())]
        screen.facts({**({"parameters": ", ".join(names)} if names else {}), **facts})
        screen.line()
        screen.line("made by", style="bold")
        versions = ", ".join(f"{name} {version}" for name, version in made.versions.items())
        record = {
            "command": made.command or "Python",
            "seed": made.seed,
            "created": made.created,
            "sha256": info.sha256,
        }
        inputs = {f"input {name}": sha256 for name, sha256 in made.inputs.items()}
        screen.facts({name: str(value) for name, value in {**record, **inputs, "versions": versions}.items()})
        screen.line()
        screen.line("The whole configuration is in `--json`.")


@dataclass(frozen=True)
class ShownConfiguration:
    """A TOML file of a known kind, with its defaults filled in."""

    path: Path
    what: str
    values: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """What it is, and all its values."""
        return {"type": "configuration", "path": str(self.path), "what": self.what, "configuration": dict(self.values)}

    def show(self, screen: Screen) -> None:
        """List all keys."""
        screen.line(f"{self.path}: {self.what}, valid; with its defaults", style="bold")
        screen.facts(_dotted(self.values))


@dataclass(frozen=True)
class ShownStrain:
    """Strain of one detector."""

    strain: "Strain"

    def to_json(self) -> dict[str, Any]:
        """Detector, start, rate and length."""
        strain = self.strain
        return {
            "type": "strain",
            "path": str(strain.path),
            "detector": strain.detector,
            "start": strain.start,
            "duration": strain.duration,
            "rate": strain.rate,
            "samples": len(strain),
        }

    def show(self, screen: Screen) -> None:
        """Tell the same in words."""
        strain = self.strain
        screen.line(f"{strain.path}: strain of {strain.detector}", style="bold")
        screen.facts(
            {
                "covers": f"GPS {strain.start:.6f} to {strain.start + strain.duration:.6f}, {strain.duration:g} s",
                "samples": f"{len(strain):,} at {strain.rate:g} Hz, all finite",
            }
        )


@dataclass(frozen=True)
class ShownLisa:
    """Channels of LISA."""

    path: Path
    data: "LisaData"

    @property
    def channels(self) -> list[str]:
        """Names of the channels."""
        return [name for name in ("A", "E", "T") if getattr(self.data, name) is not None]

    def to_json(self) -> dict[str, Any]:
        """Channels, start, cadence, length and gaps."""
        data = self.data
        return {
            "type": "lisa",
            "path": str(self.path),
            "channels": self.channels,
            "start": data.start,
            "duration": data.duration,
            "cadence": data.cadence,
            "samples": len(data),
            "gaps": len(data.gap_times),
            "gap_share": data.gap_share,
        }

    def show(self, screen: Screen) -> None:
        """Tell the same in words."""
        data = self.data
        screen.line(f"{self.path}: LISA data, channels {', '.join(self.channels)}", style="bold")
        gaps = f"{len(data.gap_times)}, {100.0 * data.gap_share:.3g} % of the samples"
        screen.facts(
            {
                "covers": f"{data.duration / 86400.0:.6g} days from {data.start:.10g} s",
                "samples": f"{len(data):,}, one every {data.cadence:g} s",
                "gaps": gaps if data.gaps.any() else "none",
            }
        )


def _configuration(path: Path) -> ShownConfiguration:
    """Find the kind of configuration that a TOML file is."""
    from swansong.cli.main import SYSTEMS

    schemas = {
        what: schema for name in SYSTEMS for what, schema in import_module(f"swansong.cli.{name}").SCHEMAS.items()
    }
    keys = set(_dotted(read_toml(path)))
    # The kind that knows most of the keys is the one that is meant, of equals the first.
    known = {what: len(keys & set(_dotted(as_dict(schema())))) for what, schema in schemas.items()}
    failure: ConfigError | None = None
    for what in sorted(schemas, key=lambda name: -known[name]):
        try:
            return ShownConfiguration(path, what, as_dict(load(schemas[what], path)))
        except ConfigError as error:
            failure = failure or error
    raise failure or ConfigError(f"`{path}` is no configuration of swansong; `swansong ringdown init` writes one")


def _set_size(path: Path) -> str:
    """Orbits of a set of solved amplitudes, by class."""
    from swansong.emri.amplitudes.modes import CLASSES
    from swansong.emri.amplitudes.truth import read_set

    truth = read_set(path)
    counts = [(name, int((truth.classes == index).sum())) for index, name in enumerate(CLASSES)]
    classes = ", ".join(f"{name} {count:,}" for name, count in counts if count)
    return f"{len(truth):,} orbits with {len(truth.modes):,} modes: {classes}"


def _is_lisa(path: Path) -> bool:
    """Tell LISA data by their channels, or by the table of the LISA Data Challenges."""
    import h5py

    from swansong.core.hashing import SHA256_ATTRIBUTE

    try:
        with h5py.File(path, "r") as file:
            known = {"A", "E"} <= set(file) or any(name in file for name in ("obs/tdi", "sky/tdi", "tdi"))
            return known and SHA256_ATTRIBUTE not in file.attrs
    except (OSError, RuntimeError):
        return False


def _is_strain(path: Path) -> bool:
    """Tell strain from products: by the mark that a product carries, or by the ending."""
    if path.suffix.lower() in (".txt", ".dat", ".csv", ".npy"):
        return True
    import h5py

    from swansong.core.hashing import SHA256_ATTRIBUTE

    try:
        with h5py.File(path, "r") as file:
            return SHA256_ATTRIBUTE not in file.attrs and any(
                isinstance(file.get(n), h5py.Group | h5py.Dataset) for n in file
            )
    except (OSError, RuntimeError):
        return False


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        text = ", ".join(f"{name} {_short(inner)}" for name, inner in value.items())
    elif isinstance(value, list | tuple):
        text = ", ".join(map(_short, value)) or "none"
    else:
        text = f"{value:.6g}" if isinstance(value, float) else "none" if value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _dotted(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested values under dotted names."""
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _dotted(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = _short(value)
    return flat
