"""Tables of black holes from other codes: energies of a known orbit, units, and everything that is refused."""

import h5py
import numpy as np
import pytest

from swansong.binaries.readers import COLUMNS, ORDER, TableUnits, read_black_holes
from swansong.binaries.units import Units
from swansong.core.errors import DataError, FileError, InputError

AXIS, ECCENTRICITY, MASSES = 0.01, 0.6, (0.006, 0.004)
ABOUT = {"eccentricity": 0.9, "particles": 4096}


def orbit(rows=50):
    """Times, positions (2, rows, 3) and velocities of a Kepler orbit whose centre of mass drifts."""
    mu = sum(MASSES)
    anomaly = np.linspace(0.0, 12.0, rows)
    time = (anomaly - ECCENTRICITY * np.sin(anomaly)) * np.sqrt(AXIS**3 / mu)
    root = np.sqrt(1.0 - ECCENTRICITY**2)
    x = AXIS * np.stack([np.cos(anomaly) - ECCENTRICITY, root * np.sin(anomaly), 0.0 * anomaly], axis=1)
    rate = np.sqrt(mu / AXIS**3) / (1.0 - ECCENTRICITY * np.cos(anomaly))
    v = AXIS * rate[:, None] * np.stack([-np.sin(anomaly), root * np.cos(anomaly), 0.0 * anomaly], axis=1)
    shares = np.array([MASSES[1], -MASSES[0]])[:, None, None] / mu
    drift = np.array([0.3, -0.1, 0.2])
    return time, shares * x + drift * time[:, None] + 5.0, shares * v + drift


def is_the_orbit(found, rows=50):
    assert len(found) == rows
    assert found.axis == pytest.approx(AXIS, rel=1e-6)
    assert found.eccentricity == pytest.approx(ECCENTRICITY, rel=1e-6)
    assert found.merger.mass_1 == pytest.approx(MASSES[0])
    assert found.merger.mass_2 == pytest.approx(MASSES[1])
    return True


def write(path, names=("time", "pos", "vel", "mass"), **changes):
    time, x, v = orbit()
    with h5py.File(path, "w") as file:
        for body in range(2):
            columns = dict(zip(names, (time, x[body], v[body], np.full(50, MASSES[body])), strict=True))
            for name, values in {**columns, **changes}.items():
                if values is not None:
                    file[f"BHs/{body + 7}/{name}"] = values
    return path


def lines(order=ORDER, separator=" "):
    time, x, v = orbit()
    columns = {"t": time}
    for body in (1, 2):
        columns |= {f"{name}{body}": x[body - 1, :, place] for place, name in enumerate("xyz")}
        columns |= {f"v{name}{body}": v[body - 1, :, place] for place, name in enumerate("xyz")}
        columns[f"m{body}"] = np.full(50, MASSES[body - 1])
    return [separator.join(f"{value:.15g}" for value in row) for row in np.stack([columns[c] for c in order], axis=1)]


@pytest.mark.parametrize(
    "names",
    [("t", "x", "v", "m"), ("Times", "Coordinates", "Velocities", "Masses"), ("time", "position", "velocity", "mass")],
)
def test_groups_of_an_hdf5_file(tmp_path, names):
    found = read_black_holes(write(tmp_path / "a.hdf5", names), origin="ketju", **ABOUT)
    assert is_the_orbit(found)
    assert (found.merger.origin, found.merger.eccentricity, found.merger.particles) == ("ketju", 0.9, 4096)


def test_units_are_turned_into_those_of_the_engine(tmp_path):
    """The same orbit in kpc, km/s, Gyr and 1e10 solar masses: attributes for three, the argument for the time."""
    scale = Units(mass=5e9, length=100.0)
    time, x, v = orbit()
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for body, name in enumerate(("bh1", "bh2")):
            group = file.create_group(name)
            group["t"] = time * scale.time / 1e3
            for label, values, unit in (
                ("x", x[body] * scale.length / 1e3, "kpc"),
                ("v", v[body] * scale.velocity, b"km s^-1"),
                ("m", MASSES[body] * scale.mass / 1e10, "1e10 Msun"),  # one number for all times
            ):
                group[label] = values
                group[label].attrs["units"] = unit
    found = read_black_holes(path, units=TableUnits(time="Gyr", scale=scale), **ABOUT)
    assert is_the_orbit(found)
    assert found.time == pytest.approx(time, rel=1e-9)


