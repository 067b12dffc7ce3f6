"""Spectra: published fits, packaged tables, interpolation and refusals."""

import numpy as np
import pytest

from swansong.core.errors import DataError, FileError, InputError
from swansong.signals import Spectrum, design_spectrum, load_spectrum, spectrum_names


# Points of the official zero-detuned, high-power curve of LIGO-T0900288.
@pytest.mark.parametrize(
    ("frequency", "official"),
    [(25.018579, 1.5351524e-46), (100.03606, 1.5907433e-47), (249.92014, 1.3823127e-47), (998.2, 2.925e-47)],
)
def test_advanced_ligo_follows_the_official_curve(frequency, official):
    assert design_spectrum("aLIGO").interpolate(np.array(frequency)) == pytest.approx(official, rel=0.05)


def test_advanced_virgo_is_the_published_fit():
    value = 1.259e-24 * (0.07 * np.exp(-0.142) + 3.1 * np.exp(-0.466) + 0.4 * np.exp(-0.304) + 0.09 * np.exp(1.466))
    assert design_spectrum("AdV").interpolate(np.array(300.0)) == pytest.approx(value**2, rel=1e-4)


@pytest.mark.parametrize("name", spectrum_names())
def test_packaged_spectra_are_sane(name):
    spectrum = load_spectrum(name)
    assert spectrum.name == name
    assert 1e-48 < spectrum.interpolate(np.array(170.0)) < 1e-45
    assert spectrum.interpolate(np.array(10.0)) > 100 * spectrum.interpolate(np.array(170.0))


def test_observed_noise_ranks_the_detectors():
    level = {name: load_spectrum(f"O3-{name}").interpolate(np.array(170.0)) for name in ("H1", "L1", "V1")}
    assert level["L1"] < level["H1"] < level["V1"]


@pytest.mark.parametrize("name", ["H1", "L1", "V1"])
def test_packaged_tables_are_the_public_ones(shared_data, name):
    frequency, amplitude = np.loadtxt(shared_data / f"o3a_asd_{name}.txt", unpack=True)
    packaged = load_spectrum(f"O3-{name}")
    np.testing.assert_allclose(packaged.frequency, frequency, rtol=1e-5)
    np.testing.assert_allclose(packaged.asd, amplitude, rtol=1e-5)


def test_interpolation_is_exact_for_power_laws_and_held_outside():
    frequency = np.geomspace(10, 1000, 7)
    spectrum = Spectrum(frequency, frequency**-3.0)
    inside = np.array([11.0, 123.0, 999.0])
    np.testing.assert_allclose(spectrum.interpolate(inside), inside**-3.0)
    np.testing.assert_allclose(spectrum.interpolate(np.array([0.0, 9.0, 2000.0])), [1e-3, 1e-3, 1e-9])
    np.testing.assert_allclose(spectrum.interpolate(frequency), spectrum.psd)
    np.testing.assert_allclose(spectrum.asd**2, spectrum.psd)


def test_text_files_hold_power_or_amplitude(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("# f asd\n0 5e-20\n10 1e-20\n20 2e-21\n")
    np.testing.assert_allclose(load_spectrum(path, amplitude=True).psd, [1e-40, 4e-42])
    power = load_spectrum(path)
    np.testing.assert_allclose(power.psd, [1e-20, 2e-21])
    np.testing.assert_allclose(power.frequency, [10, 20])
    assert power.name == "mine"


def test_spectrum_cannot_be_changed():
    spectrum = design_spectrum("aLIGO")
    with pytest.raises(ValueError, match="read-only"):
        spectrum.psd[0] = 1.0


@pytest.mark.parametrize(
    ("frequency", "psd", "message"),
    [
        ([1], [1], "2 or more"),
        ([1, 2, 3], [1, 0, 1], "1 values that are not positive and finite, the first at 2 Hz"),
        ([1, 2, 3], [1, 1, np.nan], "first at 3 Hz"),
        ([1, 3, 2], [1, 1, 1], "increasing"),
        ([0, 1, 2], [1, 1, 1], "drop zero frequency"),
    ],
)
def test_bad_tables_are_named(frequency, psd, message):
    with pytest.raises(DataError, match=message):
        Spectrum(np.array(frequency, float), np.array(psd, float))


def test_columns_must_pair():
    # Under run-time type checks jaxtyping refuses the shapes first, with its own TypeError.
    with pytest.raises((DataError, TypeError)):
        Spectrum(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0]))


@pytest.mark.parametrize(("content", "message"), [("", "shape"), ("10\n20\n", "two columns"), ("a b\n", "columns of")])
def test_bad_files_are_named(tmp_path, content, message):
    path = tmp_path / "bad.txt"
    path.write_text(content)
    with pytest.raises(FileError, match=message):
        load_spectrum(path)


def test_unknown_names_list_the_known():
    with pytest.raises(FileError, match="aLIGO-design, AdV-design, O3-H1"):
        load_spectrum("O4-H1")
    with pytest.raises(InputError, match="one of aLIGO, AdV"):
        design_spectrum("LISA")
    with pytest.raises(InputError, match="minimum"):
        design_spectrum("aLIGO", minimum=0.0)
