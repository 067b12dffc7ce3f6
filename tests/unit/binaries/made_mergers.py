"""Mergers from known laws, for tests of what learns from them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from paramax import NonTrainable

from swansong.binaries import elements
from swansong.binaries.learnt.curves import Split, make_curves
from swansong.binaries.learnt.fitting import fingerprint, identities, start_law
from swansong.binaries.learnt.rates import RatesEquation
from swansong.binaries.learnt.settings import Recipe
from swansong.binaries.trajectories import Merger, Trajectory
from swansong.core.config import as_dict
from swansong.core.provenance import collect
from swansong.learning.checkpoints import save_module

BINDING = 20.0
"""Time at which every pair here is bound."""


def speed(e_gal, particles):
    """The hardening rate s that the pairs here have."""
    return 2.0 + 1.5 * e_gal + 20.0 / np.sqrt(particles)


def made(e_gal, particles, seed, *, duration=60.0, noise=0.0, growth=0.5, rate=None, energy_error=1e-4, start=50.0):
    """A pair loose until BINDING, then 1/a = start + s t and u = ln(e^2 / (1 - e^2)) rises by 2 growth dln(1/a)."""
    rng = np.random.default_rng([seed, particles, round(100 * e_gal)])
    merger = Merger(e_gal, particles, seed)
    time = np.arange(0.0, BINDING + duration + 0.1, 0.25)
    past = np.maximum(time - BINDING, 0.0)
    s = (speed(e_gal, particles) if rate is None else rate) * (1.0 + noise * rng.standard_normal())
    inverse = start + s * past
    first = 0.4 + 0.2 * rng.random()
    u = np.log(first**2 / (1.0 - first**2)) + 2.0 * growth * np.log(inverse / start)
    e = np.sqrt(1.0 / (1.0 + np.exp(-u)))
    energy, momentum = elements.from_ellipse(1.0 / inverse, e, mu=merger.mu)
    loose = time < BINDING
    energy, momentum = np.where(loose, 0.1, energy), np.where(loose, 1.0, momentum)
    return Trajectory(merger, time, energy, momentum, np.where(loose, 3.0, 1.0 / inverse), energy_error)


def ensemble(**laws):
    """Mergers of two orbits and three resolutions, one of them held out."""
    return [
        made(e_gal, particles, seed, **laws)
        for e_gal in (0.5, 0.9)
        for particles, count in ((2048, 6), (4096, 6), (8192, 2))
        for seed in range(count)
    ]


def write_exact_weights(path, mergers, *, growth=0.0):
    """Weights of rates that know the law of mergers with one constant hardening rate, without any training."""
    recipe = Recipe(
        members=2,
        curves={"duration": 40.0, "saves": 9},
        network={"width": 4, "depth": 1},
        solver={"relative": 1e-5, "absolute": 1e-7},
    )
    curves, _ = make_curves(mergers, recipe.curves)
    split = Split.of(curves.mergers, recipe.curves, seed=0)
    learnt = curves.select(split.train)
    model = RatesEquation.build(recipe, curves=learnt, key=jax.random.key(0))
    bias = model.drift.layers[-1].bias.at[:, 1].set(growth)
    model = eqx.tree_at(
        lambda one: [one.drift.layers[-1].bias, one.first, one.start, one.scatter],
        model,
        [bias, jnp.full((2, 2), np.log(1e-6)), NonTrainable(start_law(model, learnt)), NonTrainable(jnp.full(2, 0.1))],
    )
    names = {part: identities(curves.select(getattr(split, part)).mergers) for part in ("train", "validation")}
    made_from = {"recipe": as_dict(recipe), "analysis": fingerprint(recipe)}
    save_module(path, {"model": model}, metadata={"mergers": names}, provenance=collect(configuration=made_from))
