import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swansong.core.errors import InputError
from swansong.inference import Parameter, Parameters

PARAMETERS = Parameters(
    [
        Parameter("final_mass", unit="Msun", latex="$M_f$", minimum=0.0),
        Parameter("phase", unit="rad", minimum=0.0, maximum=2 * np.pi, periodic=True),
        Parameter("final_spin", minimum=0.0, maximum=1.0),
    ]
)


def test_names_labels_and_order():
    assert PARAMETERS.names == ("final_mass", "phase", "final_spin")
    assert PARAMETERS.labels == ("$M_f$ [Msun]", "phase [rad]", "final_spin")
    assert PARAMETERS.index("final_spin") == 2
    assert PARAMETERS["phase"].period == pytest.approx(2 * np.pi)
    assert "phase" in PARAMETERS
    assert "spin" not in PARAMETERS
    assert PARAMETERS.select(["final_spin", "final_mass"]).names == ("final_spin", "final_mass")


def test_pack_and_unpack_are_inverse_and_broadcast():
    array = PARAMETERS.pack({"final_spin": 0.7, "final_mass": np.array([60.0, 70.0]), "phase": 1.0})
    np.testing.assert_array_equal(array, [[60.0, 1.0, 0.7], [70.0, 1.0, 0.7]])
    np.testing.assert_array_equal(PARAMETERS.pack(PARAMETERS.unpack(array)), array)


def test_pack_works_under_jit():
    packed = jax.jit(lambda m: PARAMETERS.pack({"final_mass": m, "phase": 0.0, "final_spin": 0.5}))(60.0)
    assert isinstance(packed, jax.Array)
    assert packed.dtype == jnp.float64
    np.testing.assert_array_equal(packed, [60.0, 0.0, 0.5])


def test_json_round_trip_keeps_infinite_limits():
    assert Parameters.from_list(json.loads(json.dumps(PARAMETERS.to_list(), allow_nan=False))) == PARAMETERS


@given(st.floats(-1e3, 1e3))
def test_wrapping_stays_in_range_and_on_the_circle(value):
    wrapped = PARAMETERS["phase"].wrap(np.array(value))
    assert 0.0 <= wrapped < 2 * np.pi
    assert np.cos(wrapped - value) == pytest.approx(1.0, abs=1e-12)


def test_wrapping_a_hair_below_the_minimum_does_not_reach_the_maximum():
    assert PARAMETERS["phase"].wrap(np.array(-1e-20)) == 0.0


def test_wrap_and_limits_of_arrays():
    array = np.array([[60.0, 7.0, 0.5], [-1.0, 1.0, 0.5], [60.0, np.nan, 0.5]])
    assert PARAMETERS.contains(array).tolist() == [False, False, False]
    assert PARAMETERS.contains(PARAMETERS.wrap(array)).tolist() == [True, False, False]


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Parameter("x", minimum=1.0, maximum=1.0), "minimum below the maximum"),
        (lambda: Parameter("x", minimum=float("nan")), "minimum below the maximum"),
        (lambda: Parameter("x", periodic=True), "no finite period"),
        (lambda: Parameter("final mass"), "not a name"),
        (lambda: Parameters(["x", "y", "x"]), "more than once"),
        (lambda: PARAMETERS.index("final_spn"), "did you mean 'final_spin'"),
        (lambda: PARAMETERS.pack({"phase": 1.0}), "no value is given"),
        (lambda: PARAMETERS.unpack(np.zeros((3, 2))), r"\(3, 2\) does not hold 3 parameters"),
        (lambda: Parameter.from_dict({"name": "x", "units": "s"}), "units"),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