def test_a_compound_data_set_with_common_times(tmp_path):
    time, x, v = orbit()
    row = np.dtype([("Coordinates", float, 3), ("Velocities", float, 3), ("Masses", float)])
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["times"] = time
        for body in range(2):
            rows = np.zeros(50, row)
            rows["Coordinates"], rows["Velocities"], rows["Masses"] = x[body], v[body], MASSES[body]
            file[f"hole{body}"] = rows
    assert is_the_orbit(read_black_holes(tmp_path / "a.h5", **ABOUT))


@pytest.mark.parametrize("separator", [" ", ",", "; ", "\t"])
def test_text_without_a_header(tmp_path, separator):
    path = tmp_path / "a.txt"
    path.write_text("# made by hand\n\n" + "\n".join(lines(separator=separator)) + "\n")
    assert is_the_orbit(read_black_holes(path, **ABOUT))


@pytest.mark.parametrize("mark", ["", "# "])
def test_text_with_a_header_in_any_order(tmp_path, mark):
    order = ("t", *sorted(COLUMNS[1:]))
    path = tmp_path / "a.csv"
    path.write_text(mark + ",".join(order).upper() + "\n" + "\n".join(lines(order, ",")) + "\n")
    assert is_the_orbit(read_black_holes(path, **ABOUT))


def test_a_merger_ends_the_table(tmp_path):
    path = write(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        for name, values in {key: item[:30] for key, item in file["BHs/8"].items()}.items():
            del file[f"BHs/8/{name}"]
            file[f"BHs/8/{name}"] = values
    assert is_the_orbit(read_black_holes(path, **ABOUT), rows=30)


BAD = np.full((50, 3), 0.1)
BAD[4, 1] = np.nan


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"time": orbit()[0][::-1]}, "times do not rise at row 1"),
        ({"time": None}, "has no time"),
        ({"mass": None}, "has no mass"),
        ({"pos": BAD}, "position of black hole 1 .* not finite at row 4"),
        ({"mass": np.full(50, -0.005)}, "mass of black hole 1 .* must be positive"),
        ({"mass": np.linspace(0.005, 0.006, 50)}, "changes by 20 %"),
        ({"vel": np.zeros((49, 3))}, "velocity .* shape"),
        ({"vel": np.full((50, 3), b"fast")}, "holds no numbers"),
    ],
)
def test_tables_that_no_orbit_can_be_made_of(tmp_path, changes, words):
    with pytest.raises(DataError, match=words):
        read_black_holes(write(tmp_path / "a.h5", **changes), **ABOUT)


def test_three_black_holes_need_names(tmp_path):
    path = write(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        file.copy("BHs/7", "BHs/10")
    with pytest.raises(DataError, match="3 black holes"):
        read_black_holes(path, **ABOUT)
    assert is_the_orbit(read_black_holes(path, names=("BHs/8", "BHs/10"), **ABOUT))
    with pytest.raises(DataError, match="no black hole 'BHs/1'"):
        read_black_holes(path, names=("BHs/1", "BHs/10"), **ABOUT)


@pytest.mark.parametrize(
    "text, words",
    [
        ("\n".join([*lines()[:3], lines()[3][:40]]), "line 4 .* may be truncated"),
        ("t x1 spin\n" + lines()[0], "unknown column 'spin'"),
        ("t " + " ".join(COLUMNS[1:-1]) + "\n" + lines()[0], "no column 'm2'"),
        ("\n".join([lines()[0], lines()[1].replace(".", "o")]), "no number"),
        (lines()[0], "1 rows of numbers"),
        ("", "0 rows of numbers"),
    ],
)
def test_text_that_cannot_be_read(tmp_path, text, words):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(DataError, match=words):
        read_black_holes(tmp_path / "a.txt", **ABOUT)


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileError, match="is no file"):
        read_black_holes(tmp_path / "none.h5", **ABOUT)
    (tmp_path / "b.bin").write_bytes(bytes(range(128, 256)))
    with pytest.raises(FileError, match="neither HDF5 nor text"):
        read_black_holes(tmp_path / "b.bin", **ABOUT)
    path = write(tmp_path / "a.h5")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(FileError, match="truncated or damaged"):
        read_black_holes(path, **ABOUT)


def test_unknown_units_are_named():
    with pytest.raises(InputError, match="unit 'furlong' of position"):
        TableUnits(position="furlong")
    assert TableUnits().factor("time", "1e3 yr") == pytest.approx(TableUnits().factor("time", "kyr"))
    assert TableUnits().factor("velocity", "kpc/Gyr") == pytest.approx(0.97779 / 680.0, rel=1e-3)
    assert TableUnits().factor("mass", "kg") == pytest.approx(1.0 / (2e10 * 1.98841e30), rel=1e-4)
