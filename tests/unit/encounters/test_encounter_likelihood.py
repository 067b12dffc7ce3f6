"""The direct likelihood and the Fisher matrix against independent sums, shifts and known populations."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from swansong.core.errors import DataError, InputError
from swansong.encounters import likelihood
from swansong.encounters.bursts import RepeatedBursts
from swansong.encounters.fisher import fisher_matrix, fisher_widths, prior_widths, repeated_gain
from swansong.encounters.likelihood import DirectLikelihood, Templates
from swansong.encounters.model import EncounterModel
from swansong.encounters.settings import ModelSettings, PriorSettings
from swansong.encounters.waveform import Burst, polarizations
from swansong.signals import antenna_pattern, load_spectrum, network, optimal_snr, time_delay

GPS, DURATION, RATE = 1370692818.0, 4.0, 2048.0
NETWORK = network(("H1", "L1", "V1"))
GRID = np.fft.rfftfreq(8192, 1.0 / RATE)
BAND = (GRID >= 10.0) & (GRID <= 512.0)
FREQUENCY = GRID[BAND]
SPECTRA = [load_spectrum(f"O3-{name}") for name in NETWORK.names]
PSD = np.stack([spectrum.interpolate(FREQUENCY) for spectrum in SPECTRA])
MODEL = EncounterModel(PriorSettings(luminosity_distance=(100.0, 2000.0)))
TRUTH: dict[str, Any] = {
    "mass_ratio": 0.7, "total_mass": 60.0, "eccentricity": 0.88, "semi_latus_rectum": 15.0,
    "luminosity_distance": 300.0, "pericentre_time": 0.1, "ra": 1.0, "dec": 0.5, "psi": 0.3, "theta_jn": 0.6,
    "argument_of_pericentre": 1.2,
}  # fmt: skip
THETA = np.asarray(MODEL.parameters.pack(TRUTH))


def build(data: Any, *, model: EncounterModel = MODEL, wave: Any = None) -> DirectLikelihood:
    return DirectLikelihood(
        data,
        frequency=FREQUENCY, psd=PSD, network=NETWORK, gps=GPS, duration=DURATION, rate=RATE, model=model, wave=wave,
    )  # fmt: skip


def vary(**changes) -> np.ndarray:
    return np.asarray(MODEL.parameters.pack(TRUTH | changes))


def rows(*thetas: np.ndarray) -> np.ndarray:
    """Always four parameter vectors, so that everything is compiled once."""
    return np.stack([*thetas, *[THETA] * (4 - len(thetas))])


@pytest.fixture(scope="module")
def silent() -> DirectLikelihood:
    return build(np.zeros((3, FREQUENCY.size), complex))


@pytest.fixture(scope="module")
def matched(silent) -> DirectLikelihood:
    """The likelihood of data that are the true signal, without noise."""
    return build(np.asarray(silent.signal(rows()))[0])


class TestSignal:
    def test_it_is_the_transform_of_the_strain_in_the_segment(self, silent):
        """Sampled in the time domain at each detector: antenna pattern, delay, start of the segment."""
        found = np.asarray(silent.signal(rows()))[0]
        intrinsic = {
            name: value for name, value in TRUTH.items() if name not in ("pericentre_time", "ra", "dec", "psi")
        }
        wave = jax.jit(lambda times: polarizations(times, **intrinsic))
        for row, observatory in zip(found, NETWORK, strict=True):
            sky: dict[str, Any] = {"right_ascension": 1.0, "declination": 0.5, "gps": GPS}
            delay = float(time_delay(observatory, **sky))
            pattern = antenna_pattern(observatory, **sky, polarization=0.3)
            plus, cross = wave(np.arange(8192) / RATE - 0.5 * DURATION - 0.1 - delay)
            strain = pattern.plus * np.asarray(plus) + pattern.cross * np.asarray(cross)
            expected = (np.fft.rfft(strain) / RATE)[BAND]
            assert np.abs(row - expected).max() < 2e-4 * np.abs(expected).max()

    def test_a_later_pericentre_turns_phases(self, silent):
        early, late = np.asarray(silent.signal(rows(THETA, vary(pericentre_time=-0.05))))[:2]
        turn = np.exp(2j * np.pi * FREQUENCY * 0.15)
        np.testing.assert_allclose(late, early * turn, rtol=1e-9, atol=1e-9 * np.abs(early).max())

    def test_distance_divides(self, silent):
        near, far = np.asarray(silent.signal(rows(THETA, vary(luminosity_distance=900.0))))[:2]
        np.testing.assert_allclose(near, 3.0 * far, rtol=1e-12, atol=1e-12 * np.abs(near).max())

    def test_the_shared_angle_stands_for_both(self, silent):
        shared = EncounterModel(PriorSettings(), ModelSettings(orientation="shared"))
        values = {name: value for name, value in TRUTH.items() if name != "argument_of_pericentre"}
        found = build(np.zeros_like(silent.data), model=shared).signal(shared.parameters.pack(values))
        expected = silent.signal(rows(vary(argument_of_pericentre=TRUTH["psi"])))[0]
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())

    def test_a_long_orbit_loses_nothing_at_the_ends_of_the_grid(self, silent):
        """Apocentres 4 s away; a grid of 16 s gives the same bins."""
        theta = vary(total_mass=160.0, eccentricity=0.92, semi_latus_rectum=24.0)
        longer = Templates(
            frequency=FREQUENCY, parameters=MODEL.parameters, network=NETWORK, wave=Burst(),
            gps=GPS, duration=16.0, rate=RATE,
        )  # fmt: skip
        expected = np.asarray(eqx.filter_jit(longer)(theta)) * np.exp(2j * np.pi * FREQUENCY * 6.0)
        found = np.asarray(silent.signal(rows(theta)))[0]
        lost = np.sum(np.abs(found - expected) ** 2 / PSD) / np.sum(np.abs(expected) ** 2 / PSD)
        assert np.sqrt(lost) < 5e-4


class TestLikelihood:
    def test_the_signal_to_noise_ratio_is_that_of_signals(self, silent, matched):
        strain = np.zeros((3, GRID.size), complex)
        strain[:, BAND] = np.asarray(silent.signal(rows()))[0]
        each = [
            optimal_snr(row, frequency=GRID, spectrum=spectrum, minimum=10.0, maximum=512.0)
            for row, spectrum in zip(strain, SPECTRA, strict=True)
        ]
        assert float(matched.optimal_snr(rows())[0]) == pytest.approx(float(np.linalg.norm(each)), rel=1e-9)

    def test_the_truth_scores_half_its_power(self, matched):
        snr = float(matched.optimal_snr(rows())[0])
        assert snr > 5.0
        assert float(matched.log_likelihood_ratio(rows())[0]) == pytest.approx(0.5 * snr**2, rel=1e-10)

    def test_nothing_scores_more_than_the_truth(self, matched):
        near = (vary(total_mass=61.0), vary(psi=0.35), vary(ra=1.03))
        scores = np.asarray(matched.log_likelihood_ratio(rows(THETA, *near)))
        assert (scores[1:] < scores[0]).all()

    def test_it_is_quadratic_in_the_amplitude(self, matched):
        near, far = np.asarray(matched.log_likelihood_ratio(rows(THETA, vary(luminosity_distance=600.0))))[:2]
        assert far / near == pytest.approx(2 * 0.5 - 0.25, rel=1e-10)

    def test_shapes_follow_the_parameters(self, matched):
        theta = rows(THETA, vary(psi=0.5), vary(ra=2.0))
        found = np.asarray(matched.log_likelihood_ratio(theta.reshape(2, 2, -1)))
        np.testing.assert_array_equal(found, np.asarray(matched.log_likelihood_ratio(theta)).reshape(2, 2))

    def test_chunks_give_every_vector_once(self):
        """More rows than go side by side, and no multiple of them."""
        rows = np.arange(2.0 * (2 * likelihood.BATCH + 5)).reshape(-1, 2)
        np.testing.assert_array_equal(
            likelihood._mapped(lambda row: row * row[0], jnp.asarray(rows)), rows * rows[:, :1]
        )

    @pytest.mark.slow
    def test_the_published_prior_is_mostly_quiet(self):
        """Quantiles of the network's ratio with O3 noise; the population of a distance range up to 2 Gpc."""
        frequency = np.arange(20, 1025) / 2.0
        psd = np.stack([spectrum.interpolate(frequency) for spectrum in SPECTRA])
        coarse = DirectLikelihood(
            np.zeros(psd.shape, complex),
            frequency=frequency, psd=psd, network=NETWORK, gps=GPS, duration=2.0, rate=1024.0, model=MODEL,
        )  # fmt: skip
        snr = np.asarray(coarse.optimal_snr(MODEL.prior.sample(jax.random.key(5), 6000)))
        found = np.quantile(snr, [0.05, 0.25, 0.5, 0.75, 0.95])
        np.testing.assert_allclose(found[1:4], [0.33, 0.76, 1.8], rtol=0.12)
        np.testing.assert_allclose(found[[0, 4]], [0.11, 6.0], rtol=0.2)


