"""Templates, basis and interpolated fields of the ringdown against signals built sample by sample."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from swansong.core.errors import DomainError, InputError
from swansong.ringdown.linear import LinearSignal, full_operator
from swansong.ringdown.model import Quadratures, RingdownModel
from swansong.ringdown.problem import geocentric_start
from swansong.ringdown.settings import DataSettings, ModelSettings, PriorSettings, Problem, SourceSettings
from swansong.signals import antenna_pattern

SIGHT = {"right_ascension": 1.95, "declination": -1.22, "polarization": 0.82}


@pytest.fixture(scope="module")
def directly(kerr_analysis):
    """Whitened signals (..., detectors n) by the long way: damped sines, antenna patterns, triangular solves."""
    gps = geocentric_start(SourceSettings(), DataSettings())
    patterns = [antenna_pattern(name, **SIGHT, gps=gps) for name in ("H1", "L1")]
    inverse = [np.linalg.inv(whitener.cholesky) for whitener in kerr_analysis.whiteners]
    time = np.arange(410) / 4096.0

    def signals(theta: np.ndarray) -> np.ndarray:
        theta = np.asarray(theta)
        f, tau = kerr_analysis.model.modes.frequencies_and_damping_times(
            final_mass=theta[..., 0], final_spin=theta[..., 1]
        )
        envelope = theta[..., 2::2, None] * np.exp(-time / np.asarray(tau)[..., None])
        angle = 2 * np.pi * np.asarray(f)[..., None] * time + theta[..., 3::2, None]
        plus, cross = (envelope * np.cos(angle)).sum(axis=-2), (envelope * np.sin(angle)).sum(axis=-2)
        rows = [(p.plus * plus + p.cross * cross) @ m.T for p, m in zip(patterns, inverse, strict=True)]
        return np.concatenate(rows, axis=-1)

    return signals


@pytest.fixture(scope="module")
def draws(kerr_analysis):
    return np.asarray(kerr_analysis.model.prior.sample(jax.random.key(17), 2048))


def relative(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    return np.linalg.norm(found - expected, axis=-1) / np.linalg.norm(expected, axis=-1)


def test_a_tenth_of_a_second_has_410_samples(kerr_analysis):
    """int(0.1 * 4096) would cut the last sample off."""
    assert DataSettings().samples == 410
    assert DataSettings(duration=0.125).samples == 512
    assert kerr_analysis.geometry.samples == 410
    assert kerr_analysis.basis.shape[0] == 820


def test_antenna_responses_are_the_published_ones(kerr_analysis):
    plus_and_cross = [(r.real, -r.imag) for r in kerr_analysis.geometry.responses]
    np.testing.assert_allclose(plus_and_cross, [(0.55898, -0.46857), (-0.51366, 0.21416)], atol=2e-3)


def test_polarizations_are_damped_sines_from_the_start_on():
    model = RingdownModel.build(ModelSettings(modes=("220",)), PriorSettings())
    f, tau = (float(x[0]) for x in model.modes.frequencies_and_damping_times(final_mass=70.0, final_spin=0.7))
    times = np.array([-1e-3, 0.0, 1e-3, 7e-3])
    plus, cross = model.polarizations(jnp.array([70.0, 0.7, 2e-21, 0.4]), times)
    expected = 2e-21 * np.exp(-times / tau + 1j * (2 * np.pi * f * times + 0.4)) * (times >= 0)
    np.testing.assert_allclose(np.asarray(plus) * 1e21, expected.real * 1e21, atol=1e-12)
    np.testing.assert_allclose(np.asarray(cross) * 1e21, expected.imag * 1e21, atol=1e-12)


def test_templates_before_compression(kerr_analysis, directly, draws):
    geometry = kerr_analysis.geometry
    signal = LinearSignal(
        kerr_analysis.model.modes,
        jnp.asarray(full_operator(kerr_analysis.whiteners, geometry.responses)),
        jnp.arange(geometry.samples) / geometry.rate,
        jnp.zeros(2),
    )
    theta = draws[:8]
    templates = jnp.stack([signal(row[0], row[1]) for row in theta])
    found = jnp.einsum("pq,pqr->pr", Quadratures.of(jnp.asarray(theta)).values, templates)
    assert relative(np.asarray(found), directly(theta)).max() < 1e-10


def test_templates_after_compression(kerr_analysis, directly, draws):
    """The basis misses a share of 1e-5 of a template, root-mean-square, and little anywhere."""
    basis = kerr_analysis.basis
    assert basis.shape[1] < 320
    np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-10)
    expected = directly(draws)
    missed = relative(expected @ basis @ basis.T, expected)
    assert np.sqrt(np.mean(missed**2)) < 3e-5
    assert missed.max() < 1e-3
    found = kerr_analysis.whitened_signal(draws[:64]).reshape(64, -1)
    assert relative(found, expected[:64] @ basis @ basis.T).max() < 1e-9


def test_corners_of_the_prior_are_in_the_basis(kerr_analysis, directly):
    corners = np.array(
        [[m, chi, 1e-21, 0.3, 1e-21, 2.0] for m in (20.0, 20.001, 150.0) for chi in (0.01, 0.5, 0.9, 0.99)]
    )
    expected = directly(corners)
    assert relative(expected @ kerr_analysis.basis @ kerr_analysis.basis.T, expected).max() < 1e-3


def test_signal_to_noise_over_the_prior(kerr_analysis, directly, draws):
    snr = np.linalg.norm(directly(draws), axis=-1)
    np.testing.assert_allclose(np.quantile(snr, [0.05, 0.5, 0.95]), [16.0, 61.0, 138.0], rtol=0.05)
    np.testing.assert_allclose(kerr_analysis.snr(draws[:64]), snr[:64], rtol=1e-6)
    share = np.mean(snr >= 15.0)
    assert np.exp(kerr_analysis.log_prior_share) == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 2048))


def test_the_likelihood_ratio_is_that_of_white_noise(kerr_analysis, directly, draws):
    """Projecting on the basis may not change a likelihood ratio."""
    data = kerr_analysis.simulate(draws[5], seed=2)
    residual = data.reshape(-1) - directly(draws[:64])
    expected = 0.5 * (data**2).sum() - 0.5 * (residual**2).sum(axis=-1)
    found = kerr_analysis.log_likelihood_ratio(draws[:64], kerr_analysis.coefficients(data))
    np.testing.assert_allclose(found, expected, atol=0.02, rtol=1e-6)


def test_the_noise_of_simulated_events_is_white(kerr_analysis, draws):
    theta = draws[0]
    signal = kerr_analysis.whitened_signal(theta)
    noise = np.stack([kerr_analysis.simulate(theta, seed=seed) - signal for seed in range(40)])
    assert noise.std() == pytest.approx(1.0, abs=0.02)
    assert abs(noise.mean()) < 0.02
    assert abs(np.mean(noise[:, :, 1:] * noise[:, :, :-1])) < 0.02
    assert abs(np.mean(noise[:, 0] * noise[:, 1])) < 0.02


@pytest.mark.parametrize("mass, spin", [(70.0, 0.7), (22.0, 0.05), (140.0, 0.97), (45.0, 0.985), (100.0, 0.02)])
def test_fields_give_the_likelihood_of_loud_events(kerr_analysis, directly, mass, spin):
    """Across each loud event's posterior, interpolated and direct ln likelihoods agree to 0.02."""
    rng = np.random.default_rng(int(mass))
    phases = rng.uniform(0, 2 * np.pi, 2)
    truth = np.array([mass, spin, 3e-21, phases[0], 2e-21, phases[1]])
    truth[2::2] *= 130.0 / np.linalg.norm(directly(truth))
    data = directly(truth) + rng.standard_normal(820)
    event = kerr_analysis.fields.event(data @ kerr_analysis.basis)

    theta = truth * (1 + 0.01 * rng.standard_normal((64, 6)))
    theta[:, 0] = np.clip(theta[:, 0], 20.0, 150.0)
    theta[:, 1] = np.clip(theta[:, 1], 0.01, 0.99)
    u, v = kerr_analysis.chart.coordinates(jnp.asarray(theta[:, 0]), jnp.asarray(theta[:, 1]))
    gram, linear = event(u, v)
    x = np.asarray(Quadratures.of(jnp.asarray(theta)).values)
    found = (linear * x).sum(axis=1) - 0.5 * np.einsum("nq,nqp,np->n", x, gram, x)
    signals = directly(theta)
    expected = signals @ data - 0.5 * (signals**2).sum(axis=1)
    assert np.abs(found - expected).max() < 0.02


def test_the_chart_is_a_bijection_with_the_stated_jacobian(kerr_analysis, draws):
    chart = kerr_analysis.chart
    mass, spin = jnp.asarray(draws[:200, 0]), jnp.asarray(draws[:200, 1])
    u, v = chart.coordinates(mass, spin)
    again = chart.remnant(u, v)
    np.testing.assert_allclose(again[0], mass, rtol=1e-12)
    np.testing.assert_allclose(again[1], spin, rtol=1e-12)
    assert chart.inside(u, v).all()
    assert not chart.inside(*chart.coordinates(mass * 20.0, spin)).any()
    f, _ = kerr_analysis.model.modes.frequencies_and_damping_times(final_mass=mass, final_spin=spin)
    np.testing.assert_allclose(jnp.exp(u), f[:, 0], rtol=1e-12)

    jacobian = jax.vmap(jax.jacfwd(lambda place: jnp.stack(chart.remnant(place[0], place[1]))))(
        jnp.stack([u, v], axis=1)
    )
    expected = jnp.linalg.slogdet(jacobian)[1]
    np.testing.assert_allclose(chart.log_jacobian(u, v), expected, atol=1e-10)


def test_how_many_coefficients_suffice(kerr_analysis, draws):
    """Errors of mass and spin grow by nothing at 128 coefficients, and visibly at 48."""
    analysis = kerr_analysis
    loud = draws[:64][analysis.snr(draws[:64]) >= 15.0][:60]
    assert len(loud) > 50

    @eqx.filter_jit
    @jax.vmap
    def jacobian(theta):
        scale = jnp.array([1.0, 0.01, 1e-21, 1.0, 1e-21, 1.0])

        def signal(z):
            full = theta + scale * z
            return Quadratures.of(full).values @ analysis.signal(full[0], full[1])

        return jax.jacfwd(signal)(jnp.zeros(6))

    slopes = np.asarray(jacobian(jnp.asarray(loud)))

    def widths(rank):
        fisher = np.einsum("nri,nrj->nij", slopes[:, :rank], slopes[:, :rank])
        size = np.sqrt(np.einsum("nii->ni", fisher))
        covariance = np.linalg.inv(fisher / size[:, :, None] / size[:, None, :])
        return (np.sqrt(np.einsum("nii->ni", covariance)) / size)[:, :2]

    best = widths(slopes.shape[1])
    inflation = {rank: (widths(rank) / best).max(axis=1) for rank in (48, 128)}
    assert np.median(inflation[128]) < 1.0005
    assert np.quantile(inflation[128], 0.95) < 1.01
    assert np.quantile(inflation[48], 0.95) > 1.1
    assert inflation[48].max() > 1.5


def test_preparation_is_cached_and_its_fingerprint_follows_the_problem(small_problem, small_analysis):
    from swansong.ringdown.problem import simulated_analysis

    assert small_analysis.fingerprint == simulated_analysis(small_problem).fingerprint
    assert len(small_analysis.fingerprint) == 64


@pytest.mark.parametrize(
    "build, error",
    [
        (lambda: RingdownModel.build(ModelSettings(modes=("990",)), PriorSettings()), InputError),
        (lambda: RingdownModel.build(ModelSettings(), PriorSettings(final_spin=(0.0, 0.9995))), DomainError),
        (lambda: Problem(prior=PriorSettings(final_mass=(150.0, 20.0))), ValueError),
        (lambda: PriorSettings(final_spin=(-0.1, 0.9)), ValueError),
        (lambda: PriorSettings(amplitude=(0.0, 1e-20)), ValueError),
        (lambda: ModelSettings(modes=("220", "221", "222", "223")), ValueError),
    ],
)
def test_problems_that_make_no_sense_are_refused(build, error):
    with pytest.raises(error):
        build()


def test_parameters_are_named_after_the_modes():
    model = RingdownModel.build(ModelSettings(modes=("220", "3-21")), PriorSettings())
    assert model.parameters.names == (
        *("final_mass", "final_spin"),
        *("amplitude_220", "phase_220", "amplitude_3m21", "phase_3m21"),
    )
    assert [p.periodic for p in model.parameters] == [False, False, False, True, False, True]
    assert model.log_volume == pytest.approx(np.log(130 * 0.98 * (9.9 * 2 * np.pi) ** 2))
