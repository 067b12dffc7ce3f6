"""Array types shared by all of swansong.

Shapes are written where they are used: ``Float[Array, "samples parameters"]``. Arrays
that cross the public surface may be NumPy or JAX arrays; inside compiled code they are
JAX arrays.
"""

from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int, PRNGKeyArray, Shaped

ArrayLike: TypeAlias = Array | np.ndarray
FloatArray: TypeAlias = Float[Array, "..."] | Float[np.ndarray, "..."]
Key: TypeAlias = PRNGKeyArray
PyTree: TypeAlias = Any

__all__ = [
    "Array",
    "ArrayLike",
    "Bool",
    "Complex",
    "Float",
    "FloatArray",
    "Int",
    "Key",
    "PRNGKeyArray",
    "PyTree",
    "Shaped",
]
