import math

import numpy as np
import pytest

from swansong.core.errors import FileError, InputError
from swansong.inference import (
    Bound,
    Delta,
    Gaussian,
    LogUniform,
    Prior,
    Uniform,
    bilby_prior_dictionary,
    read_bilby_prior,
    write_bilby_prior,
)

TEXT = """
# a prior file with all that bilby writes
mass_1 = Uniform(name='mass_1', minimum=5, maximum=100, unit='$M_{\\\\odot}$', latex_label='$m_1$')
distance = bilby.core.prior.PowerLaw(alpha=2, minimum=50,
                                     maximum=2000, name='distance')  # over two lines
theta_jn = Sine(name='theta_jn')
dec = bilby.prior.Cosine(minimum=-np.pi / 2, maximum=np.pi / 2)
phase = Uniform(0, 2 * np.pi, boundary='periodic')
amplitude = LogUniform(1e-23, 1e-20)
offset = Gaussian(mu=0, sigma=-(-1))
bounded = TruncatedGaussian(mu=0, sigma=1, minimum=-np.inf, maximum=2)
a_1 = 0.5
a_2 = DeltaFunction(peak=0.25)
"""


def test_reads_what_bilby_writes():
    prior = read_bilby_prior(TEXT)
    assert prior.names[:3] == ("mass_1", "distance", "theta_jn")
    assert prior["mass_1"] == Uniform(5.0, 100.0)
    assert prior.parameters["mass_1"].latex == "$m_1$"
    assert prior.parameters["mass_1"].unit == "$M_{\\odot}$"
    assert prior["distance"].alpha == 2.0
    assert prior.parameters.periodic == (False,) * 4 + (True,) + (False,) * 5
    assert prior["phase"].maximum == 2 * math.pi
    assert prior["amplitude"] == LogUniform(1e-23, 1e-20)
    assert prior["bounded"] == Gaussian(0.0, 1.0, maximum=2.0)
    assert prior["a_1"] == Delta(0.5)
    assert prior["a_2"] == Delta(0.25)


def test_text_round_trip(tmp_path):
    text = write_bilby_prior(read_bilby_prior(TEXT))
    assert write_bilby_prior(read_bilby_prior(text)) == text
    (tmp_path / "x.prior").write_text(text)
    again = read_bilby_prior(tmp_path / "x.prior")
    theta = read_bilby_prior(TEXT).from_unit(np.full(10, 0.3))
    np.testing.assert_array_equal(again.from_unit(np.full(10, 0.3)), theta)
    assert again.parameters == read_bilby_prior(TEXT).parameters


def test_json_names_the_classes_of_bilby():
    dictionary = bilby_prior_dictionary(read_bilby_prior("x = Uniform(0, 1, unit='s')\ny = 2"))
    assert dictionary["__prior_dict__"] is True
    assert dictionary["x"]["__name__"] == "Uniform"
    assert dictionary["x"]["kwargs"]["unit"] == "s"
    assert dictionary["y"]["kwargs"]["peak"] == 2.0


def test_dependent_bound_cannot_be_written():
    prior = Prior({"q": Uniform(0.0, 1.0), "a": Uniform(0.0, Bound("q", lambda q: 1.0 - q))})
    with pytest.raises(InputError, match="maximum of 'a' depends on another parameter"):
        write_bilby_prior(prior)


@pytest.mark.parametrize(
    "text, message",
    [
        ("a = 1\nb = Weibull(1, 2)", "line 2 .*'Weibull'.*LogUniform"),
        ("a = Uniform(1, 2, minimum=3)", "line 1 .*twice"),
        ("a = Uniform(minimum=1)", "line 1 .*only"),
        ("a = Uniform(minimum=1, maximum=2, step=3)", "step"),
        ("a = Uniform(2, 1)", "line 1 .*minimum below"),
        ("a = 1\na = 2", "line 2 .*second time"),
        ("a = Uniform(0, 1, boundary='open')", "boundary"),
        ("a = Uniform(0, 1", "line 1"),
        ("a = Uniform('0', 1)", "give a number"),
        ("a = Uniform(0, 1/0)", "division by zero"),
        ("a = b = 1", "one parameter a line"),
        ("# a = 1", "no parameter"),
    ],
)
def test_bad_text_is_refused_with_its_line(text, message):
    with pytest.raises(InputError, match=message):
        read_bilby_prior(text)


def test_text_is_never_executed(tmp_path):
    target = tmp_path / "made"
    with pytest.raises(InputError, match="give a number"):
        read_bilby_prior(f"a = Uniform(__import__('pathlib').Path({str(target)!r}).touch(), 1)")
    assert not target.exists()


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(FileError, match="cannot be read"):
        read_bilby_prior(tmp_path / "none.prior")