class TestBadInput:
    def test_data_of_another_shape_are_refused(self):
        with pytest.raises(DataError, match=r"\(3, 2009\)"):
            build(np.zeros((2, FREQUENCY.size), complex))

    def test_data_that_are_not_finite_are_refused(self):
        with pytest.raises(DataError, match="finite"):
            build(np.full((3, FREQUENCY.size), np.nan, complex))

    def test_bins_off_the_grid_are_refused(self):
        with pytest.raises(DataError, match="multiples of 1/3 Hz"):
            DirectLikelihood(
                np.zeros((3, FREQUENCY.size), complex),
                frequency=FREQUENCY, psd=PSD, network=NETWORK, gps=GPS, duration=3.0, rate=RATE, model=MODEL,
            )  # fmt: skip

    def test_bins_above_half_the_rate_are_refused(self):
        with pytest.raises(DataError, match="above half the rate"):
            DirectLikelihood(
                np.zeros((3, FREQUENCY.size), complex),
                frequency=FREQUENCY, psd=PSD, network=NETWORK, gps=GPS, duration=DURATION, rate=512.0, model=MODEL,
            )  # fmt: skip

    def test_parameters_of_another_number_are_refused(self, silent):
        with pytest.raises(InputError, match="11 parameters"):
            silent.log_likelihood_ratio(np.zeros((4, 10)))


