"""The decoder from solved orbits to a model: phases, data on its grid, recipes, training and answers."""

import dataclasses
from pathlib import Path

import equinox as eqx
import h5py
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm

from swansong.core.config import load, validate
from swansong.core.errors import ConfigError, DataError, DomainError, FileError
from swansong.core.files import read_product
from swansong.emri.amplitudes.decoder_data import captured, inputs_of, make_bank, unit_of
from swansong.emri.amplitudes.decoder_fitting import Split, error_fit, fit
from swansong.emri.amplitudes.decoder_model import Decoder
from swansong.emri.amplitudes.decoder_phases import leading_phase, rotation_sign
from swansong.emri.amplitudes.decoder_recipe import RECIPES, Recipe
from swansong.emri.amplitudes.decoder_settings import DecoderSettings
from swansong.emri.amplitudes.domain import Domain, draw_orbits
from swansong.emri.amplitudes.models import quadratic
from swansong.emri.amplitudes.modes import CLASSES, canonical
from swansong.emri.amplitudes.truth import AmplitudeSet
from swansong.physics.geodesics import orbit_frequencies

NETWORK = {
    "inputs": "separatrix", "index": "j", "phases": "leading", "largest_l": 3, "largest_k": 3, "lowest_n": -1,
    "highest_n": 2, "features": 8, "width": 16, "blocks": 1, "latent_channels": 8, "doublings": 1,
    "coarse": [8, 3, 3], "channels": 4, "groups": 2, "positions": 4, "convolutions": 1, "kernels": [[1, 1, 3]],
    "dilations": [[1, 1, 1]], "checkpointing": False,
}  # fmt: skip
TINY = {
    "modes": 40,
    "validation": 0.2,
    "network": NETWORK,
    "curriculum": [{"classes": ["SE"]}, {"classes": ["KG"]}],
    "training": {
        "steps": 6, "batch_size": 4, "learning_rate": 3e-3, "validate_every": 2, "validation_batches": 1,
        "checkpoint_every": 2, "steps_per_call": 2, "ema": 0.5,
    },
}  # fmt: skip
RECIPE = validate(Recipe, TINY)
SETTINGS = RECIPE.network
# One mode outside the grid: of l = 4.
MODES = np.array([(2, 2, 2, 0), (2, 1, 2, 1), (3, 3, 3, -1), (2, 0, 1, 1), (3, 1, -2, 2), (2, 2, -1, 0), (4, 4, 4, 0)])


@pytest.fixture(scope="module")
def solved():
    """Orbits of two classes with amplitudes that are smooth in the orbit."""
    orbits = np.concatenate([draw_orbits(name, count=20, seed=3, domain=Domain()) for name in ("SE", "KG")])
    found = orbit_frequencies(*orbits.T)
    count = len(MODES)
    made = AmplitudeSet(
        orbits=orbits,
        frequencies=np.column_stack([found.radial, found.polar, found.azimuthal]),
        left=np.zeros(len(orbits)),
        offsets=np.arange(len(orbits) + 1) * count,
        modes=np.tile(MODES, (len(orbits), 1)),
        infinity=np.zeros(len(orbits) * count, complex),
        horizon=np.zeros(len(orbits) * count, complex),
    )
    owner = made.owner
    unit = unit_of(made.modes, frequencies=made.mode_frequency, orbits=orbits[owner], settings=SETTINGS)
    size = np.tile(0.5 ** np.arange(count), len(orbits)) * (1.0 + orbits[owner, 2])
    made.infinity[:] = unit * size * np.exp(0.3j * orbits[owner, 0])
    return made


@pytest.fixture(scope="module")
def schooled(solved, tmp_path_factory):
    """The folder of a whole training, and what it gave."""
    folder = tmp_path_factory.mktemp("decoder")
    return folder, fit(RECIPE, solved=solved, seed=5, folder=folder, quiet=True)


@pytest.fixture(scope="module")
def decoder(schooled):
    return Decoder(schooled[0] / "weights.h5")


# Phases


@given(st.integers(2, 10), st.floats(-0.99, 0.99), st.data())
def test_rotation_signs_are_those_of_the_rotation_matrix(l, x, data):
    m, j = data.draw(st.integers(0, l)), data.draw(st.integers(-l, l))
    order = np.arange(-l, l)
    rising = np.diag(np.sqrt(l * (l + 1.0) - order * (order + 1.0)), -1)
    turned = expm(-1j * np.arccos(x) * (rising - rising.T) / 2j).real
    element = turned[l + m, l + j]
    if abs(element) > 1e-9:
        assert rotation_sign(np.array([[l, m, j, 0]]), np.array([x]))[0] == np.sign(element)


