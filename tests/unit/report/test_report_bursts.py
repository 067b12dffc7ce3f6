"""What the page of a burst says beyond its parameters."""

import numpy as np
import pytest

from swansong.inference.parameters import Parameter, Parameters
from swansong.inference.posterior import Posterior
from swansong.report import measured, scan_headline, sky_facts
from swansong.report.bursts import decided, derived_table, sky_table, true_direction
from swansong.signals import SkyMap

PARAMETERS = Parameters([Parameter(name, minimum=-7.0, maximum=7.0) for name in ("ra", "dec", "total_mass")])
FLAT = SkyMap(np.full(48, 1.0 / 48.0))
SKY = 4.0 * np.pi * (180.0 / np.pi) ** 2


def posterior(*, truth=None, **metadata):
    return Posterior(PARAMETERS, np.zeros((3, 3)), truth=truth, metadata=metadata)


def test_a_flat_sky_has_its_areas_in_proportion():
    facts = sky_facts(FLAT, posterior())
    assert facts == {"area_50": pytest.approx(0.5 * SKY), "area_90": pytest.approx(0.9 * SKY), "unit": "deg^2"}
    assert len(sky_table(FLAT, posterior()).rows) == 2


def test_the_true_direction_is_found_by_name():
    injected = posterior(truth=np.array([1.0, -0.5, 30.0]))
    assert true_direction(injected) == (1.0, -0.5)
    assert true_direction(posterior()) is None
    peaked = np.full(48, 0.5 / 47.0)
    peaked[FLAT.pixel(1.0, -0.5)] = 0.5
    assert sky_facts(SkyMap(peaked), injected)["truth_level"] == pytest.approx(0.25)
    assert len(sky_table(SkyMap(peaked), injected).rows) == 3


@pytest.mark.parametrize(
    "dominated, shown, left_out",
    [
        ([], ("ra", "dec", "total_mass"), ()),
        (["dec"], ("ra", "total_mass"), ("dec",)),
        (["ra", "dec"], ("ra", "dec", "total_mass"), ()),
    ],
)
def test_what_the_prior_decides_is_left_out_while_two_remain(dominated, shown, left_out):
    assert decided(posterior(prior_dominated=dominated)) == (shown, left_out)
    assert decided(posterior())[1] == ()


def test_derived_numbers_come_in_their_order_with_their_units():
    row = {"median": 2.0, "lower": 1.0, "upper": 3.0}
    found = posterior(derived={"strain_amplitude": row, "timescale": row}, goodness_of_fit=0.5, seed=3)
    table = derived_table(found)
    assert table is not None
    assert table.rows == (("timescale", 2.0, 1.0, 3.0, "s"), ("strain_amplitude", 2.0, 1.0, 3.0, ""))
    assert set(measured(found)) == {"derived", "goodness_of_fit"}
    assert derived_table(posterior()) is None


def test_candidates_are_counted_in_words():
    assert [scan_headline(count, 1200) for count in range(3)] == [
        "no candidates in 1,200 windows",
        "1 candidate in 1,200 windows",
        "2 candidates in 1,200 windows",
    ]
