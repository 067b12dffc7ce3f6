"""What a global fit wants of a follow-up: a proposal with its density, and the track in time and frequency."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from swansong.core.errors import FileError
from swansong.core.files import read_product, write_product
from swansong.emri.followup.followup import FollowupResult

PROPOSAL_KIND = "emri-proposal"
_LEVEL = 0.995  # of the band of frequencies that samples cover
_RESOLUTION = 1.0  # width of a band in bins of a segment that is added for a source known exactly


# Arrays have no single truth value, so equality is identity.
@dataclass(frozen=True, eq=False)
class TrackMask:
    """Where in time and frequency a source is.

    Attributes:
        times: Middles of the segments [s], shape (segments,).
        frequency: Median frequency of the (2, 0) harmonic over the posterior, 0 after plunge [Hz], shape (segments,).
        half_width: Half the width of the band that holds 99 % of the posterior, and the frequencies that the
            harmonic sweeps within the segment [Hz], shape (segments,).
        inside: Whether the source is there at all, shape (segments,).
    """

    times: Float[np.ndarray, "segments"]
    frequency: Float[np.ndarray, "segments"]
    half_width: Float[np.ndarray, "segments"]
    inside: Bool[np.ndarray, "segments"]


@dataclass(frozen=True, eq=False)
class ProposalFile:
    """A proposal read back.

    Attributes:
        samples: Draws of the law, (n, parameters), in the order of `parameters`.
        log_density: Their log density, (n,).
        log_weights: Their log importance weights, (n,).
        log_density_mixture: Their log density under the Student mixture, (n,).
        parameters: Names of the columns.
        mask: Where the source is in time and frequency.
    """

    samples: Float[np.ndarray, "n parameters"]
    log_density: Float[np.ndarray, "n"]
    log_weights: Float[np.ndarray, "n"]
    log_density_mixture: Float[np.ndarray, "n"]
    parameters: tuple[str, ...]
    mask: TrackMask


def track_mask(result: FollowupResult, *, most: int = 512) -> TrackMask:
    """Find where in time and frequency a source is.

    Args:
        result: A follow-up.
        most: Samples used.

    Returns:
        The band.
    """
    scorer = result.chart.likelihood.scorer
    length = scorer.table.segment
    times = (np.arange(scorer.table.segments) + 0.5) * length
    every = max(1, len(result.posterior) // most)
    points = result.chart.model.to_points(result.posterior.samples[::every, :5])
    edges = np.stack([times - 0.5 * length, times, times + 0.5 * length])
    # Just after the end of the inspiral there is no frequency; the last one before it bounds the sweep.
    tracks = scorer.tracks_of(points, np.clip(edges, 0.0, None).ravel()).reshape(len(points), 3, -1)
    tracks = np.where(np.isfinite(tracks), tracks, 0.0)
    alive = tracks[:, 1] > 0.0
    inside = alive.mean(axis=0) > 0.5
    frequency, half_width = np.zeros(times.size), np.zeros(times.size)
    for s in np.flatnonzero(inside):
        begin, middle, end = tracks[alive[:, s], :, s].T
        end = np.where(end > 0.0, end, 2.0 * middle - begin)
        frequency[s] = np.median(middle)
        low, high = np.quantile(np.minimum(begin, end), 1.0 - _LEVEL), np.quantile(np.maximum(begin, end), _LEVEL)
        half_width[s] = max(high - frequency[s], frequency[s] - low) + _RESOLUTION / length
    return TrackMask(times, frequency, half_width, inside)


def write_proposal(result: FollowupResult, path: str | Path, *, force: bool = False) -> str:
    """Write the proposal of a follow-up for a global fit.

    Args:
        result: The follow-up.
        path: Where to write.
        force: Whether an old file may be replaced.

    Returns:
        The sha256 of the content.

    Raises:
        OutputError: If the file exists or cannot be written.
    """
    mask, proposal = track_mask(result), result.proposal
    points = result.proposal_points
    return write_product(
        path,
        kind=PROPOSAL_KIND,
        arrays={
            "samples": proposal.samples,
            "log_density": proposal.log_density,
            "log_weights": proposal.log_weights,
            "log_density_mixture": result.mixture.log_prob(points) + result.chart.log_jacobian(points),
            "mixture/mean": result.mixture.mean,
            "mixture/factor": result.mixture.factor,
            "mixture/log_weights": result.mixture.inner.log_weights,
            "mixture/means": result.mixture.inner.means,
            "mixture/factors": result.mixture.inner.factors,
            "track/times": mask.times,
            "track/frequency": mask.frequency,
            "track/half_width": mask.half_width,
            "track/inside": mask.inside,
        },
        metadata={
            "parameters": proposal.parameters.to_list(),
            "estimator": proposal.estimator,
            "log_evidence": proposal.log_evidence,
            "efficiency": dict(result.efficiency),
            "mixture_freedom": result.mixture.inner.freedom,
        },
        provenance=proposal.provenance,
        force=force,
    )


def read_proposal(path: str | Path) -> ProposalFile:
    """Read what `write_proposal` wrote.

    Args:
        path: The file.

    Returns:
        The proposal.

    Raises:
        FileError: If the file is missing, damaged, or something else.
    """
    product = read_product(path, kind=PROPOSAL_KIND)
    arrays = product.arrays
    missing = {"samples", "log_density", "log_weights", "log_density_mixture", "track/times"} - set(arrays)
    if missing:
        raise FileError(f"`{path}` lacks {sorted(missing)}; write it again with `write_proposal`")
    mask = TrackMask(
        arrays["track/times"],
        arrays["track/frequency"],
        arrays["track/half_width"],
        arrays["track/inside"].astype(bool),
    )
    return ProposalFile(
        arrays["samples"],
        arrays["log_density"],
        arrays["log_weights"],
        arrays["log_density_mixture"],
        tuple(item["name"] for item in product.metadata["parameters"]),
        mask,
    )
