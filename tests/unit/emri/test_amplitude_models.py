"""Models of amplitudes behind one interface: what they refuse, what they answer, and what they flag."""

import numpy as np
import pytest
from scipy.optimize import brentq

from swansong.core.errors import DomainError, InputError
from swansong.emri.amplitudes.errors import kludge_error
from swansong.emri.amplitudes.kludge import kludge_modes
from swansong.emri.amplitudes.models import MODELS, dominant_modes, load
from swansong.emri.amplitudes.products import mode_error
from swansong.physics.geodesics import orbit_frequencies, separatrix

MODES = np.array([(2, 2, 0, 0), (2, 1, 1, 0), (3, 3, 0, 1), (2, 0, 2, -1), (4, -2, 1, 1)])
ORBITS = np.array([[0.6, 9.0, 0.2, 0.5], [0.6, 10.0, 0.2, -0.5], [0.9, 7.0, 0.2, 0.8]])
NEAR = {"a": 0.9, "p": float(separatrix(0.9, 0.2, 0.5)) + 0.2, "e": 0.2, "x": 0.5}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    return load(request.param)


@pytest.fixture(scope="module")
def lowrank():
    return load()


@pytest.fixture(scope="module")
def answer(lowrank):
    a, p, e, x = ORBITS.T
    return lowrank(a=a, p=p, e=e, x=x, modes=MODES)


# What is refused


@pytest.mark.parametrize(
    "orbit, sentence",
    [
        ((0.0, 5.9, 0.0, 1.0), r"p = 5\.9 lies inside the separatrix 6 at a = 0, e = 0, x = 1"),
        ((1.0, 10.0, 0.1, 0.5), r"`a` must lie in \[0, 1\), got 1"),
        ((-0.5, 10.0, 0.1, 0.5), "give retrograde orbits a negative `x`"),
        ((0.5, 10.0, 0.1, 1.2), r"`x` must lie in \[-1, 1\], got 1\.2"),
        ((0.5, 10.0, 1.0, 0.5), r"`e` must lie in \[0, 1\), got 1"),
        ((0.5, 10.0, -0.1, 0.5), r"`e` must lie in \[0, 1\), got -0\.1"),
        ((np.nan, 10.0, 0.1, 0.5), "`a` must lie in"),
        ((0.5, np.nan, 0.1, 0.5), "`p` must be finite"),
        ((0.5, np.inf, 0.1, 0.5), "`p` must be finite"),
        ((0.5, 10.0, np.nan, 0.5), "`e` must lie in"),
        ((0.5, 10.0, 0.1, np.nan), "`x` must lie in"),
    ],
)
def test_orbits_that_are_none_are_refused_by_name(model, orbit, sentence):
    named = dict(zip("apex", orbit, strict=True))
    for ask in (lambda: model(**named, modes=MODES, extrapolate="kludge"), lambda: model.error(**named)):
        with pytest.raises(DomainError, match=sentence):
            ask()


@pytest.mark.parametrize(
    "orbit, sentence",
    [
        ((0.995, 10.0, 0.1, 0.5), r"a = 0\.995 lies outside the domain of `lowrank`, a <= 0\.99"),
        ((0.5, 12.0, 0.55, 0.5), r"e = 0\.55 lies outside the domain of `lowrank`, e <= 0\.5"),
        ((0.0, 6.3, 0.0, 1.0), r"p = 6\.3 lies 0\.3 from the separatrix, .* 0\.5 to 30"),
        ((0.0, 46.0, 0.0, 1.0), r"p = 46 lies 40 from the separatrix, .* 0\.5 to 30"),
    ],
)
def test_orbits_outside_the_domain_are_refused_with_its_edge(lowrank, orbit, sentence):
    named = dict(zip("apex", orbit, strict=True))
    for ask in (lambda: lowrank(**named, modes=MODES), lambda: lowrank.error(**named)):
        with pytest.raises(DomainError, match=sentence + r".*; stay inside, or pass extrapolate='kludge'"):
            ask()


def test_the_edge_of_the_domain_belongs_to_it(lowrank):
    corners = [(a, s, e, x) for a in (0.0, 0.99) for s in (0.5, 30.0) for e in (0.0, 0.5) for x in (-1.0, 1.0)]
    a, distance, e, x = np.array(corners).T
    assert (lowrank.error(a=a, p=np.asarray(separatrix(a, e, x)) + distance, e=e, x=x) > 0.0).all()


