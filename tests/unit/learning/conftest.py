"""Memory: what one file compiled serves no other file here."""

import jax
import pytest


@pytest.fixture(autouse=True, scope="module")
def _forget_compiled_code():
    yield
    jax.clear_caches()
