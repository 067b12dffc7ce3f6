"""Laws of hardening, the scattering rates, and what they follow from."""

import math

import numpy as np
import pytest

from swansong.binaries.evolution.hardening import (
    Constant,
    Exponential,
    ExponentialFloor,
    Scattering,
    TimeLaws,
    dispersion,
    hard_axis,
    influence_radius,
    value_at,
)
from swansong.binaries.evolution.rate_tables import NODES
from swansong.binaries.nbody.galaxies import DehnenGalaxy
from swansong.core.errors import InputError


@pytest.mark.parametrize(
    "law, start, later, end",
    [
        (Constant(3.0), 3.0, 3.0, 3.0),
        (Exponential(3.0, 10.0), 3.0, 3.0 / math.e, 0.0),
        (ExponentialFloor(3.0, 10.0, 1.0), 3.0, 1.0 + 2.0 / math.e, 1.0),
    ],
)
def test_laws_and_the_compiled_ones(law, start, later, end):
    times = np.array([0.0, 10.0, 1e4])
    np.testing.assert_allclose(value_at(law, times), [start, later, end], atol=1e-12)
    s, k = TimeLaws(law, law).rates(times, 0.01, 0.5)
    np.testing.assert_allclose(s, [start, later, end], atol=1e-12)
    np.testing.assert_allclose(k, s)


def test_scattering_rates_are_the_tables_at_its_nodes():
    law = Scattering(2.0, 0.01)
    s, _ = law.rates(0.0, np.array([1e-9, 0.0348, 0.348]), 0.5)
    np.testing.assert_allclose(s, 2.0 * 14.55 * np.array([1.0, 2.0, 11.0]) ** -0.95, rtol=1e-6)
    # At a = a_h and the eccentricities 0.45 and 0.9 of the table.
    _, k = law.rates(0.0, 0.01, np.array([0.45, 0.9]))
    expected = [0.105 * (1 + 1 / 0.088) ** -0.893 - 0.005, 0.082 * (1 + 1 / 0.085) ** -0.663 - 0.004]
    np.testing.assert_allclose(k, expected, rtol=1e-12)


def test_growth_is_smooth_and_vanishes_at_both_ends():
    law = Scattering(1.0, 0.01)
    e = np.concatenate([[0.0], np.sort(np.concatenate([NODES[1:-1] - 1e-7, NODES[1:-1] + 1e-7])), [1.0 - 1e-12]])
    _, k = law.rates(0.0, 1e-4, e)
    assert k[0] == 0.0
    assert abs(k[-1]) < 1e-10
    assert np.all(np.abs(k[2:-1:2] - k[1:-1:2]) < 1e-6)
    _, fine = law.rates(0.0, 1e-4, np.linspace(0.0, 1.0, 2001)[:-1])
    # No corner: neighbouring slopes differ by little.
    assert np.abs(np.diff(fine, 2)).max() < 1e-5
    assert fine.min() >= 0.0
    assert fine.max() < 0.2


def test_a_galaxy_of_the_ensemble_feeds_its_pair_as_estimated():
    law = Scattering.of_galaxy(DehnenGalaxy(mass=1.0, hole=0.01), mass_1=0.005, mass_2=0.005)
    s, _ = law.rates(0.0, 1.0 / 60.0, 0.0)
    assert s == pytest.approx(6.0, rel=0.1)
    assert influence_radius(DehnenGalaxy(mass=1.0), mass=0.01) == pytest.approx(0.26443, rel=1e-4)
    # a_h = r_m / 16 of the sheet, with r_m of one galaxy before the merger.
    assert hard_axis(DehnenGalaxy(), mass_1=0.005, mass_2=0.005) == pytest.approx(0.26443 / 16.0, rel=1e-4)
    assert hard_axis(DehnenGalaxy(), mass_1=0.005, mass_2=0.001) < 0.26443 / 16.0


def test_dispersion_of_a_hernquist_galaxy():
    # Hernquist 1990, ApJ 356, 359, equation 10, at r = a.
    closed = (12.0 * 8.0 * math.log(2.0) - 0.5 * (25.0 + 52.0 + 42.0 + 12.0)) / 12.0
    assert dispersion(DehnenGalaxy(mass=1.0, slope=1.0, hole=0.0), 1.0) ** 2 == pytest.approx(closed, rel=1e-9)


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: Scattering.of_galaxy(DehnenGalaxy(), mass_1=0.001, mass_2=0.005), "`mass_2` the smaller"),
        (lambda: influence_radius(DehnenGalaxy(mass=0.01), mass=0.01), "more than twice"),
        (lambda: TimeLaws(Constant(np.ones((2, 2)))).rows(2), "one number a pair"),
    ],
)
def test_bad_input_is_refused(call, text):
    with pytest.raises(InputError, match=text):
        call()