def test_unknown_names_and_modes_are_refused(model):
    with pytest.raises(InputError, match="there is no model of amplitudes 'best'; choose one of kludge, lowrank"):
        load("best")
    orbit = {"a": 0.5, "p": 10.0, "e": 0.1, "x": 0.5}
    with pytest.raises(InputError, match="`extrapolate` must be 'error' or 'kludge', got 'guess'"):
        model(**orbit, modes=MODES, extrapolate="guess")
    for modes, sentence in (
        (MODES.astype(float), r"integer array of shape \(modes, 4\)"),
        (MODES[0], r"integer array of shape \(modes, 4\)"),
        ([(2, 3, 0, 0)], r"\(2, 3, 0, 0\).*\|m\| is larger than l"),
        ([(11, 3, 0, 0)], "l lies outside 2 to 10"),
        ([(2, 0, 0, 0)], "it is static"),
    ):
        with pytest.raises(InputError, match=sentence):
            model(**orbit, modes=modes)
    with pytest.raises(InputError, match=r"arrays of one dimension, got shape \(2, 2\)"):
        model(a=np.zeros((2, 2)), p=10.0, e=0.1, x=1.0, modes=MODES)


# What is answered


def test_shapes_and_frequencies(answer):
    assert answer.shape == answer.values.shape == answer.frequencies.shape == (3, 5)
    assert len(answer) == 3
    array = np.asarray(answer)
    assert array.dtype == np.complex128
    np.testing.assert_array_equal(array, answer.values)
    np.testing.assert_array_equal(answer.orbits, ORBITS)
    np.testing.assert_array_equal(answer.modes, MODES)
    assert answer.error.shape == answer.resonant.shape == answer.extrapolated.shape == (3,)
    assert not answer.extrapolated.any()
    assert np.isfinite(answer.values).all()
    assert (np.abs(answer.values) > 0.0).all()
    found = orbit_frequencies(*ORBITS.T)
    expected = np.column_stack([found.azimuthal, found.polar, found.radial]) @ MODES[:, 1:].T
    np.testing.assert_allclose(answer.frequencies, expected, rtol=1e-12)
    np.testing.assert_allclose(answer.power, np.abs(answer.values) ** 2 / (4.0 * np.pi * expected**2), rtol=1e-12)


def test_one_orbit_is_the_same_as_in_a_batch(lowrank, answer):
    for row, (a, p, e, x) in enumerate(ORBITS):
        alone = lowrank(a=a, p=p, e=e, x=x, modes=MODES)
        assert alone.shape == (1, 5)
        np.testing.assert_allclose(alone.values[0], answer.values[row], rtol=1e-12)
        np.testing.assert_allclose(alone.frequencies[0], answer.frequencies[row], rtol=1e-12)
        assert alone.error[0] == pytest.approx(answer.error[row])


def test_scalars_broadcast_and_modes_may_repeat_in_any_order(lowrank, answer):
    rows = [4, 0, 0, 2]
    found = lowrank(a=0.6, p=[9.0, 9.0], e=0.2, x=0.5, modes=MODES[rows])
    assert found.shape == (2, 4)
    np.testing.assert_allclose(found.values, np.tile(answer.values[0, rows], (2, 1)), rtol=1e-12)


def test_the_kludge_is_the_baseline_in_either_sense_of_rotation(answer):
    found = load("kludge")(**dict(zip("apex", ORBITS.T, strict=True)), modes=MODES)
    for row, orbit in enumerate(ORBITS):
        np.testing.assert_allclose(found.values[row], kludge_modes(orbit[None], MODES)[0], rtol=1e-9)
    # Close to the exact answer too, signs and phases included, retrograde or not.
    assert (mode_error(found.values, answer.values, frequencies=answer.frequencies) < 1e-2).all()
    assert np.abs(found.values[:, 0] / answer.values[:, 0] - 1.0).max() < 0.15


def test_retrograde_orbits_turn_the_other_way(answer):
    # The azimuth of a retrograde orbit decreases: (2, 2, 0, 0) has negative frequency, and power goes to k = 4.
    assert (np.sign(answer.frequencies[:, 0]) == [1.0, -1.0, 1.0]).all()
    modes = np.array([(2, 2, k, 0) for k in range(-1, 6)])
    found = load()(a=0.6, p=10.0, e=0.1, x=-0.9, modes=modes)
    assert modes[np.argmax(found.power[0]), 2] == 0
    steep = load()(a=0.6, p=10.0, e=0.1, x=-0.1, modes=modes)
    assert steep.power[0, 5] > 0.1 * steep.power[0].max()


