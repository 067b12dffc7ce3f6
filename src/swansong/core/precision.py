"""Double precision, switched on before JAX starts.

Phases and physics need float64; JAX defaults to float32. The switch must happen
without importing JAX, because the command line validates its arguments first.
"""

import os
import sys


def enable_float64() -> None:
    """Make JAX compute in float64 by default, whether or not it is imported yet."""
    os.environ["JAX_ENABLE_X64"] = "1"
    jax = sys.modules.get("jax")
    if jax is not None:
        jax.config.update("jax_enable_x64", True)
