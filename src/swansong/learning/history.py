"""What happened during training, as arrays: one entry every `validate_every` steps."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from swansong.core.types import Float, Int


@dataclasses.dataclass(frozen=True, eq=False)
class History:
    """Losses, metrics and learning rate against the step.

    Two histories are equal if all but the seconds agree, bit for bit.

    Attributes:
        steps: Steps done at each entry.
        train_loss: Mean training loss over the steps since the entry before.
        validation_loss: Validation loss, NaN without validation.
        learning_rate: Learning rate of the last step of the entry.
        metrics: Mean training metrics over the same steps, by name.
        validation_metrics: Validation metrics, by name.
        seconds: Wall-clock time since the first step, pauses left out [s].
    """

    steps: Int[np.ndarray, " entries"] = dataclasses.field(default_factory=lambda: np.zeros(0, np.int64))
    train_loss: Float[np.ndarray, " entries"] = dataclasses.field(default_factory=lambda: np.zeros(0))
    validation_loss: Float[np.ndarray, " entries"] = dataclasses.field(default_factory=lambda: np.zeros(0))
    learning_rate: Float[np.ndarray, " entries"] = dataclasses.field(default_factory=lambda: np.zeros(0))
    metrics: Mapping[str, Float[np.ndarray, " entries"]] = dataclasses.field(default_factory=dict)
    validation_metrics: Mapping[str, Float[np.ndarray, " entries"]] = dataclasses.field(default_factory=dict)
    seconds: Float[np.ndarray, " entries"] = dataclasses.field(default_factory=lambda: np.zeros(0))

    def __len__(self) -> int:
        return len(self.steps)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, History):
            return NotImplemented
        mine, theirs = self.to_arrays(seconds=False), other.to_arrays(seconds=False)
        return mine.keys() == theirs.keys() and all(
            np.array_equal(mine[name], theirs[name], equal_nan=True) for name in mine
        )

    __hash__ = None  # type: ignore[assignment]

    def append(
        self,
        *,
        step: int,
        train_loss: float,
        validation_loss: float,
        learning_rate: float,
        metrics: Mapping[str, float],
        validation_metrics: Mapping[str, float],
        seconds: float,
    ) -> "History":
        """A history with one more entry.

        Args:
            step: Steps done.
            train_loss: Mean training loss since the entry before.
            validation_loss: Validation loss or NaN.
            learning_rate: Learning rate of the last step.
            metrics: Mean training metrics.
            validation_metrics: Validation metrics.
            seconds: Wall-clock time since the first step [s].

        Returns:
            The longer history.
        """
        return History(
            steps=np.append(self.steps, np.int64(step)),
            train_loss=np.append(self.train_loss, train_loss),
            validation_loss=np.append(self.validation_loss, validation_loss),
            learning_rate=np.append(self.learning_rate, learning_rate),
            metrics=_grow(self.metrics, metrics),
            validation_metrics=_grow(self.validation_metrics, validation_metrics),
            seconds=np.append(self.seconds, seconds),
        )

    def to_arrays(self, *, seconds: bool = True) -> dict[str, np.ndarray]:
        """The history as named arrays, for a product file.

        Args:
            seconds: Whether to keep the wall-clock times, which no two runs share.

        Returns:
            Arrays by slash path.
        """
        arrays = {
            "steps": self.steps,
            "train_loss": self.train_loss,
            "validation_loss": self.validation_loss,
            "learning_rate": self.learning_rate,
        }
        arrays |= {f"metrics/{name}": values for name, values in self.metrics.items()}
        arrays |= {f"validation_metrics/{name}": values for name, values in self.validation_metrics.items()}
        return arrays | {"seconds": self.seconds} if seconds else arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "History":
        """Inverse of `to_arrays`.

        Args:
            arrays: Arrays by slash path; `seconds` may be missing and is then NaN.

        Returns:
            The history.
        """

        def group(prefix: str) -> dict[str, np.ndarray]:
            return {name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)}

        return cls(
            steps=arrays["steps"],
            train_loss=arrays["train_loss"],
            validation_loss=arrays["validation_loss"],
            learning_rate=arrays["learning_rate"],
            metrics=group("metrics/"),
            validation_metrics=group("validation_metrics/"),
            seconds=arrays.get("seconds", np.full(len(arrays["steps"]), np.nan)),
        )


def _grow(old: Mapping[str, np.ndarray], new: Mapping[str, float]) -> dict[str, np.ndarray]:
    """Append one number to each named array; the names never change within a run."""
    return {name: np.append(old.get(name, np.zeros(0)), value) for name, value in new.items()}
