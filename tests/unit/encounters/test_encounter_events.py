"""Settings, simulated events and events cut out of continuous strain."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from swansong.core.errors import DataError, FileError, InputError
from swansong.encounters.events import draw_events, event_from_strain, read_event, simulate_event, simulate_noise
from swansong.encounters.problem import drawn_psd, frequencies, prepare, reference_psd
from swansong.encounters.settings import DataSettings, PriorSettings, Problem, SourceSettings
from swansong.encounters.waveform import polarizations
from swansong.signals import Strain, antenna_pattern, coloured_noise, load_spectrum, network, time_delay

RATE, SECONDS = 2048.0, 40.0


@pytest.mark.parametrize(
    ("section", "values", "sentence"),
    [
        (PriorSettings, {"eccentricity": (0.95, 0.85)}, "minimum 0.95 and maximum 0.85; give a minimum below"),
        (PriorSettings, {"semi_latus_rectum": (13.0, 13.0)}, "give a minimum below the maximum"),
        (PriorSettings, {"component_mass": (0.0, 100.0)}, "must be positive, got 0; give a positive minimum"),
        (PriorSettings, {"luminosity_distance": (-5.0, 100.0)}, "must be positive, got -5"),
        (PriorSettings, {"eccentricity": (0.7, 0.9)}, r"must lie within \[0.8, 0.97\], where the waveform holds"),
        (PriorSettings, {"semi_latus_rectum": (6.0, 20.0)}, r"must lie within \[8, 60\]"),
        (PriorSettings, {"pericentre_time": (-0.6, 0.6)}, "spans 1.2 s; give at most 1 s, and scan longer strain"),
        (PriorSettings, {"minimum_snr": -1.0}, "greater than or equal to 0"),
        (PriorSettings, {"component_masses": (10.0, 100.0)}, "component_masses"),
        (DataSettings, {"detectors": ()}, r"one to three different detectors, got \[\]"),
        (DataSettings, {"detectors": ("H1", "H1")}, "one to three different detectors"),
        (DataSettings, {"detectors": ("H1", "L1", "V1", "K1")}, "one to three different detectors"),
        (DataSettings, {"spectra": ("aLIGO",)}, r"one spectrum a detector \(3\), got 1"),
        (
            DataSettings,
            {"maximum_frequency": 15.0},
            "must lie between 20 Hz and half the sampling rate, 1024 Hz, got 15",
        ),
        (DataSettings, {"maximum_frequency": 1100.0}, "half the sampling rate, 1024 Hz, got 1100"),
        (DataSettings, {"rate": 512.0}, "greater than or equal to 1024"),
        (DataSettings, {"duration": 1.0}, "greater than or equal to 2"),
        (SourceSettings, {"gps": -1.0}, "greater than 0"),
    ],
)
def test_wrong_settings_are_refused_with_a_sentence(section, values, sentence):
    with pytest.raises(ValidationError, match=sentence):
        section(**values)


def test_the_window_must_fit_into_the_segment():
    with pytest.raises(ValidationError, match=r"reaches 0.9 s from the centre of a segment of 2 s; give a longer"):
        Problem(prior=PriorSettings(pericentre_time=(0.0, 0.9)), data=DataSettings(duration=2.0))
    Problem(prior=PriorSettings(pericentre_time=(0.0, 0.75)), data=DataSettings(duration=2.0))


class TestProblem:
    def test_frequencies_are_multiples_within_the_band(self):
        grid = frequencies(DataSettings(duration=4.0, minimum_frequency=10.1, maximum_frequency=500.3))
        np.testing.assert_allclose(np.diff(grid), 0.25)
        assert (grid[0], grid[-1]) == (10.25, 500.25)

    def test_it_prepares_the_network_and_its_noise(self, burst_problem, burst_analysis):
        assert burst_analysis.network.names == ("H1", "L1", "V1")
        assert burst_analysis.psd.shape == (3, 301)
        np.testing.assert_allclose(
            burst_analysis.psd[1], load_spectrum("O3-L1").interpolate(frequencies(burst_problem.data))
        )
        assert burst_analysis.gps == 1370692818.0
        assert len(burst_analysis.parameters) == 11

    def test_spectra_can_be_named(self, burst_problem):
        data = burst_problem.data.model_copy(update={"spectra": ("aLIGO-design", "aLIGO-design", "AdV-design")})
        assert data.spectrum(2) == "AdV-design"
        np.testing.assert_allclose(reference_psd(data)[0], load_spectrum("aLIGO-design").interpolate(frequencies(data)))

    def test_drifted_noise_differs_by_day_only_if_it_drifts(self, burst_problem):
        assert np.array_equal(
            drawn_psd(burst_problem.data, rng=np.random.default_rng(0)), reference_psd(burst_problem.data)
        )
        moving = burst_problem.data.model_copy(update={"drift": 0.3})
        one, two = (np.log(drawn_psd(moving, rng=np.random.default_rng(seed))) for seed in (0, 1))
        assert 0.1 < np.abs(one - two).mean() < 1.0

    def test_unknown_names_are_refused(self, burst_problem):
        for field, error in (("detectors", InputError), ("spectra", FileError)):
            data = burst_problem.data.model_copy(update={field: ("H1", "L1", "Z9")})
            with pytest.raises(error):
                prepare(burst_problem.model_copy(update={"data": data}))

    def test_the_fingerprint_follows_what_a_network_depends_on(self, burst_problem, burst_analysis):
        noisy = burst_problem.model_copy(update={"data": burst_problem.data.model_copy(update={"drift": 0.3})})
        assert prepare(noisy).fingerprint == burst_analysis.fingerprint
        cut = burst_problem.model_copy(update={"prior": burst_problem.prior.model_copy(update={"minimum_snr": 7.0})})
        assert prepare(cut).fingerprint != burst_analysis.fingerprint


class TestSimulated:
    def test_noise_has_unit_variance_once_whitened(self, burst_problem):
        events = [simulate_noise(burst_problem, seed=seed) for seed in range(8)]
        parts = np.stack([event.whitened for event in events]).view(float)
        assert parts.std() == pytest.approx(1.0, abs=0.03)
        series = np.stack([event.whitened_series() for event in events])
        assert series.std() == pytest.approx(1.0, abs=0.05)
        assert events[0].truth is None
        assert events[0].injected() == {}

    def test_the_injected_signal_is_in_the_data(self, burst_event, burst_truth):
        """Data less the signal are noise; the matched filter of the truth finds its signal-to-noise ratio."""
        signal = burst_event.analysis.signal(burst_truth)[0]
        assert (np.abs(burst_event.whitened - signal) ** 2).mean() == pytest.approx(2.0, abs=0.2)
        snr = burst_event.analysis.snr(burst_truth)[0]
        assert snr == pytest.approx(8.0, rel=1e-6)
        assert (np.conj(burst_event.whitened) * signal).real.sum() / snr == pytest.approx(8.0, abs=4.0)
        assert (np.abs(burst_event.injected()["L1"]).argmax() - len(burst_event.times) // 2) < 40

    def test_the_pericentre_arrives_when_the_event_says(self, burst_event, burst_truth):
        for name, start in burst_event.starts.items():
            delay = time_delay(name, right_ascension=burst_truth[6], declination=burst_truth[7], gps=1370692818.0)
            assert start == pytest.approx(1370692818.0 + burst_truth[5] + float(delay), abs=2e-7)

    def test_same_seed_same_event(self, burst_problem):
        one, two, other = (simulate_event(burst_problem, seed=seed) for seed in (4, 4, 5))
        np.testing.assert_array_equal(one.strain, two.strain)
        np.testing.assert_array_equal(one.truth, two.truth)
        assert not np.array_equal(one.truth, other.truth)
        assert one.analysis.snr(one.truth)[0] >= 6.0

    def test_events_of_a_data_set_depend_on_their_number_alone(self, burst_problem):
        whole, part = draw_events(burst_problem, seed=1, items=range(3)), draw_events(burst_problem, seed=1, items=[2])
        for name, rows in part.items():
            np.testing.assert_array_equal(rows[0], whole[name][2])
        assert (whole["snr"] >= 6.0).all()

    def test_a_cut_out_of_reach_is_refused(self, burst_problem):
        prior = burst_problem.prior.model_copy(update={"minimum_snr": 300.0, "luminosity_distance": (9000.0, 9500.0)})
        with pytest.raises(InputError, match=r"`prior\.minimum_snr` = 300 is out of reach of the prior; lower it or"):
            simulate_event(burst_problem.model_copy(update={"prior": prior}), seed=0)


@pytest.fixture(scope="module")
def reading(burst_problem, burst_truth):
    """The problem, a loud truth and 40 s of strain of each detector around it, sampled in time."""
    truth = burst_truth.copy()
    analysis = prepare(burst_problem)
    truth[4] *= 8.0 / 30.0
    values: dict[str, Any] = {name: float(value) for name, value in zip(analysis.parameters.names, truth, strict=True)}
    time, ra, dec, psi = (values.pop(name) for name in ("pericentre_time", "ra", "dec", "psi"))
    gps = burst_problem.source.gps
    start = gps - 0.5 * SECONDS
    times = np.arange(int(RATE * SECONDS)) / RATE - 0.5 * SECONDS - time
    strains = []
    for index, one in enumerate(network(("H1", "L1", "V1"))):
        sky: dict[str, Any] = {"right_ascension": ra, "declination": dec, "gps": gps}
        pattern = antenna_pattern(one, **sky, polarization=psi)
        plus, cross = (np.asarray(w) for w in polarizations(times - float(time_delay(one, **sky)), **values))
        noise = coloured_noise(load_spectrum(f"O3-{one.name}"), rate=RATE, n=len(times), rng=20 + index)
        strains.append(Strain(one.name, noise + pattern.plus * plus + pattern.cross * cross, start=start, rate=RATE))
    return burst_problem, truth, tuple(strains)


class TestReading:
    def test_an_injected_burst_is_recovered_from_continuous_strain(self, reading):
        problem, truth, strains = reading
        event = event_from_strain(problem, strains)
        snr = event.analysis.snr(truth)[0]
        assert snr == pytest.approx(prepare(problem).snr(truth)[0], rel=0.25)
        signal = event.analysis.signal(truth)[0]
        matched = (np.conj(event.whitened) * signal).real.sum() / snr
        assert matched == pytest.approx(snr, rel=0.2)
        residual = event.whitened - signal
        assert (np.abs(residual) ** 2).mean() == pytest.approx(2.0, abs=0.5)
        # A burst 5 ms off, or seen with the wrong sky, matches less.
        for column, value in ((5, truth[5] + 0.005), (7, -truth[7])):
            wrong = truth.copy()
            wrong[column] = value
            other = event.analysis.signal(wrong)[0]
            assert (np.conj(event.whitened) * other).real.sum() / event.analysis.snr(wrong)[0] < matched - 1.0

    def test_the_noise_estimate_follows_the_noise(self, reading):
        problem, _, strains = reading
        event = event_from_strain(problem, strains)
        ratio = np.log(event.analysis.psd / prepare(problem).psd)
        assert np.abs(np.median(ratio, axis=1)).max() < 0.2

    def test_files_are_read_and_hashed(self, reading, tmp_path):
        problem, _, strains = reading
        paths = {}
        for one in strains:
            paths[one.detector] = tmp_path / f"{one.detector}.txt"
            header = f"sampling rate {one.rate:g} Hz, start {one.start:.6f}"
            np.savetxt(paths[one.detector], np.stack([one.times, one.data], axis=1), fmt="%.17e", header=header)
        event = read_event(problem, paths)
        assert sorted(event.inputs) == sorted(str(path) for path in paths.values())
        assert all(len(sha256) == 64 for sha256 in event.inputs.values())
        np.testing.assert_allclose(event.whitened, event_from_strain(problem, strains).whitened, atol=1e-3)

    def test_a_detector_without_a_file_is_named(self, burst_problem, tmp_path):
        with pytest.raises(InputError, match="names L1, V1, but there is no strain file for it; give one each"):
            read_event(burst_problem, {"H1": tmp_path / "h.txt"})

    def test_strain_that_does_not_cover_the_segment_is_refused(self, reading):
        problem, _, strains = reading
        late = problem.model_copy(update={"source": SourceSettings(gps=problem.source.gps + 19.5)})
        with pytest.raises(DataError, match="needs 1 s on both sides; choose `--gps` from"):
            event_from_strain(late, strains)

    def test_slow_strain_is_refused(self, reading):
        problem, _, strains = reading
        slow = tuple(Strain(one.detector, one.data[::4], start=one.start, rate=RATE / 4) for one in strains)
        with pytest.raises(
            DataError, match=r"sampled at 512 Hz, below the .* Hz that the analysed band needs; fetch it"
        ):
            event_from_strain(problem, slow)

    def test_strain_with_holes_is_refused(self, reading):
        data = reading[2][0].data.copy()
        data[1000:1100] = np.nan
        with pytest.raises(DataError, match="100 NaN samples from GPS"):
            Strain("H1", data, start=reading[2][0].start, rate=RATE)
