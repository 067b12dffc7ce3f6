"""The errors swansong raises, sorted by who can mend them.

`InputError` and its subclasses say that the user's input is wrong: the command line
prints their one sentence and exits with 2. `RunError` says that a run failed although
its input was fine: exit code 3. Every message names what was wrong, the value that
was found and what to give instead.
"""


class SwansongError(Exception):
    """Root of every error raised on purpose by swansong."""


class InputError(SwansongError, ValueError):
    """The user's input is wrong (exit code 2)."""


class ConfigError(InputError):
    """A configuration has an unknown key, a wrong type or contradicting values."""


class DataError(InputError):
    """Strain, spectra or tables hold what cannot be analysed (NaN, gaps, wrong rate)."""


class DomainError(InputError):
    """A value lies outside the domain where the physics or a trained network holds."""


class FileError(InputError):
    """A file is missing, truncated, foreign or does not match its own sha256."""


class OutputError(InputError):
    """An output folder cannot be written or already holds results."""


class RunError(SwansongError, RuntimeError):
    """A run failed although its input was valid (exit code 3)."""


class TrainingError(RunError):
    """Training stopped, for example because its loss stopped being finite."""
