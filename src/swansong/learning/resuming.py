"""Checkpoints of the training loop, and the check that a run continues what it began."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from swansong.core.errors import ConfigError
from swansong.core.files import read_product
from swansong.core.provenance import Provenance
from swansong.core.types import PyTree
from swansong.learning.checkpoints import below, fill_skeleton, save_module
from swansong.learning.history import History
from swansong.learning.plan import TrainingPlan
from swansong.learning.schedules import Plateau
from swansong.learning.steps import Carry, copy_arrays

KIND = "checkpoint"


@dataclasses.dataclass(frozen=True)
class Identity:
    """What must not change between the parts of one run.

    Attributes:
        plan: The plan.
        seed: The seed.
        configuration: The caller's configuration, JSON-able.
    """

    plan: TrainingPlan
    seed: int
    configuration: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The identity as JSON would return it.

        Returns:
            A dictionary that equals its own JSON round trip.
        """
        content = {"plan": self.plan.identity(), "seed": self.seed, "configuration": self.configuration}
        return json.loads(json.dumps(content))

    def check(self, found: dict[str, Any], *, step: int, path: Path) -> None:
        """Refuse a checkpoint of another run.

        Args:
            found: Identity stored in the checkpoint.
            step: Steps done in the checkpoint.
            path: The checkpoint, for messages.

        Raises:
            ConfigError: If anything differs that decides the weights.
        """
        old, new = _flat(found), _flat(self.to_dict())
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                reason = ", on which its learning rate depends" if name == "plan.steps" else ""
                raise ConfigError(
                    f"`{name}` must stay {old.get(name)!r} to resume {path}{reason}, got {new.get(name)!r}; "
                    "give another output folder to start afresh"
                )
        if self.plan.steps < step:
            raise ConfigError(
                f"`plan.steps` must be at least the {step} steps done in {path}, got {self.plan.steps}; raise it"
            )


@dataclasses.dataclass(frozen=True)
class Run:
    """Everything the loop knows between two compiled calls.

    Attributes:
        carry: Arrays of the next step.
        best: Trainable arrays and state arrays of the best validation.
        step: Steps done.
        history: The history.
        plateau: Memory of validation losses.
        seconds: Wall-clock time spent [s].
        stopped: Why the run is over, or None.
    """

    carry: Carry
    best: PyTree
    step: int = 0
    history: History = dataclasses.field(default_factory=History)
    plateau: Plateau = dataclasses.field(default_factory=Plateau)
    seconds: float = 0.0
    stopped: Any = None

    @classmethod
    def start(cls, carry: Carry) -> "Run":
        """A run that has done nothing yet.

        Args:
            carry: The carry before the first step.

        Returns:
            The run.
        """
        return cls(carry=carry, best=copy_arrays((carry.params, carry.state)))


def write(path: Path, run: Run, *, identity: Identity, provenance: Provenance) -> None:
    """Write a checkpoint in place of the one before, atomically.

    Args:
        path: File to write.
        run: The run.
        identity: What it depends on.
        provenance: Who made it.

    Raises:
        OutputError: If the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    plateau = np.array([run.plateau.best, run.plateau.scale])
    content = {"carry": run.carry, "best": run.best, "history": run.history.to_arrays(), "plateau": plateau}
    metadata = {
        "identity": identity.to_dict(),
        "step": run.step,
        "stopped": run.stopped,
        "seconds": run.seconds,
        "best_step": run.plateau.best_step,
        "stale": run.plateau.stale,
        "waited": run.plateau.waited,
    }
    save_module(path, content, kind=KIND, metadata=metadata, provenance=provenance, force=True)


def read(path: Path, *, skeleton: Run, identity: Identity) -> Run:
    """Read a checkpoint.

    Args:
        path: File to read.
        skeleton: The run before its first step.
        identity: What the run of the caller depends on.

    Returns:
        The run as it was.

    Raises:
        ConfigError: If the checkpoint belongs to another run.
        FileError: If it is damaged or does not fit the model.
    """
    product = read_product(path, kind=KIND)
    facts = product.metadata
    identity.check(facts["identity"], step=facts["step"], path=path)
    best, scale = (float(value) for value in product.arrays["plateau"])
    # A run that ran to its end may go on if the plan now asks for more steps.
    finished = facts["stopped"] == "finished" and facts["step"] < identity.plan.steps
    return Run(
        carry=fill_skeleton(skeleton.carry, below(product.arrays, "carry/"), source=path),
        best=fill_skeleton(skeleton.best, below(product.arrays, "best/"), source=path),
        step=facts["step"],
        history=History.from_arrays(below(product.arrays, "history/")),
        plateau=Plateau(
            best=best, best_step=facts["best_step"], stale=facts["stale"], waited=facts["waited"], scale=scale
        ),
        seconds=facts["seconds"],
        stopped=None if finished else facts["stopped"],
    )


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as one with dotted names."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat
