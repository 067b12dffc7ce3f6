"""Set-up shared by all tests: JAX options, reproducible property tests, runtime type checks, public data."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

# Before anything imports JAX: the same numbers on every machine, with or without a GPU.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["JAX_ENABLE_X64"] = "1"

import hypothesis
import jaxtyping
import pytest

ROOT = Path(__file__).resolve().parents[1]

# SWANSONG_TYPECHECK=1 checks shapes and types in annotations while the tests run.
if os.environ.get("SWANSONG_TYPECHECK", "0") != "0":
    jaxtyping.install_import_hook("swansong", "typecheck.checked")

# The same examples in every run; no deadline, since the first call of a function compiles it.
hypothesis.settings.register_profile("swansong", deadline=None, derandomize=True)
hypothesis.settings.load_profile("swansong")


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
