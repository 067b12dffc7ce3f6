"""Set-up shared by all tests: JAX options, reproducible property tests, runtime type checks, public data."""

import os
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
