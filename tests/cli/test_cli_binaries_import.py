"""`swansong binaries import`: tables in physical units become the mergers they were made of, and wrong input."""

import json

import h5py
import numpy as np
import pytest
from test_cli_bad_input import refused

from swansong.binaries.readers import TableUnits, read_black_holes
from swansong.binaries.trajectories import read_trajectories
from swansong.binaries.units import Units
from swansong.cli.binaries_learnt import DATA
from swansong.core.files import read_product

SCALE = Units(mass=5e9, length=100.0)
KIND = ("--eccentricity", "0.9", "--particles", "16384")
PHYSICAL = (
    "--time-unit", "Gyr", "--position-unit", "kpc", "--velocity-unit", "km/s", "--mass-unit", "1e10 Msun",
    "--galaxy-mass", "5e9", "--scale-radius", "100",
)  # fmt: skip


@pytest.fixture(scope="module")
def merger():
    """A merger that ships with swansong, as its file holds it: in single precision."""
    best = (one for one in read_trajectories(DATA) if one.merger.particles >= 16384)
    return next(one for one in best if np.isfinite(one.binding_time))


def holes(one):
    """Positions (2, n, 3) and velocities of two black holes with the energy and momentum of a merger, in motion."""
    # Where E and L do not fit the separation to the last bit, another point of the same orbit does.
    distance = one.separation.copy()
    radial = 2.0 * (one.energy + one.mu / distance) - (one.momentum / distance) ** 2
    distance = np.where(radial > 0.0, distance, one.momentum**2 / one.mu)
    radial = np.maximum(2.0 * (one.energy + one.mu / distance) - (one.momentum / distance) ** 2, 0.0)
    nothing = np.zeros_like(distance)
    x = np.stack([distance, nothing, nothing], axis=1)
    v = np.stack([np.sqrt(radial), one.momentum / distance, nothing], axis=1)
    shares = np.array([one.merger.mass_2, -one.merger.mass_1])[:, None, None] / one.mu
    drift = np.array([0.003, -0.001, 0.002])
    return shares * x + drift * one.time[:, None], shares * v + drift


def table(path, one, *, rows=slice(None), **changes):
    """An HDF5 table in Gyr, kpc, km/s and 1e10 solar masses, without a word on units."""
    x, v = holes(one)
    with h5py.File(path, "w") as file:
        for body, mass in enumerate((one.merger.mass_1, one.merger.mass_2)):
            columns = {
                "time": one.time * SCALE.time / 1e3,
                "position": x[body] * SCALE.length / 1e3,
                "velocity": v[body] * SCALE.velocity,
                "mass": np.full(len(one), mass * SCALE.mass / 1e10),
            }
            for name, values in {**columns, **changes}.items():
                file[f"BHs/{body + 11}/{name}"] = values[rows]
    return path


@pytest.fixture(scope="module")
def written(merger, tmp_path_factory):
    """The table of the merger."""
    return table(tmp_path_factory.mktemp("table") / "ketju_bhs.hdf5", merger)


@pytest.fixture
def imported(swansong, written, tmp_path):
    """Files of the imported merger, and what was told."""
    out = tmp_path / "ketju"
    done = swansong(
        "binaries", "import", written, *KIND, *PHYSICAL, "--seed", 3, "--name", "ketju", "--out", out, "--json"
    )
    assert (done.code, done.err) == (0, "")
    return out, json.loads(done.out)


def test_a_table_in_physical_units_is_the_merger_it_was_made_of(imported, written, merger):
    out, told = imported
    (found,) = read_trajectories(out / "trajectories.h5")
    # The product has single precision, which hides differences below 6e-8; the reader has not.
    units = TableUnits("Gyr", "kpc", "km/s", "1e10 Msun", SCALE)
    read = read_black_holes(written, eccentricity=0.9, particles=16384, units=units)
    for name in ("time", "energy", "momentum"):
        for one in (found, read):
            np.testing.assert_allclose(getattr(one, name), getattr(merger, name), rtol=1e-10, err_msg=name)
    assert found.merger.mu == pytest.approx(merger.mu, rel=1e-12)
    assert (found.merger.origin, found.merger.particles, found.merger.seed) == ("ketju", 16384, 3)
    assert np.isnan(found.energy_error)
    assert (told["mergers"], told["bound"], told["warnings"]) == (1, 1, [])
    assert told["binding_time"] == pytest.approx(merger.binding_time)
    assert told["final_inverse_semi_major_axis"] == pytest.approx([1.0 / merger.axis[-1]])
    assert told["final_eccentricity"] == pytest.approx([merger.eccentricity[-1]], rel=1e-5)
    assert told["energy_error"]["largest"] is None
    assert told["speed_of_light"] == pytest.approx(SCALE.speed_of_light)
    assert {path.name for path in out.iterdir()} == {
        "trajectories.h5", "import.json", "mergers.csv", "separation.png", "report.html"
    }  # fmt: skip
    provenance = read_product(out / "trajectories.h5").provenance
    assert set(provenance.inputs) == {"table_0"}
    assert provenance.configuration["time_unit"] == "Gyr"
    assert "--out" not in provenance.command


def test_forecast_and_merge_take_what_was_imported(swansong, imported, tmp_path):
    runs = imported[0] / "trajectories.h5"
    done = swansong("binaries", "merge", "--trajectory", runs, "--samples", 100, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["runs"], told["left_out"]) == (1, 0)
    assert told["mergers"][0]["origin"] == "ketju"
    arguments = ("--models", "persistence", "--seeds", 1, "--out", tmp_path / "forecast", "--json")
    done = swansong("binaries", "forecast", runs, *arguments)
    assert done.code == 0, done.err
    assert json.loads(done.out)["merger"]["origin"] == "ketju"


