"""Posteriors in the formats of other packages: bilby's JSON and ArviZ's netCDF."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5netcdf
import numpy as np

from swansong.core.errors import InputError
from swansong.core.files import atomic, write_text
from swansong.inference.bilby_priors import bilby_prior_dictionary
from swansong.inference.posterior import Posterior
from swansong.inference.priors import Prior


def bilby_dictionary(
    posterior: Posterior, *, label: str, outdir: str = ".", prior: Prior | None = None
) -> dict[str, Any]:
    """Return a posterior as the content of a bilby result file.

    Bilby knows only equally weighted samples: a weighted posterior is resampled
    systematically, without randomness of its own, to as many samples as it is worth.

    Args:
        posterior: The posterior.
        label: Bilby's label of the run.
        outdir: Bilby's output folder of the run.
        prior: The prior, if it shall be carried along; its bounds must be constants.

    Returns:
        A JSON-able dictionary of the nine entries label, outdir, search_parameter_keys,
        parameter_labels_with_unit, priors, posterior, injection_parameters, meta_data
        and version. Evidence, warnings and provenance stand in meta_data.

    Raises:
        InputError: If the prior has other parameters or a bound that depends on them.

    Reference:
        Ashton et al. 2019, arXiv:1811.02042.
    """
    if prior is not None and prior.names != posterior.parameters.names:
        raise InputError(
            f"the prior has the parameters {list(prior.names)}, the posterior {list(posterior.parameters.names)}; "
            "give the prior of this posterior"
        )
    equal = posterior
    if posterior.log_weights is not None:
        equal = posterior.resample(max(1, round(posterior.effective_samples)), seed=0)
    searched = [name for name in posterior.parameters.names if prior is None or name in prior.free]
    content = {name: column.tolist() for name, column in posterior.parameters.unpack(equal.samples).items()}
    truth = None if posterior.truth is None else posterior.parameters.unpack(posterior.truth)
    return {
        "label": label,
        "outdir": outdir,
        "search_parameter_keys": searched,
        "parameter_labels_with_unit": [posterior.parameters[name].label for name in searched],
        "priors": None if prior is None else bilby_prior_dictionary(prior),
        "posterior": {"__dataframe__": True, "content": content},
        "injection_parameters": None if truth is None else {name: float(value) for name, value in truth.items()},
        "meta_data": _facts(posterior)
        | {"metadata": dict(posterior.metadata), "provenance": posterior.provenance.to_dict()},
        "version": f"swansong={version('swansong')}",
    }


def write_bilby(posterior: Posterior, path: str | Path, *, label: str, prior: Prior | None = None) -> None:
    """Write a posterior as a bilby result file.

    Args:
        posterior: The posterior.
        path: Where to write; bilby expects a name that ends in ``.json``.
        label: Bilby's label of the run.
        prior: The prior, if it shall be carried along.

    Raises:
        InputError: As for `bilby_dictionary`.
        OutputError: If the file cannot be written.
    """
    path = Path(path)
    dictionary = bilby_dictionary(posterior, label=label, outdir=str(path.parent), prior=prior)
    write_text(path, json.dumps(dictionary, indent=1, default=_plain) + "\n")


def write_netcdf(posterior: Posterior, path: str | Path) -> None:
    """Write a posterior as netCDF in the layout of ArviZ.

    The group ``posterior`` holds each parameter as ``(chain, draw)`` with its unit,
    ``sample_stats`` the log weights and the proposal's log density where there are any;
    samples are not resampled. What qualifies the answer is in the attributes.

    Args:
        posterior: The posterior.
        path: Where to write.

    Raises:
        OutputError: If the file cannot be written.

    Reference:
        Kumar et al. 2019, doi:10.21105/joss.01143.
    """
    chains = int(posterior.metadata.get("chains", 1))
    shape = (chains, len(posterior) // chains)
    statistics = {"log_weight": posterior.log_weights, "log_density": posterior.log_density}
    with atomic(Path(path)) as temporary, h5netcdf.File(temporary, "w") as file:
        file.attrs.update(_attributes(posterior))
        group = _group(file, "posterior", shape)
        group.attrs.update(_attributes(posterior))
        for parameter in posterior.parameters:
            variable = group.create_variable(parameter.name, ("chain", "draw"), float)
            variable[...] = posterior[parameter.name].reshape(shape)
            variable.attrs.update({"units": parameter.unit, "long_name": parameter.latex or parameter.name})
        group = _group(file, "sample_stats", shape)
        for name, values in statistics.items():
            if values is not None:
                group.create_variable(name, ("chain", "draw"), float)[...] = values.reshape(shape)


def _group(file: h5netcdf.File, name: str, shape: tuple[int, int]) -> h5netcdf.Group:
    group = file.create_group(name)
    for dimension, length in zip(("chain", "draw"), shape, strict=True):
        group.dimensions[dimension] = length
        group.create_variable(dimension, (dimension,), int)[...] = np.arange(length)
    return group


def _facts(posterior: Posterior) -> dict[str, Any]:
    return {
        "system": posterior.system,
        "estimator": posterior.estimator,
        "samples": len(posterior),
        "effective_samples": posterior.effective_samples,
        "log_evidence": posterior.log_evidence,
        "log_evidence_error": posterior.log_evidence_error,
        "warnings": list(posterior.warnings),
    }


def _attributes(posterior: Posterior) -> dict[str, Any]:
    """Facts as netCDF attributes, which know numbers and texts but neither lists nor None."""
    facts = {name: value for name, value in _facts(posterior).items() if value is not None}
    facts["warnings"] = "\n".join(posterior.warnings)
    facts["provenance"] = json.dumps(posterior.provenance.to_dict(), sort_keys=True)
    if posterior.truth is not None:
        facts["truth"] = json.dumps(dict(zip(posterior.parameters.names, posterior.truth.tolist(), strict=True)))
    return facts | {"inference_library": "swansong", "inference_library_version": version("swansong")}


def _plain(value: Any) -> Any:
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise InputError(f"`metadata` holds a {type(value).__name__}; give numbers, texts, lists or tables")


__all__ = ["bilby_dictionary", "write_bilby", "write_netcdf"]
