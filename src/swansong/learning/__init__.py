"""Networks and how they are trained; no physics.

Names are imported when first used: a configuration may ask for `TrainingPlan` without
starting JAX.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swansong.learning.autoencoders import (
        BoundedPeriodic,
        BoundedPeriodicDecoder,
        ConditionalVAE,
        MixturePrior,
        RecognitionNetwork,
        conditional_vae,
        ramp,
    )
    from swansong.learning.batches import DataSet, Source
    from swansong.learning.checkpoints import fill_skeleton, load_module, named_arrays, save_module
    from swansong.learning.compression import SVDBasis
    from swansong.learning.couplings import CircularSpline, Coupling
    from swansong.learning.curriculum import Batches, Course, train_parts
    from swansong.learning.flows import ConditionalFlow, conditional_flow
    from swansong.learning.heads import (
        DiagonalGaussian,
        GaussianMixture,
        TruncatedNormal,
        VonMises,
        kl_at_sample,
        kl_diagonal,
    )
    from swansong.learning.history import History
    from swansong.learning.networks import ACTIVATIONS, MLP, Convolution1D, ResidualMLP
    from swansong.learning.plan import TrainingPlan
    from swansong.learning.scaling import Chained, Log, Scaling, Standardize, UnitInterval
    from swansong.learning.schedules import learning_rate, optimizer
    from swansong.learning.steps import Loss
    from swansong.learning.training import Trained, train
    from swansong.learning.truncation import log_truncated_normal, sample_truncated_normal

_NAMES = {
    "autoencoders": (
        "BoundedPeriodic",
        "BoundedPeriodicDecoder",
        "ConditionalVAE",
        "MixturePrior",
        "RecognitionNetwork",
        "conditional_vae",
        "ramp",
    ),
    "batches": ("DataSet", "Source"),
    "checkpoints": ("fill_skeleton", "load_module", "named_arrays", "save_module"),
    "compression": ("SVDBasis",),
    "couplings": ("CircularSpline", "Coupling"),
    "curriculum": ("Batches", "Course", "train_parts"),
    "flows": ("ConditionalFlow", "conditional_flow"),
    "heads": ("DiagonalGaussian", "GaussianMixture", "TruncatedNormal", "VonMises", "kl_at_sample", "kl_diagonal"),
    "history": ("History",),
    "networks": ("ACTIVATIONS", "MLP", "Convolution1D", "ResidualMLP"),
    "plan": ("TrainingPlan",),
    "scaling": ("Chained", "Log", "Scaling", "Standardize", "UnitInterval"),
    "schedules": ("learning_rate", "optimizer"),
    "steps": ("Loss",),
    "training": ("Trained", "train"),
    "truncation": ("log_truncated_normal", "sample_truncated_normal"),
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "Batches",
    "BoundedPeriodic",
    "BoundedPeriodicDecoder",
    "Chained",
    "CircularSpline",
    "ConditionalFlow",
    "ConditionalVAE",
    "Convolution1D",
    "Coupling",
    "Course",
    "DataSet",
    "DiagonalGaussian",
    "GaussianMixture",
    "History",
    "Log",
    "Loss",
    "MixturePrior",
    "RecognitionNetwork",
    "ResidualMLP",
    "SVDBasis",
    "Scaling",
    "Source",
    "Standardize",
    "Trained",
    "TrainingPlan",
    "TruncatedNormal",
    "UnitInterval",
    "VonMises",
    "conditional_flow",
    "conditional_vae",
    "fill_skeleton",
    "kl_at_sample",
    "kl_diagonal",
    "learning_rate",
    "load_module",
    "log_truncated_normal",
    "named_arrays",
    "optimizer",
    "ramp",
    "sample_truncated_normal",
    "save_module",
    "train",
    "train_parts",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
