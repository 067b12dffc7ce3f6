"""One formula for NumPy and JAX: pick the array library from the arguments.

Host code passes NumPy arrays and plain numbers, compiled code passes JAX tracers. Both
carry ``__array_namespace__`` (the array API standard), so JAX need not be imported here.
"""

from types import ModuleType
from typing import Any

import numpy as np


def namespace(*values: Any) -> ModuleType:
    """Return ``jax.numpy`` if any value is a JAX array, else ``numpy``.

    Args:
        *values: Arrays, tracers or plain numbers.

    Returns:
        The module whose functions suit all the values.
    """
    for value in values:
        if not isinstance(value, np.ndarray | np.generic) and hasattr(value, "__array_namespace__"):
            return value.__array_namespace__()
    return np