def test_beyond_the_degree_there_is_no_rotation():
    assert rotation_sign(np.array([[2, 1, 3, 0], [2, 2, -4, 0]]), np.array([-0.3, 0.9])).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    "p, mode, z",
    [
        # Computed with other codes: a = 0, circular.
        (10.0, (2, 2, 2, 0), -1.1206407919231826e-3 + 3.0576083809866894e-4j),
        (8.0, (3, 3, 3, 0), -8.435123000293643e-4 - 1.4099002500772818e-3j),
    ],
)
def test_the_leading_phase_is_near_that_of_solved_amplitudes(p, mode, z):
    w = np.array([mode[1] * p**-1.5])
    found = leading_phase(np.array([mode]), frequencies=w, x=np.ones(1))
    assert abs(found[0]) == pytest.approx(1.0, abs=1e-12)
    assert abs(np.angle(z / found[0])) < 0.15


def test_on_solved_generic_orbits_little_is_left_of_the_phase():
    stored = np.load(Path(__file__).parents[2] / "data" / "emri_amplitudes.npz")
    left, strength = [], []
    for orbit, user, z in zip(stored["orbits"], stored["modes"].astype(int), stored["amplitudes"], strict=True):
        found, form = orbit_frequencies(*orbit), canonical(user, retrograde=bool(orbit[3] < 0.0))
        # Mirrored and signed twice, a mode is itself again.
        values, modes = form.amplitudes(z.astype(complex)), form.modes
        k = modes[:, 2] - np.sign(orbit[3]).astype(int) * modes[:, 1]
        w = modes[:, 1] * float(found.azimuthal) + k * float(found.polar) + modes[:, 3] * float(found.radial)
        phase = leading_phase(modes, frequencies=w, x=np.full(len(w), orbit[3]))
        left.append(np.abs(np.angle(values / phase)))
        strength.append(np.abs(values / w**2))
    left, strength = np.concatenate(left), np.concatenate(strength)
    # All but modes whose leading moment is about to change its sign.
    assert strength[left > 0.1].sum() < 0.005 * strength.sum()


# Data


@pytest.mark.parametrize("index, phases", [("j", "leading"), ("k", "plain")])
def test_amplitudes_come_back_from_the_grid(solved, index, phases):
    settings = validate(DecoderSettings, {**NETWORK, "index": index, "phases": phases, "largest_k": 6})
    bank = make_bank(solved, settings=settings, modes=40)
    batch = bank.rows(jnp.arange(len(solved)))
    values = np.asarray(batch.modulus) * np.exp(1j * np.asarray(batch.phase, float))
    frequency = solved.mode_frequency
    for row in (1, 25, int(np.argmin(solved.orbits[:, 3]))):
        part = slice(solved.offsets[row], solved.offsets[row + 1])
        orbits = np.tile(solved.orbits[row], (len(MODES), 1))
        unit = unit_of(MODES, frequencies=frequency[part], orbits=orbits, settings=settings)
        # In k the amplitudes are those of the user, without the sign that makes j continuous.
        named, true = (MODES, solved.infinity[part]) if index == "j" else solved.solved(row)
        found, inside = settings.grid.gather(values[row], named)
        assert inside.tolist() == [True] * 6 + [False]
        np.testing.assert_allclose((found * unit)[inside], true[inside], rtol=1e-6)


def test_only_the_strongest_modes_are_kept(solved):
    bank = make_bank(solved, settings=SETTINGS, modes=3)
    batch = bank.rows(jnp.arange(4))
    assert bank.places.shape == (40, 3)
    for row in range(4):
        kept = np.argwhere(np.asarray(batch.modulus[row]) > 0.0)
        places = SETTINGS.grid.locate(MODES[:3])[0]
        np.testing.assert_array_equal(np.ravel_multi_index(kept.T, SETTINGS.grid.shape), np.sort(places))


def test_inputs_span_minus_one_to_one(solved):
    for inputs in ("orbit", "separatrix"):
        found = inputs_of(solved.orbits, SETTINGS.model_copy(update={"inputs": inputs}))
        assert np.abs(found).max() <= 1.0 + 1e-9
    np.testing.assert_allclose(found, Domain().coordinates(solved.orbits))


def test_what_lies_outside_the_grid_is_counted(solved):
    # Moduli of the modes are 1, 1/2, ..., 1/64, the last one outside.
    square = 0.25 ** np.arange(7)
    np.testing.assert_allclose(captured(solved, SETTINGS), np.sqrt(square[:6].sum() / square.sum()), rtol=1e-12)


def test_orbits_outside_the_grid_are_refused(solved):
    with pytest.raises(DataError, match="widen the grid"):
        make_bank(solved, settings=SETTINGS.model_copy(update={"lowest_n": 8, "highest_n": 9}), modes=40)


