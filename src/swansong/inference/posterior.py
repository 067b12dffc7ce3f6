"""The one answer type: samples of named parameters with all that qualifies them.

A trained network, a network corrected by the exact likelihood and a sampler all return
a `Posterior`; what reads, compares, draws or exports answers knows only this type.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import jax
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from swansong.core.errors import InputError, OutputError
from swansong.core.files import atomic, read_product, write_product
from swansong.core.provenance import Provenance, collect
from swansong.core.types import Key
from swansong.inference.parameters import Parameters
from swansong.inference.statistics import (
    circular_quantile,
    effective_sample_size,
    normalised_weights,
    systematic_indices,
    weighted_quantile,
)

if TYPE_CHECKING:
    from swansong.inference.priors import Prior

KIND = "posterior"
_SECONDS = "swansong_seconds"
_ARRAYS = ("samples", "log_weights", "log_density", "truth")
_SCALARS = ("system", "estimator", "log_evidence", "log_evidence_error", "metadata")


@dataclass(frozen=True)
class Seconds:
    """Wall-clock time of an answer [s].

    Attributes:
        prepare: Before the first sample: reading, conditioning, compiling.
        sample: Drawing and weighting the samples.
    """

    prepare: float = 0.0
    sample: float = 0.0


@dataclass(frozen=True)
class Interval:
    """A parameter in three numbers.

    Attributes:
        median: Weighted median.
        lower: Lower end of the central interval.
        upper: Upper end of the central interval.
        unit: Unit of the three; empty for a pure number.
    """

    median: float
    lower: float
    upper: float
    unit: str


@dataclass(frozen=True, eq=False)
class Posterior:
    """Samples of a posterior and everything that says how far to trust them.

    Attributes:
        parameters: What the columns of `samples` are.
        samples: Samples ``(n, parameters)``, float64, in the units of the parameters.
        log_weights: Log importance weights ``(n,)`` of any normalisation; None if equal.
        log_density: Log density ``(n,)`` of the law that the samples were drawn from, if
            it is known: what `reweight` needs.
        log_evidence: Natural logarithm of the evidence, if it was estimated.
        log_evidence_error: Its standard error.
        system: Which system was analysed, for example ``"ringdown"``.
        estimator: What made the answer, for example ``"flow"`` or ``"nested"``.
        seconds: Time it took [s].
        warnings: Sentences on what limits the answer; exports carry them along.
        truth: Injected parameters ``(parameters,)``, if known.
        metadata: Further JSON-able facts. ``effective_samples`` holds the effective sample
            size of correlated samples, ``chains`` the number of equally long Markov chains
            that `samples` joins end to end.
        provenance: Configuration, seed, versions and input hashes.
    """

    parameters: Parameters
    samples: Float[np.ndarray, "n parameters"]
    log_weights: Float[np.ndarray, "n"] | None = None
    log_density: Float[np.ndarray, "n"] | None = None
    log_evidence: float | None = None
    log_evidence_error: float | None = None
    system: str = ""
    estimator: str = ""
    seconds: Seconds = Seconds()
    warnings: tuple[str, ...] = ()
    truth: Float[np.ndarray, "parameters"] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    provenance: Provenance = field(default_factory=collect)

    def __post_init__(self):
        samples = np.asarray(self.samples, dtype=np.float64)
        if samples.ndim != 2 or len(samples) == 0:
            raise InputError(f"`Posterior(samples=...)` has shape {samples.shape}; give at least one row of parameters")
        self.parameters.check(samples)
        if not np.isfinite(samples).all():
            bad = self.parameters.names[int(np.argmin(np.isfinite(samples).all(axis=0)))]
            raise InputError(
                f"`Posterior(samples=...)` holds NaN or infinite values of {bad!r}; leave such samples out"
            )
        object.__setattr__(self, "samples", samples)
        for name, length in (("log_weights", len(samples)), ("log_density", len(samples)), ("truth", samples.shape[1])):
            value = getattr(self, name)
            if value is None:
                continue
            value = np.asarray(value, dtype=np.float64)
            if value.shape != (length,):
                raise InputError(f"`Posterior({name}=...)` has shape {value.shape}; give ({length},)")
            object.__setattr__(self, name, value)
        if self.log_weights is not None:
            normalised_weights(self.log_weights)
        for name in ("log_evidence", "log_evidence_error"):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else float(value))
        object.__setattr__(self, "warnings", tuple(self.warnings))

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, name: str) -> Float[np.ndarray, "n"]:
        """Return the samples of one parameter, not resampled by their weights."""
        return self.samples[:, self.parameters.index(name)]

    @property
    def weights(self) -> Float[np.ndarray, "n"]:
        """Weights that sum to 1."""
        if self.log_weights is None:
            return np.full(len(self), 1.0 / len(self))
        return normalised_weights(self.log_weights)

    @property
    def effective_samples(self) -> float:
        """Effective number of independent samples: Kish's for weights, else as the sampler measured it."""
        if self.log_weights is not None:
            return effective_sample_size(self.weights)
        return float(self.metadata.get("effective_samples", len(self)))

    @property
    def efficiency(self) -> float:
        """Effective samples per sample, in ``(0, 1]`` for weighted ones."""
        return self.effective_samples / len(self)

    def quantile(self, name: str, quantiles: ArrayLike) -> Float[np.ndarray, "q"]:
        """Return weighted quantiles of one parameter.

        Args:
            name: Name of the parameter.
            quantiles: Probabilities in ``[0, 1]``.

        Returns:
            Increasing numbers. A periodic parameter is cut open opposite to its circular
            mean; its median is in range, other quantiles may pass the end of the period.

        Raises:
            InputError: If there is no such parameter.
        """
        parameter, weights = self.parameters[name], None if self.log_weights is None else self.weights
        quantiles = np.atleast_1d(np.asarray(quantiles, dtype=float))
        if parameter.periodic:
            limits = {"minimum": parameter.minimum, "maximum": parameter.maximum}
            return circular_quantile(self[name], quantiles, weights=weights, **limits)
        return weighted_quantile(self[name], quantiles, weights=weights)

    def summary(self, *, level: float = 0.9) -> dict[str, Interval]:
        """Summarise every parameter by its median and central interval.

        Args:
            level: Probability inside the interval.

        Returns:
            An `Interval` by name; for periodic parameters see `quantile`.

        Raises:
            InputError: If the level is not between 0 and 1.
        """
        if not 0.0 < level < 1.0:
            raise InputError(f"`summary(level=...)` must lie between 0 and 1, got {level}; give for example 0.9")
        probabilities = np.array([0.5, 0.5 * (1.0 - level), 0.5 * (1.0 + level)])
        intervals = {}
        for parameter in self.parameters:
            median, lower, upper = map(float, self.quantile(parameter.name, probabilities))
            intervals[parameter.name] = Interval(median, lower, upper, parameter.unit)
        return intervals

    def resample(
        self, n: int, *, seed: int | None = None, key: Key | None = None, method: str = "systematic"
    ) -> "Posterior":
        """Draw equally weighted samples according to the weights.

        Args:
            n: Number of samples to draw; more than `effective_samples` repeats many.
            seed: Seed of the draw; give this or `key`.
            key: JAX random key of the draw.
            method: ``"systematic"`` (least scatter) or ``"multinomial"`` (independent draws).

        Returns:
            A posterior without weights. It has no `log_density` either, since its
            samples are no longer draws from the proposal.

        Raises:
            InputError: If not exactly one of seed and key is given, n is not positive or
                the method is unknown.
        """
        if (seed is None) == (key is None):
            raise InputError("`resample` needs one source of randomness; give either seed or key")
        if n < 1:
            raise InputError(f"`resample(n)` must be positive, got {n}; give the number of samples")
        generator = np.random.default_rng(seed if key is None else np.asarray(jax.random.key_data(key)))
        if method == "systematic":
            indices = systematic_indices(self.weights, n, generator=generator)
        elif method == "multinomial":
            indices = generator.choice(len(self), size=n, p=self.weights)
        else:
            raise InputError(f"`resample(method={method!r})` is unknown; give 'systematic' or 'multinomial'")
        metadata = {name: value for name, value in self.metadata.items() if name != "chains"}
        metadata["effective_samples"] = float(min(n, self.effective_samples))
        return dataclasses.replace(
            self, samples=self.samples[indices], log_weights=None, log_density=None, metadata=metadata
        )

    def to_json_summary(self, *, files: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return what ``swansong SYSTEM infer --json`` prints.

        Args:
            files: Files written for this answer, by name.

        Returns:
            A JSON-able dictionary; its parameter intervals are central 90 % ones.
        """
        return {
            "system": self.system,
            "estimator": self.estimator,
            "samples": len(self),
            "effective_samples": self.effective_samples,
            "log_evidence": self.log_evidence,
            "log_evidence_error": self.log_evidence_error,
            "parameters": {name: dataclasses.asdict(interval) for name, interval in self.summary().items()},
            "seconds": dataclasses.asdict(self.seconds),
            "warnings": list(self.warnings),
            "files": dict(files or {}),
        }

    def save(self, path: str | Path, *, force: bool = False) -> str:
        """Write the posterior as an HDF5 product.

        Args:
            path: Where to write.
            force: Replace an existing file.

        Returns:
            The sha256 of the content. `seconds` takes no part in it, so that the same
            seed gives the same sha256.

        Raises:
            OutputError: If the file exists or cannot be written.
            InputError: If `metadata` has no JSON form.
        """
        path = Path(path)
        if path.exists() and not force:
            raise OutputError(f"`{path}` already exists; give another path, or `force` to replace it")
        record = {name: getattr(self, name) for name in _SCALARS}
        record |= {"metadata": dict(self.metadata), "warnings": list(self.warnings)}
        with atomic(path) as temporary:
            sha256 = write_product(
                temporary,
                kind=KIND,
                arrays={name: getattr(self, name) for name in _ARRAYS if getattr(self, name) is not None},
                metadata=record | {"parameters": self.parameters.to_list()},
                provenance=self.provenance,
                force=True,
            )
            with h5py.File(temporary, "a") as file:
                file.attrs[_SECONDS] = [self.seconds.prepare, self.seconds.sample]
        return sha256

    @classmethod
    def load(cls, path: str | Path) -> "Posterior":
        """Read a posterior back from `save`.

        Raises:
            FileError: If the file is missing, damaged, changed or not a posterior.
        """
        product = read_product(path, kind=KIND)
        with h5py.File(path, "r") as file:
            seconds = Seconds(*map(float, file.attrs.get(_SECONDS, (0.0, 0.0))))
        return cls(
            parameters=Parameters.from_list(product.metadata["parameters"]),
            seconds=seconds,
            warnings=tuple(product.metadata["warnings"]),
            provenance=product.provenance,
            **product.arrays,
            **{name: product.metadata[name] for name in _SCALARS},
        )

    def to_bilby(self, path: str | Path, *, label: str, prior: "Prior | None" = None) -> None:
        """Write a result file that `bilby.result.read_in_result` reads; see `export.write_bilby`."""
        from swansong.inference.export import write_bilby

        write_bilby(self, path, label=label, prior=prior)

    def to_netcdf(self, path: str | Path) -> None:
        """Write a netCDF file that ArviZ reads; see `export.write_netcdf`."""
        from swansong.inference.export import write_netcdf

        write_netcdf(self, path)
