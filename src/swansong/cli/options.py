"""What the verbs of all systems share: their options and the checks that need no computation."""

import math
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from cyclopts import Parameter, Token

from swansong.core.errors import FileError, InputError
from swansong.core.files import read_product

LARGEST_SEED = 2**32 - 1

FEWEST_SAMPLES = 100
"""Samples below which the ends of a 90 % interval mean nothing."""

FEWEST_INJECTIONS = 8
"""Injections below which there are no statistics."""

_WITHOUT_VALUE = {"--json", "--quiet", "--force", "--debug"}
_WITH_VALUE = {"--out"}


@dataclass(frozen=True)
class Invocation:
    """How the command was called.

    Attributes:
        command: The command line without the options that decide no number, for the provenance.
    """

    command: str = ""

    @classmethod
    def of(cls, arguments: Sequence[str]) -> "Invocation":
        """The invocation of these arguments.

        Where a result is written and how it is shown is left out: the same seed shall give
        a product of the same sha256 in any folder.
        """
        kept: list[str] = []
        skip = False
        for argument in arguments:
            name = argument.partition("=")[0]
            if skip or name in _WITHOUT_VALUE or name in _WITH_VALUE:
                skip = not skip and argument in _WITH_VALUE
                continue
            kept.append(argument)
        return cls(shlex.join(["swansong", *kept]))


Called: TypeAlias = Annotated[Invocation, Parameter(parse=False)]
"""The invocation, handed to a verb by `main` and not by the user."""


def _whole(_: type, tokens: Sequence[Token]) -> int:
    """Read a whole number; the parser's own reader would round 1.5 without a word."""
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        value = float(text)
    if not value.is_integer():
        raise ValueError
    return int(value)


Whole: TypeAlias = Annotated[int, Parameter(converter=_whole)]
"""A whole number; 1e4 is one, 1.5 is none."""

Flag: TypeAlias = Annotated[bool, Parameter(negative="", show_default=False)]
"""A switch that is off unless it is given."""

Overrides: TypeAlias = Annotated[
    tuple[str, ...],
    Parameter(name="--set", negative="", show_default=False, help="Override one key: section.key=value (repeatable)."),
]
"""Texts section.key=value."""

Weights: TypeAlias = Annotated[
    Path | None, Parameter(help="Trained weights (weights.h5) instead of those that ship with swansong.")
]
"""A file of trained weights."""

StrainFiles: TypeAlias = Annotated[
    tuple[str, ...], Parameter(negative="", show_default=False, help="Strain file: H1=FILE (repeatable).")
]
"""Texts DETECTOR=FILE."""


@Parameter(name="*")
@dataclass(frozen=True)
class ShowOptions:
    """How the answer of a command is shown."""

    json: Flag = False
    """Print one JSON object on stdout and nothing else."""
    quiet: Flag = False
    """Print nothing but errors; no progress bar."""


@Parameter(name="*")
@dataclass(frozen=True)
class RunOptions(ShowOptions):
    """Options of every command that computes."""

    seed: Whole = 0
    """Seed of all random numbers."""
    out: Annotated[Path | None, Parameter(show_default=False)] = None
    """Folder for the results; by default a new one below runs/."""
    force: Flag = False
    """Write into a folder that already holds results."""

    def check(self) -> None:
        """Refuse a seed that random numbers cannot start from.

        Raises:
            InputError: The seed is negative or too large.
        """
        if not 0 <= self.seed <= LARGEST_SEED:
            msg = f"`--seed` must lie between 0 and {LARGEST_SEED}, got {self.seed}; give another whole number"
            raise InputError(msg)

    def common(self) -> dict[str, Any]:
        """What every run is told of these options."""
        return {"seed": self.seed, "force": self.force, "quiet": self.quiet or self.json}


@Parameter(name="*")
@dataclass(frozen=True)
class InferOptions(RunOptions):
    """Options of every command that samples the posterior of an event."""

    strain: StrainFiles = ()
    """Strain files."""
    reweight: Annotated[bool, Parameter(negative="--no-reweight")] = True
    """Correct a trained estimator by the exact likelihood."""
    weights: Weights = None
    """Trained weights."""
    samples: Whole = 20_000
    """Number of samples."""

    def check_sampling(self, *, estimator: str, network: str) -> None:
        """Refuse what no estimator, or not this one, can do.

        Args:
            estimator: What draws the samples.
            network: A trained estimator, for the message.

        Raises:
            InputError: Seed or samples are out of range, or the exact estimator is given weights or none.
            FileError: The weights are missing, damaged or of another kind.
        """
        self.check()
        at_least(self.samples, FEWEST_SAMPLES, option="--samples")
        if estimator == "exact" and not self.reweight:
            msg = "`--no-reweight` was given, but the exact estimator cannot do without; drop it or choose another one"
            raise InputError(msg)
        check_weights(self.weights, estimator=estimator, network=network)

    def sampling(self) -> dict[str, Any]:
        """What the sampling is told of these options."""
        names = ("reweight", "weights", "samples")
        return {**{name: getattr(self, name) for name in names}, **self.common()}


def positive(option: str, value: float | None, *, unit: str, largest: float = math.inf) -> None:
    """Refuse a length that is none.

    Raises:
        InputError: It is not positive, not finite or too large.
    """
    if value is not None and not (math.isfinite(value) and 0.0 < value <= largest):
        most = f" and at most {largest:g}" if math.isfinite(largest) else ""
        raise InputError(f"`{option}` must be positive{most}, got {value:g}; give {unit}")


def at_least(value: int, minimum: int, *, option: str) -> None:
    """Refuse a count that is too small.

    Raises:
        InputError: It is.
    """
    if value < minimum:
        msg = f"`{option}` must be at least {minimum}, got {value}; raise it"
        raise InputError(msg)


def check_weights(weights: Path | None, *, estimator: str, network: str) -> None:
    """Read a weights file for a first time, so that a damaged one is found at once.

    Args:
        weights: The file, if one was given.
        estimator: What shall use it.
        network: A trained estimator, for the message.

    Raises:
        InputError: The estimator has no weights.
        FileError: The file is missing, damaged or of another kind.
    """
    if weights is None:
        return
    if estimator == "exact":
        msg = f"`--weights` was given, but the exact estimator has none; add `--estimator {network}` or drop it"
        raise InputError(msg)
    read_product(weights, kind="weights")


def parse_strain(texts: Sequence[str]) -> dict[str, Path]:
    """Read `--strain DETECTOR=FILE` options.

    Args:
        texts: The values given.

    Returns:
        File by detector, in the order given.

    Raises:
        InputError: A value is not of that form, or a detector is given twice.
        FileError: A file does not exist.
    """
    files: dict[str, Path] = {}
    for text in texts:
        name, equals, file = (part.strip() for part in text.partition("="))
        if not (name and equals and file):
            msg = f"`--strain {text}` names no detector or no file; write it as `--strain H1=FILE`"
            raise InputError(msg)
        if name in files:
            msg = f"`--strain` gives {name} twice, {files[name]} and {file}; give one file for each detector"
            raise InputError(msg)
        files[name] = Path(file).expanduser()
        if not files[name].is_file():
            msg = f"The strain file `{file}` of {name} does not exist; check the path"
            raise FileError(msg)
    return files


@contextmanager
def on_interrupt(hint: str) -> Iterator[None]:
    """Say on Ctrl-C what is left and how to go on.

    Args:
        hint: The end of the sentence "interrupted; ...".
    """
    try:
        yield
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(hint) from error