@pytest.mark.parametrize("name", MODELS)
def test_errors_are_positive_estimates(name, answer):
    found = load(name).error(**dict(zip("apex", ORBITS.T, strict=True)))
    assert found.shape == (3,)
    assert ((found > 0.0) & (found < 0.1)).all()
    if name == "lowrank":
        np.testing.assert_allclose(found, answer.error)


# Dominant sets


def test_modes_left_to_the_model_are_the_strongest_first(lowrank):
    a, p, x = [0.5, 0.5], [8.0, 20.0], 1.0
    found = lowrank(a=a, p=p, e=0.0, x=x)
    assert found.modes.shape == (*found.shape, 4)
    listed = (found.modes != 0).any(axis=-1)
    assert (found.values[~listed] == 0.0).all()
    assert (np.diff(found.power, axis=1) <= 1e-12 * found.power[:, :1]).all()
    # The closer orbit needs more modes; neither has repetitions.
    count = listed.sum(axis=1)
    assert count[0] > count[1] > 1
    assert all(len(np.unique(row[: int(n)], axis=0)) == n for row, n in zip(found.modes, count, strict=True))
    assert found.modes[:, 0].tolist() == [[2, 2, 0, 0]] * 2
    # All the power there is but a thousandth.
    whole = np.array([(l, m, 0, 0) for l in range(2, 11) for m in range(1, l + 1)])
    total = lowrank(a=a, p=p, e=0.0, x=x, modes=whole).power.sum(axis=1)
    missing = 1.0 - found.power.sum(axis=1) / total
    assert ((missing > 0.0) & (missing < 2e-3)).all()
    for row, n in enumerate(count):
        again = lowrank(a=a[row], p=p[row], e=0.0, x=x, modes=found.modes[row, : int(n)])
        np.testing.assert_allclose(again.values[0], found.values[row, : int(n)], rtol=1e-12)


def test_smaller_shares_are_the_beginning_of_larger_ones():
    orbit = np.array([0.5, 8.0, 0.0, 1.0])
    few, many = dominant_modes(orbit, share=0.9), dominant_modes(orbit, share=0.9999)
    assert len(few) < len(many)
    np.testing.assert_array_equal(many[: len(few)], few)


# What is flagged


def test_outside_the_domain_the_baseline_answers_and_says_so(lowrank):
    inside = {"a": 0.6, "p": 9.0, "e": 0.2, "x": 0.5}
    both = {name: np.array([inside[name], NEAR[name]]) for name in "apex"}
    with pytest.raises(DomainError, match=r"lies 0\.2 from the separatrix"):
        lowrank(**both, modes=MODES)
    found = lowrank(**both, modes=MODES, extrapolate="kludge")
    assert found.extrapolated.tolist() == [False, True]
    orbit = np.array([[NEAR[name] for name in "apex"]])
    np.testing.assert_allclose(found.values[1], kludge_modes(orbit, MODES)[0], rtol=1e-12)
    np.testing.assert_allclose(found.values[0], lowrank(**inside, modes=MODES).values[0], rtol=1e-12)
    assert found.error[1] > found.error[0]
    assert found.error[1] == pytest.approx(kludge_error(orbit)[0], rel=1e-9)
    np.testing.assert_allclose(lowrank.error(**both, extrapolate="kludge"), found.error)


def test_resonances_are_flagged(lowrank):
    a, e, x = 0.9, 0.2, 0.5

    def detuning(p):
        found = orbit_frequencies(a, p, e, x)
        return float(2.0 * found.polar - 3.0 * found.radial)

    p = float(brentq(detuning, float(separatrix(a, e, x)) + 0.6, 20.0))
    modes = MODES[:1]
    found = lowrank(a=a, p=[p, p + 1.0], e=e, x=x, modes=modes)
    assert found.resonant.tolist() == [True, False]
    # Motion of one frequency cannot resonate.
    for orbit in ((0.0, p, e, x), (a, p, 0.0, x), (a, p, e, 1.0)):
        named = dict(zip("apex", orbit, strict=True))
        assert not lowrank(**named, modes=modes).resonant.any()
