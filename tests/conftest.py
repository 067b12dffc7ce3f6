"""Set-up shared by all tests: JAX options, reproducible property tests, runtime type checks, public data."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

# Before anything imports JAX: the same numbers on every machine, with or without a GPU.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["JAX_ENABLE_X64"] = "1"

# What one test process or a child of it compiled, no other compiles again before the run ends.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    COMPILED = tempfile.TemporaryDirectory(prefix="swansong-compiled-", ignore_cleanup_errors=True)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = COMPILED.name
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "0"

import hypothesis
import jaxlib.version
import jaxtyping
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]

# SWANSONG_TYPECHECK=1 checks shapes and types in annotations while the tests run.
if os.environ.get("SWANSONG_TYPECHECK", "0") != "0":
    jaxtyping.install_import_hook("swansong", "typecheck.checked")

# The same examples in every run; no deadline, since the first call of a function compiles it.
hypothesis.settings.register_profile("swansong", deadline=None, derandomize=True)
hypothesis.settings.load_profile("swansong")


def pytest_configure(config):
    # The fast tests compile far longer than they compute, so that the compiler may take less trouble. XLA reads this
    # when it first compiles, here and in child processes. The slow tests compile as users do.
    flags = os.environ.get("XLA_FLAGS", "")
    fast = config.option.markexpr == "not slow" and os.environ["JAX_PLATFORMS"] == "cpu"
    if fast and "optimization_level" not in flags:
        light = "--xla_backend_optimization_level=0"
        # XLA ends the process at a flag that it does not know.
        if jaxlib.version.__version_info__ < (0, 11):
            light += " --xla_cpu_use_fusion_emitters=false"
        os.environ["XLA_FLAGS"] = f"{light} {flags}"


def pytest_collection_modifyitems(items):
    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.shared_data)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the public data (GWOSC strain, spectra, published tables)."""
    named = os.environ.get("SWANSONG_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no public data in {folder}; set SWANSONG_DATA to the folder that holds them")
    return folder


@pytest.fixture(scope="session")
def small_problem():
    """One mode, one detector, 0.04 s and no cut: quick to prepare, and easy to integrate by brute force."""
    from swansong.ringdown.settings import DataSettings, ModelSettings, PriorSettings, Problem

    return Problem(
        model=ModelSettings(modes=("220",)),
        data=DataSettings(detectors=("H1",), duration=0.04),
        prior=PriorSettings(final_mass=(50.0, 100.0), final_spin=(0.3, 0.9), amplitude=(3e-22, 6e-21), minimum_snr=0.0),
    )


@pytest.fixture(scope="session")
def small_analysis(small_problem):
    """The prepared analysis of `small_problem`."""
    from swansong.ringdown.problem import simulated_analysis

    return simulated_analysis(small_problem)


@pytest.fixture(scope="session")
def kerr_analysis():
    """The published Kerr problem: modes 220 and 221 in H1 and L1, signal-to-noise ratio above 15."""
    from swansong.ringdown.problem import simulated_analysis
    from swansong.ringdown.settings import Problem

    return simulated_analysis(Problem())


@pytest.fixture(scope="session")
def burst_problem():
    """Close encounters in three detectors, two seconds up to 160 Hz, few loud ones: quick to prepare and to sample."""
    from swansong.encounters.settings import DataSettings, PriorSettings, Problem

    return Problem(
        prior=PriorSettings(pericentre_time=(-0.05, 0.05), luminosity_distance=(150.0, 500.0)),
        data=DataSettings(duration=2.0, maximum_frequency=160.0, drift=0.0),
    )


@pytest.fixture(scope="session")
def burst_analysis(burst_problem):
    """The prepared analysis of `burst_problem`."""
    from swansong.encounters.problem import prepare

    return prepare(burst_problem)


@pytest.fixture(scope="session")
def burst_truth(burst_analysis):
    """A source of signal-to-noise ratio 8.0 in `burst_analysis`."""
    theta = burst_analysis.parameters.pack(
        {
            "mass_ratio": 0.7, "total_mass": 80.0, "eccentricity": 0.9, "semi_latus_rectum": 16.0,
            "luminosity_distance": 200.0, "pericentre_time": 0.012, "ra": 1.3, "dec": 0.4, "psi": 0.7,
            "theta_jn": 0.9, "argument_of_pericentre": 1.1,
        }
    )  # fmt: skip
    theta = np.array(theta, float)
    theta[4] *= burst_analysis.snr(theta)[0] / 8.0
    return theta


@pytest.fixture(scope="session")
def burst_event(burst_problem, burst_truth):
    """`burst_truth` in noise."""
    from swansong.encounters.events import simulate_event

    return simulate_event(burst_problem, seed=1, truth=burst_truth)


@pytest.fixture(scope="session")
def burst_answer(burst_event):
    """The exact posterior of `burst_event`."""
    from swansong.encounters.exact import exact_posterior

    return exact_posterior(burst_event, samples=4000, seed=0)


@pytest.fixture(scope="session")
def burst_basis(burst_analysis):
    """Sixty-four vectors a detector for bursts aligned to 24 ms at the second one."""
    from swansong.encounters.features import aligned_basis

    return aligned_basis(burst_analysis, rank=64, window=0.024, reference=1, seed=0)


@pytest.fixture(scope="session")
def burst_network(burst_problem, burst_analysis, burst_basis, tmp_path_factory):
    """Weights file of a tiny untrained network for `burst_problem`, as training would leave it."""
    from swansong.core.config import as_dict
    from swansong.core.provenance import collect
    from swansong.encounters.bank import make_bank
    from swansong.encounters.fitting import build
    from swansong.encounters.settings import CompactSettings, Problem, Recipe
    from swansong.learning.checkpoints import save_module

    analysis, basis = burst_analysis, burst_basis[:, :16]
    recipe = Recipe(
        **{name: getattr(burst_problem, name) for name in Problem.model_fields},
        compact=CompactSettings(rank=16, width=16, blocks=1, context=4, layers=2, layer_width=8, knots=4),
    )
    bank = make_bank(burst_problem, basis=basis, reference=1, window=0.02, rows=256, seed=0)
    network = build(recipe, basis=basis, validation=bank, psd=analysis.psd, seed=0)
    path = tmp_path_factory.mktemp("network") / "compact.h5"
    configuration = {"recipe": as_dict(recipe), "analysis": analysis.fingerprint}
    save_module(path, {"model": network}, provenance=collect(configuration=configuration, seed=0))
    return path


@pytest.fixture(scope="session")
def compilations() -> Callable[[], AbstractContextManager[list[str]]]:
    """A context manager whose list grows by one entry for each compilation inside it."""
    import jax

    listening: list[list[str]] = []

    def hear(event: str, duration: float, **_: object) -> None:
        if event.endswith("backend_compile_duration"):
            for found in listening:
                found.append(event)

    jax.monitoring.register_event_duration_secs_listener(hear)

    @contextmanager
    def watch() -> Iterator[list[str]]:
        found: list[str] = []
        listening.append(found)
        try:
            yield found
        finally:
            listening.remove(found)

    return watch