def test_every_class_is_split_and_no_orbit_is_in_both_parts(solved):
    split = Split.of(solved, RECIPE, seed=1)
    assert np.sort(np.concatenate([split.learnt, split.held])).tolist() == list(range(40))
    for name in ("SE", "KG"):
        assert (solved.classes[split.held] == CLASSES.index(name)).sum() == 4
    assert not np.array_equal(split.held, Split.of(solved, RECIPE, seed=2).held)
    with pytest.raises(DataError, match="holds 0 orbits of class KIC"):
        Split.of(solved, validate(Recipe, {"curriculum": [{"classes": ["KIC"]}]}), seed=1)


# Recipes


def test_the_published_recipe_has_the_published_numbers():
    recipe = load(Recipe, RECIPES / "paper.toml")
    assert recipe.network.grid.slots == 133_614
    assert recipe.network == DecoderSettings()
    assert [stage.classes for stage in recipe.curriculum] == [("SC", "SE"), ("KEC",), ("KEE",), ("KIC",), ("KG",)]
    plan = recipe.training
    assert (plan.batch_size, plan.warmup_steps, plan.optimizer, plan.decay_factor) == (1280, 400, "adamw", 0.9)
    # 20,000 epochs of each part.
    orbits = (2400, 1800, 7200, 6480, 8000)
    assert [recipe.plan(place).steps for place in range(5)] == [20_000 * -(-count // 1280) for count in orbits]
    assert recipe.steps == 460_000


def test_the_small_recipe_learns_every_class_at_the_end():
    recipe = load(Recipe, RECIPES / "small.toml")
    assert recipe.curriculum[-1].classes == CLASSES == recipe.classes
    assert recipe.plan(0).steps < recipe.plan(4).steps == recipe.training.steps


@pytest.mark.parametrize(
    "section, message",
    [
        ({"curriculum": [{"classes": ["SC", "SC"]}]}, "class twice in part 1"),
        ({"curriculum": [{"classes": ["XX"]}]}, "curriculum"),
        ({"curriculum": []}, "curriculum"),
        ({"curriculum": [{"classes": ["SC"], "steps": 40}], "training": {"warmup_steps": 50}}, "40 steps, fewer than"),
        ({"validation": 0.8}, "validation"),
        ({"network": {"index": "q"}}, "index"),
        ({"stages": 3}, "stages"),
    ],
)
def test_bad_recipes_give_one_sentence(section, message):
    with pytest.raises(ConfigError, match=message) as caught:
        validate(Recipe, section)
    assert "\n" not in str(caught.value)


# Training


def test_a_curriculum_carries_its_weights_on_and_leaves_a_decoder(schooled):
    folder, done = schooled
    assert (done.parts, done.step, done.trained.stopped) == (2, 12, "finished")
    assert done.history.steps.tolist() == [2, 4, 6, 8, 10, 12]
    assert 0.0 <= done.median_error <= 1.0
    product = read_product(folder / "weights.h5", kind="weights")
    assert product.metadata["orbits"] == {"SE": 20, "KG": 20}
    assert product.provenance.seed == 6
    first = read_product(folder / "part_1" / "weights.h5", kind="weights")
    name = "model/entrance/weight"
    # Not fresh weights again, but not the same either.
    change = np.abs(product.arrays[name] - first.arrays[name]).max()
    assert 0.0 < change < 0.05 < np.abs(product.arrays[name]).max()


def test_an_interrupted_curriculum_ends_with_the_same_weights(schooled, solved, tmp_path):
    hurried = RECIPE.model_copy(update={"training": RECIPE.training.model_copy(update={"max_seconds": 1e-6})})
    steps = []
    for _ in range(2):
        stopped = fit(hurried, solved=solved, seed=5, folder=tmp_path, quiet=True)
        assert stopped.errors is None
        steps.append(stopped.step)
    assert steps == [2, 4]
    assert not (tmp_path / "weights.h5").exists()
    done = fit(RECIPE, solved=solved, seed=5, folder=tmp_path, quiet=True)
    whole, resumed = (read_product(one / "weights.h5", kind="weights") for one in (schooled[0], tmp_path))
    assert done.history == schooled[1].history
    assert whole.sha256 == resumed.sha256


def test_other_orbits_do_not_resume_a_training(schooled, solved):
    louder = dataclasses.replace(solved, infinity=1.1 * solved.infinity)
    with pytest.raises(ConfigError, match=r"`configuration\.data` must stay"):
        fit(RECIPE, solved=louder, seed=5, folder=schooled[0], quiet=True)


# Answers


def test_the_model_answers_what_the_network_gives(decoder):
    # In the index of the user, prograde: k = j - m.
    modes = np.array([(2, 2, 0, 0), (2, 2, -3, 1), (3, 3, 0, 2), (4, 4, 0, 0), (2, 2, 0, 7)])
    found = decoder(a=0.5, p=9.0, e=0.2, x=0.6, modes=modes)
    assert (found.values[0, :3] != 0.0).all()
    assert (found.values[0, 3:] == 0.0).all()
    orbit = np.array([0.5, 9.0, 0.2, 0.6])
    evaluate = eqx.filter_jit(lambda network, *given: network(*given))
    inputs = inputs_of(orbit[None], SETTINGS)[0]
    modulus, phase = evaluate(decoder.trained.network, jnp.asarray(orbit), jnp.asarray(inputs))
    index = list(map(tuple, SETTINGS.grid.pairs.tolist())).index((2, 2)), 2 + 3, 0 + 1
    w = float(found.frequencies[0, 0])
    phased = leading_phase(np.array([[2, 2, 2, 0]]), frequencies=np.array([w]), x=np.array([0.6]))[0]
    expected = float(modulus[index]) * np.exp(1j * float(phase[index])) * phased * 3.0 * w**2 / 9.0
    assert found.values[0, 0] == pytest.approx(expected, rel=1e-5)


def test_modes_and_their_mirror_images_agree(decoder):
    modes = np.array([(2, 2, 1, 0), (3, 1, 2, -1), (2, 0, 1, 1)])
    found = decoder(a=0.5, p=9.0, e=0.2, x=-0.6, modes=np.concatenate([modes, modes * [1, -1, -1, -1]]))
    sign = np.where((modes[:, 0] + modes[:, 2]) % 2 == 1, -1.0, 1.0)
    np.testing.assert_allclose(found.values[0, 3:], sign * found.values[0, :3].conj(), rtol=1e-12)


def test_orbits_with_their_own_modes_get_the_same_answers(decoder):
    a, p, e, x = np.array([[0.5, 9.0, 0.2, 0.6], [0.3, 12.0, 0.0, -0.4]]).T
    lists = np.zeros((2, 3, 4), int)
    lists[0], lists[1, :2] = [(2, 2, 0, 0), (2, 1, 1, 0), (3, 3, 0, 1)], [(2, 2, 4, 0), (2, 1, 3, 0)]
    orbits = np.column_stack([a, p, e, x])
    found = decoder._values(orbits, lists, np.array([3, 2]))
    for row, count in ((0, 3), (1, 2)):
        alone = decoder(a=a[row], p=p[row], e=e[row], x=x[row], modes=lists[row, :count]).values[0]
        np.testing.assert_allclose(found[row, :count], alone, rtol=1e-5)
        assert (np.abs(alone) > 0.0).all()
    assert found[1, 2] == 0.0


def test_amplitudes_do_not_jump_at_a_polar_orbit(decoder):
    j = np.array([(2, 2, 1, 0), (2, 1, 2, 0), (3, 1, 1, 1)])
    above, below = (
        decoder(a=0.5, p=9.0, e=0.2, x=x, modes=j - np.array([0, 0, 1, 0]) * int(np.sign(x)) * j[:, 1:2]).values[0]
        for x in (1e-9, -1e-9)
    )
    np.testing.assert_allclose(below * (-1.0) ** j[:, 1], above, rtol=1e-5)


def test_the_stated_error_holds_for_the_share_of_orbits_it_was_fitted_to(decoder, solved):
    errors = np.exp(np.random.default_rng(0).normal(-5.0, 1.0, 40))
    coefficients = error_fit(solved.orbits, errors)
    stated = 10.0 ** (quadratic(Domain().coordinates(solved.orbits)) @ coefficients)
    assert (errors <= stated * (1.0 + 1e-9)).mean() == pytest.approx(0.95, abs=0.03)
    a, p, e, x = solved.orbits[::8].T
    given = decoder.error(a=a, p=p, e=e, x=x)
    assert given.shape == (5,)
    assert ((given > 0.0) & (given <= 1.0)).all()


def test_orbits_outside_the_domain_are_refused(decoder):
    with pytest.raises(DomainError, match=r"e = 0\.7, x = 0\.6 lies outside the domain of `decoder`"):
        decoder(a=0.5, p=15.0, e=0.7, x=0.6, modes=MODES)


def test_weights_of_one_part_or_damaged_ones_are_refused(schooled, tmp_path):
    folder, _ = schooled
    with pytest.raises(FileError, match="one part of a curriculum"):
        Decoder(folder / "part_1" / "weights.h5")
    copy = tmp_path / "weights.h5"
    copy.write_bytes((folder / "weights.h5").read_bytes())
    with h5py.File(copy, "r+") as file:
        found: list[str] = []
        file.visit(lambda name: found.append(name) if name.endswith("entrance/weight") else None)
        file[found[0]][...] = 0.0
    with pytest.raises(FileError):
        Decoder(copy)