@pytest.fixture(scope="module")
def matrix(silent):
    return np.asarray(fisher_matrix(silent.templates, THETA, psd=PSD))


class TestFisher:
    def test_the_matrix_is_the_curvature_of_the_likelihood(self, matched, matrix):
        """Along a random direction: the drop of the log likelihood close to the truth."""
        step = np.random.default_rng(1).normal(size=THETA.size)
        step *= 0.03 / np.sqrt(step @ matrix @ step)
        scores = np.asarray(matched.log_likelihood_ratio(rows(THETA - step, THETA, THETA + step)))
        assert 2.0 * scores[1] - scores[0] - scores[2] == pytest.approx(0.03**2, rel=1e-3)

    def test_distance_alone_is_known_to_one_over_the_ratio(self, matched, matrix):
        column = MODEL.parameters.index("luminosity_distance")
        snr = float(matched.optimal_snr(rows())[0])
        assert 1.0 / np.sqrt(matrix[column, column]) == pytest.approx(300.0 / snr, rel=1e-9)

    def test_widths_lie_between_the_likelihood_and_the_prior(self, matrix):
        prior = prior_widths(MODEL.parameters)
        assert prior[MODEL.parameters.index("eccentricity")] == pytest.approx(0.1 / np.sqrt(12.0))
        widths = fisher_widths(matrix, prior=prior)
        direct = np.sqrt(np.diag(np.linalg.inv(matrix + np.diag(prior**-2.0))))
        np.testing.assert_allclose(widths, direct, rtol=1e-6)
        assert (widths < prior).all()
        np.testing.assert_allclose(fisher_widths(0.0 * matrix, prior=prior), prior)

    def test_a_matrix_of_nan_is_refused(self, matrix):
        with pytest.raises(InputError, match="passages"):
            fisher_widths(np.nan * matrix, prior=prior_widths(MODEL.parameters))

    def test_models_of_other_parameters_are_refused(self, silent):
        shared = EncounterModel(PriorSettings(), ModelSettings(orientation="shared"))
        other = build(silent.data, model=shared).templates
        with pytest.raises(InputError, match="one model"):
            repeated_gain(THETA, single=silent.templates, repeated=other, psd=PSD)

    @pytest.mark.slow
    def test_repetition_measures_the_kick(self, silent):
        """Three passages at the ratio of one; without precession the mass ratio stays free."""
        theta = vary(mass_ratio=0.5, eccentricity=0.87, semi_latus_rectum=14.0)
        gains = [
            repeated_gain(
                theta,
                single=silent.templates,
                repeated=build(silent.data, wave=RepeatedBursts(precession=precession)).templates,
                psd=PSD,
                snr=15.0,
            )
            for precession in (False, True)
        ]
        for gain in gains:
            assert gain.snr == 15.0
            assert gain.single_kick > 5.0 * gain.repeated_kick
            assert gain.factor("eccentricity") > 4.0
            assert gain.factor("semi_latus_rectum") > 2.0
            assert gain.factor("total_mass") > 1.5
        assert gains[0].factor("mass_ratio") < 1.1 < gains[1].factor("mass_ratio")
