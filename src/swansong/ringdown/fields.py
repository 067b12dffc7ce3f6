"""Inner products of templates over the whole prior, interpolated in (u, v).

For one noise covariance the templates are computed once on a grid; for one event the data
are projected on all of them. What an estimator needs at any remnant, the Gram matrix and
the linear term of the quadratures' Gaussian, is then read off by quintic interpolation:
B-splines along u, where posteriors are narrow, and Lagrange polynomials along v.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from scipy.ndimage import spline_filter1d

from swansong.core.types import Array, Float
from swansong.ringdown.coordinates import RemnantChart
from swansong.ringdown.linear import LinearSignal

SHAPE = (512, 48)
"""Grid points in u and v."""

_PAD = 8  # grid points beyond the prior in u, where the spline's boundary condition decays
_TAPS = 6


class EventFields(eqx.Module):
    """What the data of one event say at every remnant.

    Attributes:
        linear: Spline coefficients of the linear term, (nu, nv, q).
        gram: Spline coefficients of the Gram matrix, (nu, nv, q^2).
        origin: (u, v) of the first grid point.
        step: Grid steps in u and v.
    """

    linear: Float[Array, "nu nv q"]
    gram: Float[Array, "nu nv elements"]
    origin: tuple[float, float] = eqx.field(static=True)
    step: tuple[float, float] = eqx.field(static=True)

    @property
    def quadratures(self) -> int:
        """Number of quadratures q = 2 modes."""
        return self.linear.shape[-1]

    @eqx.filter_jit
    def __call__(
        self, u: Float[Array, "points"], v: Float[Array, "points"]
    ) -> tuple[Float[Array, "points q q"], Float[Array, "points q"]]:
        """Gram matrices and linear terms at many remnants."""
        nu, nv, q = self.linear.shape
        along_u = _bspline(jnp.clip((u - self.origin[0]) / self.step[0], 2.0, nu - 3.001))
        along_v = _lagrange((v - self.origin[1]) / self.step[1], nv)
        # Two separate reads, compiled apart from what follows: in one piece, XLA on a CPU reads
        # the taps again for every use of every element.
        gram, linear = _interpolate(self.gram, along_u, along_v), _interpolate(self.linear, along_u, along_v)
        return gram.reshape(-1, q, q), linear


class Fields(eqx.Module):
    """Templates of one noise covariance on the grid.

    Build it with `make_fields`.

    Attributes:
        templates: (nu, nv, q, rank), single precision.
        gram: Spline coefficients of the Gram matrix, (nu, nv, q^2).
        origin: (u, v) of the first grid point.
        step: Grid steps in u and v.
    """

    templates: Float[np.ndarray, "nu nv q rank"]
    gram: Float[np.ndarray, "nu nv elements"]
    origin: tuple[float, float] = eqx.field(static=True)
    step: tuple[float, float] = eqx.field(static=True)

    def event(self, coefficients: Float[np.ndarray, "rank"]) -> EventFields:
        """Project the data of one event on all templates.

        Args:
            coefficients: Data in the basis of the templates.

        Returns:
            The fields of the event.
        """
        linear = (self.templates @ np.asarray(coefficients, dtype=np.float32)).astype(np.float64)
        linear = spline_filter1d(linear, order=5, axis=0, mode="mirror")
        return EventFields(jnp.asarray(linear), jnp.asarray(self.gram), self.origin, self.step)


def make_fields(signal: LinearSignal, chart: RemnantChart, *, shape: tuple[int, int] = SHAPE) -> Fields:
    """Compute the templates of a prior on a grid.

    Args:
        signal: Templates in a basis.
        chart: Range of remnants.
        shape: Grid points in u and v.

    Returns:
        The fields.
    """
    u, v = chart.axes((shape[0] - 2 * _PAD, shape[1]))
    step = float(u[1] - u[0])
    u = u[0] + step * np.arange(-_PAD, len(u) + _PAD)
    mesh_u, mesh_v = (axis.ravel() for axis in np.meshgrid(u, v, indexing="ij"))
    mass, spin = chart.remnant(jnp.asarray(mesh_u), jnp.asarray(mesh_v))
    templates = np.asarray(signal.many(mass, spin))
    q = templates.shape[1]
    gram = np.einsum("pqr,psr->pqs", templates, templates).reshape(len(u), len(v), -1)
    return Fields(
        templates.reshape(len(u), len(v), q, -1).astype(np.float32),
        spline_filter1d(gram, order=5, axis=0, mode="mirror"),
        (float(u[0]), float(v[0])),
        (step, float(v[1] - v[0])),
    )


def _interpolate(
    values: Float[Array, "nu nv fields"],
    along_u: tuple[Array, Float[Array, "points taps"]],
    along_v: tuple[Array, Float[Array, "points taps"]],
) -> Float[Array, "points fields"]:
    """Weighted sum over the neighbours of each point, one gather a tap: one gather of all is much slower."""
    nu, nv, width = values.shape
    flat = values.reshape(nu * nv, width)
    (first_u, weights_u), (first_v, weights_v) = along_u, along_v
    read = jnp.zeros((len(first_u), width))
    for i in range(_TAPS):
        row = (first_u + i) * nv + first_v
        line = sum(weights_v[:, j : j + 1] * flat[row + j] for j in range(_TAPS))
        read = read + weights_u[:, i : i + 1] * line
    return read


def _bspline(x: Float[Array, "points"]) -> tuple[Array, Float[Array, "points taps"]]:
    """First of six grid points and the weights of the quintic B-spline at x (in grid steps)."""
    base = jnp.floor(x).astype(int)
    t = (x - base)[:, None]
    # Distance of x from each of the six knots, and the spline's three polynomial pieces.
    d = jnp.abs(t - jnp.arange(-2.0, 4.0))
    near = (66.0 - 60.0 * d**2 + 30.0 * d**4 - 10.0 * d**5) / 120.0
    middle = (51.0 + 75.0 * d - 210.0 * d**2 + 150.0 * d**3 - 45.0 * d**4 + 5.0 * d**5) / 120.0
    far = jnp.maximum(3.0 - d, 0.0) ** 5 / 120.0
    return base - 2, jnp.where(d < 1.0, near, jnp.where(d < 2.0, middle, far))


def _lagrange(x: Float[Array, "points"], size: int) -> tuple[Array, Float[Array, "points taps"]]:
    """First of six grid points and Lagrange weights at x; the stencil stays inside the grid."""
    first = jnp.clip(jnp.floor(x).astype(int) - 2, 0, size - _TAPS)
    t = (x - first)[:, None]
    nodes = np.arange(_TAPS, dtype=float)
    weights = []
    for node in range(_TAPS):
        others = np.delete(nodes, node)
        weights.append(jnp.prod((t - others) / (node - others), axis=1))
    return first, jnp.stack(weights, axis=1)
