"""The table of tracks as a pure function for JAX, with derivatives in every parameter."""

import equinox as eqx
import jax
import jax.numpy as jnp

from swansong.core.types import Array, Float
from swansong.emri.tracks.kernels import FINAL_SCALE
from swansong.emri.tracks.sources import Tracks, load


class TrackModel(eqx.Module):
    """The same table for JAX: runs under `jit`, `vmap` and `grad`, checks nothing.

    Attributes:
        coefficients: B-spline coefficients (spin + 2, final eccentricity + 2, 4, ln tau + 2).
        grid: First node and spacing of (1 - a)^(1/3), ln(1 + e_f / 0.004) and ln tau.
    """

    coefficients: Array
    grid: Array

    def orbit_and_frequencies(
        self, tau: Float[Array, "n"], *, spin: Float[Array, ""], final_eccentricity: Float[Array, ""]
    ) -> Float[Array, "4 n"]:
        """M f_phi, M f_r, p and e at scaled times before plunge, (4, n); clamped to the grid, no error."""
        z0, dz, e0, de, x0, dx = self.grid
        i, wi = self._place((1.0 - spin) ** (1 / 3), z0, dz, 0)
        j, wj = self._place(jnp.log1p(final_eccentricity / FINAL_SCALE), e0, de, 1)
        size = self.coefficients.shape
        block = jax.lax.dynamic_slice(self.coefficients, (i, j, 0, 0), (4, 4, size[2], size[3]))
        curve = jnp.einsum("i,j,ijqx->qx", wi, wj, block)
        k, wk = self._place(jnp.log(jnp.maximum(tau, jnp.exp(x0))), x0, dx, 3)
        return jnp.einsum("qnk,kn->qn", curve[:, k[:, None] + jnp.arange(4)], wk)

    def frequencies(
        self,
        t: Float[Array, "n"],
        *,
        mass_s: Float[Array, ""],
        nu: Float[Array, ""],
        spin: Float[Array, ""],
        plunge_time: Float[Array, ""],
        final_eccentricity: Float[Array, ""],
    ) -> tuple[Float[Array, "n"], Float[Array, "n"]]:
        """Azimuthal and radial frequency [Hz].

        Args:
            t: Times [s].
            mass_s: Total mass [s].
            nu: Symmetric mass ratio.
            spin: Signed spin.
            plunge_time: Time of plunge [s].
            final_eccentricity: Eccentricity at plunge.

        Returns:
            Both, shape (n,); after the plunge those at plunge.
        """
        values = self.orbit_and_frequencies(
            (plunge_time - t) * nu / mass_s, spin=spin, final_eccentricity=final_eccentricity
        )
        return values[0] / mass_s, values[1] / mass_s

    def _place(self, value: Array, first: Array, step: Array, axis: int) -> tuple[Array, Array]:
        """Cell, and the four weights along a new first axis."""
        place = (value - first) / step
        cell = jnp.clip(jnp.floor(jax.lax.stop_gradient(place)), 0, self.coefficients.shape[axis] - 4)
        t = place - cell
        r = 1.0 - t
        weights = jnp.stack([r**3, 3.0 * t**3 - 6.0 * t**2 + 4.0, 3.0 * r**3 - 6.0 * r**2 + 4.0, t**3]) / 6.0
        return cell.astype(int), weights


def track_model(tracks: Tracks | None = None) -> TrackModel:
    """The table for JAX, by default the shipped one."""
    arrays = (load() if tracks is None else tracks).arrays
    return TrackModel(jnp.asarray(arrays.coefficients), jnp.asarray(arrays.grid))
