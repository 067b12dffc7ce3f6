"""Kerr frequencies against published values, against each other, and against the solver itself."""

from importlib import resources
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swansong.core.errors import DomainError, InputError
from swansong.core.files import Product, read_product
from swansong.physics.quasinormal import BERTI_FITS, Mode, kerr_modes

GM_SUN = 4.925490947641e-6  # G M_sun / c^3 [s]
# M w of 220 and 221, s = -2, by Leaver's continued fraction; nine digits.
PUBLISHED = {
    0.0: (0.373671684 - 0.088962316j, 0.346710997 - 0.273914875j),
    0.5: (0.464123026 - 0.085638835j, 0.447407037 - 0.260224554j),
    0.68: (0.523975104 - 0.081512624j, 0.511941147 - 0.246528575j),
    0.9: (0.671614272 - 0.064869236j, 0.667657551 - 0.195252067j),
    0.99: (0.870892659 - 0.029390424j, 0.870645164 - 0.088175383j),
}


@pytest.fixture(scope="module")
def table() -> Product:
    with resources.as_file(resources.files("swansong.physics") / "data" / "kerr_quasinormal.h5") as path:
        return read_product(Path(path), kind="kerr-quasinormal-table")


@pytest.fixture(scope="module")
def every_mode(table):
    return [Mode(*map(int, row)) for row in table.arrays["modes"]]


@pytest.fixture(scope="module")
def offered(every_mode):
    """All modes of the table but the one whose branch the solver loses."""
    return [mode for mode in every_mode if mode.label != "423"]


@pytest.mark.parametrize("spin", PUBLISHED)
def test_published_values(spin):
    found = np.asarray(kerr_modes(["220", "221"]).omega(spin))
    np.testing.assert_allclose(found, PUBLISHED[spin], rtol=0, atol=1e-8)


def test_schwarzschild_frequencies_do_not_depend_on_m(every_mode, offered, table):
    """No mode is further from its family than the error that the table states for it."""
    omega = dict(zip(offered, np.asarray(kerr_modes(offered).omega(0.0)), strict=True))
    error = dict(zip(every_mode, table.arrays["interpolation_error"], strict=True))
    for mode in offered:
        aligned = Mode(mode.l, mode.l, mode.n)
        assert abs(omega[mode] - omega[aligned]) < 1e-8 + error[mode], mode


def test_overtones_are_ordered_by_damping(offered):
    spins = jnp.linspace(0.0, 0.9, 10)
    omega = dict(zip(offered, np.asarray(kerr_modes(offered).omega(spins)).T, strict=True))
    assert all((w.imag < 0).all() and (w.real > 0).all() for w in omega.values())
    for mode in offered:
        if mode.n:
            assert (omega[mode].imag < omega[Mode(mode.l, mode.m, mode.n - 1)].imag).all(), mode


def test_a_mode_that_the_table_does_not_know_well_is_not_offered():
    with pytest.raises(InputError, match="423"):
        kerr_modes(["423"])


def test_frequencies_rise_with_m_when_the_hole_spins():
    """Frame dragging splits the modes of one l: corotating ones ring higher."""
    real = np.asarray(kerr_modes([(3, m, 0) for m in range(-3, 4)]).omega(0.7)).real
    assert (np.diff(real) > 0).all()


@pytest.mark.parametrize("mode", [(2, 2, 0), (3, -2, 1), (4, 4, 3)])
def test_the_solver_itself_agrees(mode):
    pytest.importorskip("qnm", reason="the development extra `qnm` solves the equations anew")
    from qnm.schwarzschild.tabulated import QNMDict
    from qnm.spinsequence import KerrSpinSeq

    QNMDict(init=True)
    l, m, n = mode
    sequence = KerrSpinSeq(a_max=0.72, delta_a=0.01, s=-2, l=l, m=m, n=n)
    sequence.do_find_sequence()
    spins = np.random.default_rng(5).uniform(0.02, 0.7, 4)
    solved = np.array([sequence(a=float(spin), store=False)[0] for spin in spins])
    np.testing.assert_allclose(np.asarray(kerr_modes([mode]).omega(spins))[:, 0], solved, rtol=0, atol=2e-8)


def test_the_table_says_how_well_it_interpolates(table, every_mode):
    error = dict(zip(every_mode, table.arrays["interpolation_error"], strict=True))
    assert len(error) == 4 * sum(2 * l + 1 for l in (2, 3, 4, 5))
    aligned = [error[mode] for mode in every_mode if mode.m == mode.l]
    assert max(error[Mode(l, l, n)] for l in (2, 3, 4, 5) for n in (0, 1, 2)) < 1e-12
    assert max(aligned) < 1e-9
    assert max(error[mode] for mode in every_mode if mode.n == 0) < 1e-9
    assert np.median(list(error.values())) < 1e-9
    # Branches that bend sharply, or cross the damped family, near the extremal limit; 423 is poor everywhere.
    loose = {mode.label for mode in every_mode if error[mode] > 2e-6}
    assert loose <= {"211", "212", "313", "423"}