@pytest.mark.slow
def test_check_takes_what_was_imported(swansong, imported, tmp_path):
    runs = imported[0] / "trajectories.h5"
    done = swansong("binaries", "check", "--data", runs, "--out", tmp_path / "check", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["mergers"] == 1


def test_several_tables_are_realisations_and_text_is_read(swansong, merger, tmp_path):
    x, v = holes(merger)
    columns = [merger.time[:, None]]
    for body, mass in enumerate((merger.merger.mass_1, merger.merger.mass_2)):
        columns += [x[body], v[body], np.full((len(merger), 1), mass)]
    bound = int(np.flatnonzero(merger.bound)[0])
    for name, rows in (("a.txt", slice(None)), ("b.txt", slice(bound - 20, bound - 1))):
        np.savetxt(tmp_path / name, np.hstack(columns)[rows], fmt="%.17g")
    done = swansong("binaries", "import", "a.txt", "b.txt", *KIND, "--seed", 7, "--out", "result")
    assert done.code == 0, done.err
    assert "2 mergers of table" in done.out
    assert "not known" in done.out
    first, second = read_trajectories(tmp_path / "result" / "trajectories.h5")
    assert (first.merger.seed, second.merger.seed) == (7, 8)
    np.testing.assert_allclose(first.energy, merger.energy, rtol=1e-10)
    assert len(second) == 19
    assert "warning: 1 of 2 pairs are not bound at the end" in done.out
    rows = (tmp_path / "result" / "mergers.csv").read_text().splitlines()
    assert rows[2].startswith("table,seed,rows")
    assert rows[4].startswith("b.txt,8,19,")
    assert rows[4].endswith(",,,")


def test_units_that_do_not_belong_together_are_noticed(swansong, written, merger):
    wrong = [*KIND, *PHYSICAL[:4], "--velocity-unit", "m/s", *PHYSICAL[6:], "--out", "result", "--json"]
    done = swansong("binaries", "import", written, *wrong)
    assert done.code == 0
    assert "check the units" in json.loads(done.out)["warnings"][0]


def test_groups_are_chosen(swansong, written, tmp_path):
    with h5py.File(written) as file, h5py.File(tmp_path / "three.h5", "w") as more:
        for name, group in (("11", "11"), ("12", "12"), ("13", "11")):
            file.copy(f"BHs/{group}", more, f"BHs/{name}")
    common = ("binaries", "import", "three.h5", *KIND, *PHYSICAL, "--out")
    refused(swansong(*common, "result"), ("3 black holes", "name two"), out=tmp_path / "result")
    assert swansong(*common, "chosen", "--groups", "BHs/12", "BHs/13").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "No table was given"),
        (("missing.h5",), "`missing.h5` is no file"),
        (("good.h5", "good.h5"), "`good.h5` was given twice"),
        (("good.h5", "--eccentricity", "1.0"), "`--eccentricity` must lie in [0, 1), got 1"),
        (("good.h5", "--eccentricity", "nan"), "`--eccentricity` must lie in [0, 1)"),
        (("good.h5", "--particles", "0"), "`--particles` must be at least 1, got 0"),
        (("good.h5", "--time-unit", "fortnight"), ("unit 'fortnight' of time is not known", "gyr")),
        (("good.h5", "--velocity-unit", "kpc"), "unit 'kpc' of velocity"),
        (("good.h5", "--galaxy-mass", "-1"), "`--galaxy-mass` must be positive"),
        (("good.h5", "--scale-radius", "0"), "`--scale-radius` must be positive"),
        (("good.h5", "--mass-unit", "nbody", "--position-unit", "nbody", "--name", "nbody"), "another code"),
        (("good.h5", "--mass-unit", "1e14 Msun"), ("times the stars of both galaxies", "--mass-unit")),
        (("good.h5", "--seed", "-1"), "`--seed`"),
        (("good.h5", "short.h5", "--seed", "4294967295"), "leaves no numbers"),
        (("good.h5", "--groups", "BHs/11", "BHs/99"), "BHs/99"),
        (("unsorted.h5",), ("`unsorted.h5`", "times do not rise", "sort")),
        (("negative.h5",), ("`negative.h5`", "must be positive")),
        (("short.h5",), ("`short.h5`",)),
        (("words.txt",), ("`words.txt`", "header")),
        (("noise.bin",), ("`noise.bin`", "neither HDF5 nor text")),
    ],
)
def test_wrong_input_is_one_sentence(swansong, merger, written, tmp_path, arguments, said):
    for given in arguments:
        path = tmp_path / given
        if given == "good.h5":
            path.write_bytes(written.read_bytes())
        elif given == "unsorted.h5":
            table(path, merger, time=merger.time[::-1])
        elif given == "negative.h5":
            table(path, merger, mass=np.full(len(merger), -0.005))
        elif given == "short.h5":
            table(path, merger, rows=slice(1))
        elif given == "words.txt":
            path.write_text("once upon a time\n1 2 3\n")
        elif given == "noise.bin":
            path.write_bytes(bytes(range(128, 256)) * 9)
    last = {option: value for option, value in zip(KIND[::2], KIND[1::2], strict=True) if option not in arguments}
    last |= {
        option: value for option, value in zip(PHYSICAL[::2], PHYSICAL[1::2], strict=True) if option not in arguments
    }
    options = [part for pair in last.items() for part in pair]
    outcome = swansong("binaries", "import", *arguments, *options, "--out", "result")
    refused(outcome, said, out=tmp_path / "result")
