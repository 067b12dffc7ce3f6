"""`swansong binaries merge`: values, units, tables, runs, files, and wrong input."""

import json
import math
import subprocess
import sys

import h5py
import numpy as np
import pytest
from test_cli_bad_input import refused

from swansong.binaries.elements import from_ellipse
from swansong.binaries.trajectories import Merger, Trajectory, write_trajectories
from swansong.binaries.units import Units
from swansong.core.files import read_product
from swansong.core.provenance import collect

PAIR = {
    "--semi-major-axis": 1 / 60,
    "--eccentricity": 0.5,
    "--hardening-rate": 5,
    "--mass-1": 0.005,
    "--mass-2": 0.005,
}
HEADER = "semi_major_axis,eccentricity,hardening_rate,mass_1,mass_2"


def arguments(**changed):
    given = PAIR | {f"--{name.replace('_', '-')}": value for name, value in changed.items()}
    return [str(part) for pair in given.items() for part in pair if pair[1] is not None]


@pytest.fixture
def merge(swansong):
    """Call the verb and give its JSON object."""

    def call(*given):
        done = swansong("binaries", "merge", *given, "--json")
        assert (done.code, done.err) == (0, "")
        return json.loads(done.out)

    return call


@pytest.fixture
def refuse(swansong, tmp_path):
    """Call the verb with `--out result` and expect a refusal."""

    def call(*given, said):
        refused(swansong("binaries", "merge", *given, "--out", "result"), said, out=tmp_path / "result")

    return call


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs of pairs that harden by 5 a unit of time and a third that is never bound."""
    path = tmp_path_factory.mktemp("runs") / "runs.h5"
    t = np.arange(0.0, 60.0, 0.25)
    found = []
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        inverse = 96.0 + 5.0 * t + 0.3 * np.cumsum(rng.normal(size=t.size))
        energy, momentum = from_ellipse(1.0 / inverse, np.full(t.size, 0.5 + 0.1 * seed), mu=0.01)
        found.append(Trajectory(Merger(0.9, 4096, seed), t, energy, momentum, 1.0 / inverse))
    found.append(Trajectory(Merger(0.7, 4096, 3), t, np.ones(t.size), np.ones(t.size), np.ones(t.size)))
    write_trajectories(path, found, provenance=collect())
    return path


@pytest.mark.parametrize("eccentricity, time", [(0, 1621), (0.5, 1336), (0.9, 546), (0.97, 250)])
def test_values_of_the_physics_sheet(merge, eccentricity, time):
    told = merge(*arguments(eccentricity=eccentricity), "--speed-of-light", 440.84)
    assert round(told["merger_time"]) == time
    assert told["status"] == "merged"
    assert told["stellar_fraction"] + told["wave_fraction"] == pytest.approx(1.0)
    assert told["merger_time_myr"] is None  # the mass of the galaxies is not known
    assert told["warnings"] == []


def test_physical_units_are_the_same_physics(merge):
    here, units = merge(*arguments(eccentricity_rate=0.02)), Units()
    there = merge(
        *arguments(
            semi_major_axis=units.length / 60, hardening_rate=5 / (units.length * units.time), eccentricity_rate=0.02,
            mass_1=0.005 * units.mass, mass_2=0.005 * units.mass, units="physical",
        )
    )  # fmt: skip
    assert there["time_unit"] == "Myr"
    assert there["merger_time"] == pytest.approx(here["merger_time_myr"], rel=1e-6)
    assert there["takeover"]["semi_major_axis"] == pytest.approx(
        here["takeover"]["semi_major_axis"] * units.length, rel=1e-6
    )
    heavier = merge(*arguments(galaxy_mass=2e11, eccentricity_rate=0.02))
    assert heavier["merger_time"] < here["merger_time"]


def test_a_dying_law_stalls_and_says_why(merge, swansong):
    given = arguments(law="exponential", time_scale=60)
    told = merge(*given)
    assert (told["status"], told["merger_time"]) == ("stalled", None)
    assert told["saturation_axis"] == pytest.approx(1 / 360)
    assert told["waves_left"] > told["max_time"] == pytest.approx(13.8e3 / Units().time)
    assert "still apart" in told["warnings"][0]
    shown = swansong("binaries", "merge", *given).out
    assert "the pair stalled" in shown
    assert "never below a = 0.002778" in shown
    floor = merge(*arguments(law="floor", time_scale=60, floor=1))
    assert floor["status"] == "merged"


def test_scattering_rates_in_both_units(merge):
    units = Units()
    given = {"law": "scattering", "hardening_rate": None}
    here = merge(*arguments(density=0.17, dispersion=0.3, **given))
    there = merge(
        *arguments(
            semi_major_axis=units.length / 60, density=0.17 * units.mass / units.length**3,
            dispersion=0.3 * units.velocity, mass_1=1e8, mass_2=1e8, units="physical", **given,
        )
    )  # fmt: skip
    assert there["merger_time"] == pytest.approx(here["merger_time_myr"], rel=1e-6)
    unequal = merge(*arguments(density=0.17, dispersion=0.3, mass_2=0.002, **given))
    assert "equal masses" in unequal["warnings"][0]


def test_files_of_one_pair(merge, tmp_path):
    told = merge(*arguments(), "--out", tmp_path / "one")
    assert {name: (tmp_path / "one" / file.rsplit("/", 1)[-1]).is_file() for name, file in told["files"].items()} == (
        dict.fromkeys(("merger", "json", "csv", "evolution", "report"), True)
    )
    product = read_product(told["files"]["merger"], kind="binary_merger")
    assert product.metadata["result"]["merger_time"] == told["merger_time"]
    track = np.genfromtxt(told["files"]["csv"], delimiter=",", names=True, comments="#", skip_header=1)
    assert np.all(np.diff(track["time"]) > 0.0)
    assert track["time"][-1] == pytest.approx(told["merger_time"], rel=1e-3)
    # Along the track, stars give 1/a = 60 + 5 t at first.
    assert np.interp(20.0, track["time"], 1.0 / track["semi_major_axis"]) == pytest.approx(160.0, rel=1e-3)


def test_a_table_is_its_pairs(merge, tmp_path):
    rows = "\n".join(f"0.0166666666667,{e},5,0.005,0.005" for e in (0, 0.5, 0.9))
    table = tmp_path / "pairs.csv"
    table.write_text(f"# made by hand\n{HEADER}\n{rows}\n")
    told = merge("--table", table, "--out", tmp_path / "many", "--speed-of-light", 440.84)
    assert (told["pairs"], told["merged"]) == (3, 3)
    assert round(told["merger_time"]) == 1336
    product = read_product(told["files"]["mergers"], kind="binary_mergers")
    np.testing.assert_array_equal(np.round(product.arrays["merger_time"]), [1621, 1336, 546])
    lines = (tmp_path / "many" / "mergers.csv").read_text().splitlines()
    assert lines[1].startswith("line,semi_major_axis,eccentricity,mass_1,mass_2,hardening_rate,status,merger_time")
    assert lines[2].startswith("3,0.01666666667,0,")
    with h5py.File(tmp_path / "pairs.h5", "w") as file:
        file["eccentricity"] = [0.0, 0.5, 0.9]
    rest = arguments(eccentricity=None, speed_of_light=440.84)
    again = merge("--table", tmp_path / "pairs.h5", *rest)
    assert again["quantiles"]["0.5"] == pytest.approx(told["quantiles"]["0.5"], rel=1e-9)


def test_runs_are_followed_with_their_own_hardening(merge, swansong, runs, tmp_path):
    told = merge("--trajectory", runs, "--out", tmp_path / "runs", "--seed", 1, "--samples", 200)
    assert (told["runs"], told["merged"], told["left_out"]) == (3, 2, 1)
    assert "seed 3 is not bound" in told["warnings"][0]
    # Their eccentricity does not change.
    assert told["warnings"][-1].startswith("In 2 runs the eccentricity growth K is within two standard errors of zero")
    for one in told["mergers"]:
        assert one["rate"]["start"]["value"] == pytest.approx(5.0, abs=5 * one["rate"]["start"]["error"])
        assert one["interval_68"][0] < one["merger_time"] < one["interval_68"][1]
    assert told["mergers"][1]["merger_time"] < told["mergers"][0]["merger_time"]
    assert read_product(told["files"]["run_mergers"]).provenance.seed == 1
    assert (tmp_path / "runs" / "merger_bars.png").is_file()
    shown = swansong("binaries", "merge", "--trajectory", runs, "--law", "exponential", "--hand-off", "50").out
    assert "merged" in shown
    assert "merger times of 2 runs, law exponential" in shown


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"eccentricity": 1.0}, ("`--eccentricity`", "from 0 to below 1")),
        ({"eccentricity": -0.1}, "`--eccentricity`"),
        ({"mass_1": -0.005}, ("`--mass-1`", "-0.005", "positive")),
        ({"mass_2": "nan"}, ("`--mass-2`", "nan")),
        ({"semi_major_axis": 0}, ("`--semi-major-axis`", "positive")),
        ({"hardening_rate": -5}, ("`--hardening-rate`", "not negative")),
        ({"eccentricity_rate": "inf"}, "`--eccentricity-rate`"),
        ({"hardening_rate": None}, ("`--hardening-rate` is missing",)),
        ({"time_scale": 3}, ("`--time-scale`", "law constant")),
        ({"law": "floor", "time_scale": 3}, "`--floor` is missing"),
        ({"law": "exponential", "time_scale": 0}, ("`--time-scale`", "positive")),
        ({"law": "scattering"}, ("`--hardening-rate`", "scattering")),
        ({"max_time": 0}, "`--max-time`"),
        ({"speed_of_light": -1}, "`--speed-of-light`"),
        ({"speed_of_light": 100, "galaxy_mass": 1e10}, ("`--speed-of-light`", "`--galaxy-mass`")),
        ({"speed_of_light": 100, "units": "physical"}, ("`--speed-of-light`", "physical")),
        ({"hand_off": 3}, ("`--hand-off`", "`--trajectory`")),
        ({"table": "none.csv"}, ("none.csv", "does not exist")),
    ],
)
def test_a_wrong_pair_is_refused(refuse, changed, said):
    refuse(*arguments(**changed), said=said)


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "is empty"),
        (HEADER, "holds no pair"),
        (f"{HEADER}\n0.01,0.5,5,0.005", ("line 2", "4 values for 5 columns")),
        (f"{HEADER}\n0.01,0.5,5,0.005,0.005\n0.01,nan,5,0.005,0.005", ("line 3", "eccentricity = nan")),
        (f"{HEADER}\n0.01,1.5,5,0.005,0.005\n0.01,2,5,0.005,0.005", ("line 2 and 1 more", "eccentricity = 1.5")),
        (f"{HEADER}\n0.01,0.5,five,0.005,0.005", ("line 2", "'five'")),
        (f"{HEADER},colour\n0.01,0.5,5,0.005,0.005,1", ("unknown column `colour`", "semi_major_axis")),
        (f"{HEADER},{HEADER}\n", "twice"),
        ("eccentricity\n0.5", ("`--semi-major-axis` is missing", "column")),
        (f"{HEADER},floor\n0.01,0.5,5,0.005,0.005,1", ("column `floor`", "law constant")),
    ],
)
def test_a_wrong_table_is_refused(refuse, tmp_path, text, said):
    table = tmp_path / "pairs.csv"
    table.write_text(text)
    refuse("--table", table, said=said)


def test_a_table_and_its_option_are_refused_together(refuse, tmp_path):
    table = tmp_path / "pairs.csv"
    table.write_text(f"{HEADER}\n0.01,0.5,5,0.005,0.005")
    refuse("--table", table, "--mass-1", "0.005", said="drop one of the two")
    with h5py.File(tmp_path / "pairs.h5", "w") as file:
        file["eccentricity"], file["mass_1"] = [0.1, 0.2], [0.005]
    refuse("--table", tmp_path / "pairs.h5", said="differ in length")


def test_wrong_runs_are_refused(refuse, runs, tmp_path):
    refuse("--trajectory", runs, "--mass-1", "1", said="`--mass-1`")
    refuse("--trajectory", runs, "--units", "physical", said="`--galaxy-mass`")
    refuse("--trajectory", runs, "--law", "scattering", said="scattering")
    refuse("--trajectory", runs, "--hand-off", "1e5", said=("none of the 3 runs", "within the run"))
    refuse("--trajectory", runs, "--samples", "3", said="`--samples`")
    refuse("--trajectory", tmp_path / "no.h5", said="does not exist")


def test_a_wrong_pair_is_refused_before_anything_is_compiled():
    code = (
        "import sys; from swansong.cli.main import main; "
        "code = main(['binaries', 'merge', '--eccentricity', '2', '--mass-1', '1', '--mass-2', '1', "
        "'--hardening-rate', '5', '--semi-major-axis', '0.01']); "
        "sys.exit(10 * ('jax' in sys.modules or 'numba' in sys.modules) + code)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr


def test_a_pair_at_the_last_orbit_is_told(merge):
    told = merge(*arguments(semi_major_axis=1e-8, eccentricity=0))
    assert "GM/c^2" in told["warnings"][0]
    assert math.isclose(told["wave_fraction"], 1.0)