@pytest.mark.parametrize("label", ["220", "221"])
def test_berti_fits_err_as_much_as_they_are_known_to(label):
    spins = jnp.linspace(0.0, 0.99, 200)
    exact, fit = (
        kerr_modes([label], frequencies=kind).frequencies_and_damping_times(final_mass=70.0, final_spin=spins)
        for kind in ("exact", "berti")
    )
    frequency, damping = (np.abs(1.0 - np.asarray(e / f)).max() for f, e in zip(fit, exact, strict=True))
    assert 1e-3 < frequency < 0.0195
    assert 1e-3 < damping < 0.0325


def test_berti_fits_follow_their_formula():
    f1, f2, f3, q1, q2, q3 = BERTI_FITS[2, 2, 0]
    real = f1 + f2 * 0.3**f3
    quality = q1 + q2 * 0.3**q3
    omega = complex(kerr_modes(["220"], frequencies="berti").omega(0.7)[0])
    assert omega.real == pytest.approx(real, rel=1e-12)
    assert -omega.real / (2.0 * omega.imag) == pytest.approx(quality, rel=1e-12)


def test_a_remnant_of_gw150914_rings_at_250_hz_for_4_ms():
    frequency, damping = kerr_modes(["220"]).frequencies_and_damping_times(final_mass=68.0, final_spin=0.68)
    assert float(frequency[0]) == pytest.approx(PUBLISHED[0.68][0].real / (2 * np.pi * 68.0 * GM_SUN), rel=1e-7)
    assert float(damping[0]) == pytest.approx(-68.0 * GM_SUN / PUBLISHED[0.68][0].imag, rel=1e-7)
    assert 245 < float(frequency[0]) < 255
    assert 3.9e-3 < float(damping[0]) < 4.3e-3


@given(spin=st.floats(0.0, 0.99), mass=st.floats(5.0, 500.0))
def test_frequencies_scale_inversely_with_mass(spin, mass):
    modes = kerr_modes(["220"])
    scaled = modes.angular_frequencies(final_mass=mass, final_spin=spin) * mass * GM_SUN
    np.testing.assert_allclose(scaled, modes.omega(spin), rtol=1e-12)


@pytest.mark.parametrize("kind", ["exact", "berti"])
def test_values_and_gradients_are_finite_up_to_the_last_spin(kind):
    modes = kerr_modes(["220", "221"], frequencies=kind)
    spins = jnp.array([0.0, 0.3, 0.99, modes.maximum_spin])

    @eqx.filter_jit
    def both(spin):
        omega = modes.omega(spin)
        return jnp.concatenate([omega.real, omega.imag])

    value, slope = jax.vmap(both)(spins), jax.vmap(jax.jacfwd(both))(spins)
    assert np.isfinite(value).all()
    assert np.isfinite(slope).all()
    step = 1e-6
    difference = (both(0.3 + step) - both(0.3 - step)) / (2 * step)
    np.testing.assert_allclose(slope[1], difference, rtol=1e-6)


def test_batches_keep_their_shape():
    modes = kerr_modes(["220", "221", "330"])
    spins = np.random.default_rng(0).uniform(0, 0.9, (3, 2))
    together = modes.omega(spins)
    assert together.shape == (3, 2, 3)
    np.testing.assert_array_equal(together[1, 1], modes.omega(spins[1, 1]))


@pytest.mark.parametrize(
    "text, mode",
    [
        ("220", (2, 2, 0)),
        ("3-21", (3, -2, 1)),
        ("(2,2,0)", (2, 2, 0)),
        ("( 4, -3, 2 )", (4, -3, 2)),
        ((5, 5, 1), (5, 5, 1)),
    ],
)
def test_labels_are_read(text, mode):
    assert Mode.parse(text) == mode
    assert Mode.parse(Mode.parse(text).label) == mode


@pytest.mark.parametrize("text", ["", "22", "2200", "abc", "2.20", "2,2", "-220"])
def test_nonsense_labels_are_refused(text):
    with pytest.raises(InputError, match="degree, order, overtone"):
        Mode.parse(text)


@pytest.mark.parametrize(
    "modes, kind, message",
    [
        (["990"], "exact", '"990"'),
        (["237"], "exact", '"237"'),
        (["330"], "berti", "known are 220, 221"),
        (["220", "(2,2,0)"], "exact", "once"),
        ([], "exact", "at least one"),
    ],
)
def test_lists_of_modes_that_cannot_be_served(modes, kind, message):
    with pytest.raises(InputError) as caught:
        kerr_modes(modes, frequencies=kind)
    assert message in str(caught.value)


def test_spins_outside_the_table_are_refused():
    modes = kerr_modes(["220"])
    assert modes.maximum_spin >= 0.99
    modes.check_spin(0.0)
    modes.check_spin(modes.maximum_spin)
    for spin in (-0.01, 0.999, 1.2, float("nan")):
        with pytest.raises(DomainError, match=str(modes.maximum_spin)):
            modes.check_spin(spin)
