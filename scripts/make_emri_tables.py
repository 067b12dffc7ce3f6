"""Pack Teukolsky fluxes into the flux table of the package, and integrate the table of tracks.

    python scripts/make_emri_nodes.py --out build/emri ...     # in its own environment, see there
    python scripts/make_emri_tables.py --nodes build/emri      # writes src/swansong/emri/tracks/data

With held-out orbits (`make_emri_nodes.py --random N`) in the same folder the error of the flux table is measured
on them and kept beside it. Two minutes on one core.
"""

import argparse
import time
from pathlib import Path

import h5py
import jax.numpy as jnp
import numpy as np

from swansong.core.files import write_product
from swansong.core.provenance import collect
from swansong.emri.tracks import fluxes as flux
from swansong.emri.tracks import table, trajectories
from swansong.emri.tracks.kernels import FINAL_SCALE
from swansong.physics import kerr

DATA = Path(__file__).parents[1] / "src/swansong/emri/tracks/data"
# Nodes of the tracks: uniform in (1 - a)^(1/3), in ln(1 + e_f / 0.004) and in ln tau.
# tau = 5700 is two years of 5e5 and 100 solar masses.
SPINS, SPIN_RANGE = 57, (-0.998, 0.998)
FINALS, LARGEST_FINAL = 41, 0.12
TIMES, TAU_RANGE = 290, (1e-6, 5700.0)
TOLERANCE = 2e-7  # of the packed quantities, in units of the largest at the same time
LARGEST_HORIZON = 0.05  # of the model's flux; true fluxes into the horizon stay below


def read_orbits(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Orbits (n, 3) and fluxes (n, 4) of a chunk, angular momentum counted along the orbit."""
    with h5py.File(path) as file:
        orbits, fluxes = file["orbit"][:], file["fluxes"][:]
    fluxes[orbits[:, 0] < 0, 2:] *= -1.0
    return orbits, fluxes


def mend(ratios: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, int]:
    """Replace horizon fluxes spoiled by a spurious mode, known by their size.

    This happens at the innermost distance of the two fastest holes alone. What is put there is the next row, and the
    difference between the two rows continued linearly in the eccentricity: a tenth of the flux to a percent.

    Args:
        ratios: Of one spin, (distances, shares, 6), as from `flux.ratios`.
        shares: Nodes in e / e_max.

    Returns:
        The same with (E, L) of the horizon mended, and how many nodes were.
    """
    mended, number = ratios.copy(), 0
    for row, column in np.argwhere(np.abs(ratios[..., 3]) > LARGEST_HORIZON):
        good = np.flatnonzero(np.abs(ratios[row, :, 3]) < LARGEST_HORIZON)[-2:]
        difference = ratios[row, good][:, [3, 5]] - ratios[row + 1, good][:, [3, 5]]
        slope = (difference[1] - difference[0]) / (shares[good[1]] - shares[good[0]])
        continued = difference[1] + slope * (shares[column] - shares[good[1]])
        mended[row, column, [3, 5]] = ratios[row + 1, column, [3, 5]] + continued
        number += 1
    return mended, number


def chunk_ratios(path: Path, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Orbits, mended fluxes (distances, shares, 4), the quantities of the table, and the number of mended nodes."""
    orbits, fluxes = read_orbits(path)
    a, p, e = orbits.T
    shares = (e / np.asarray(flux.largest_eccentricity(p - np.asarray(kerr.separatrix(a, e))))).reshape(shape)[0]
    base = flux.model(a, p, e)
    scale = np.asarray(base.energy), np.asarray(base.energy), np.asarray(base.momentum), np.asarray(base.momentum)
    found, number = mend(flux.ratios(orbits, fluxes).reshape(*shape, -1), shares)
    if number:
        fluxes = found.reshape(-1, 6)[:, 2:] * np.stack(scale, axis=-1)
        found = flux.ratios(orbits, fluxes).reshape(*shape, -1)
    return orbits, fluxes.reshape(*shape, 4), found, number


def pack_fluxes(nodes: Path, out: Path, expected: int) -> flux.FluxTable:
    """Write the flux table from the chunks that exist, and measure it on the held-out orbits."""
    chunks = sorted(nodes.glob(f"spin_{expected}_*.h5"))
    with h5py.File(chunks[0]) as file:
        shape = int(file.attrs["distances"]), int(file.attrs["eccentricities"])
        generator = str(file.attrs["generator"])
    values, raw, spins, mended = [], [], [], {}
    for chunk in chunks:
        orbits, fluxes, found, number = chunk_ratios(chunk, shape)
        values.append(found)
        raw.append(fluxes)
        spins.append(orbits[0, 0])
        mended[chunk.name] = number
        print(chunk.name, orbits[0, 0], number, "nodes mended", flush=True)
    # Every chunk has the same distances and shares; the last holds them as well as any.
    distance = orbits[:, 1] - np.asarray(kerr.separatrix(orbits[:, 0], orbits[:, 2]))
    distances = distance.reshape(shape).mean(axis=1)
    shares = (orbits[:, 2] / np.asarray(flux.largest_eccentricity(distance))).reshape(shape).mean(axis=0)
    spins = np.array(spins)
    ratios = np.stack(values)
    made = flux.interpolant(ratios, spins=spins, distances=distances, shares=shares)
    arrays = {"ratios": ratios, "fluxes": np.stack(raw), "spins": spins, "distances": distances, "shares": shares}
    held = sorted(nodes.glob("random_*.h5"))
    if held:
        arrays |= held_out_errors(made, held)
    write_product(
        out / "fluxes.h5",
        kind=flux.FLUX_KIND,
        arrays=arrays,
        metadata={
            "complete": len(chunks) == expected,
            "mended_nodes": mended,
            "quantities": "pdot / model, rest of edot / e, E inf / model, E hor / model, L inf / model, L hor / model",
            "source": f"{generator}, scripts/make_emri_nodes.py",
        },
        provenance=collect(configuration={"nodes": [chunk.name for chunk in chunks]}, command="make_emri_tables"),
        force=True,
    )
    return made


def held_out_errors(made: flux.FluxTable, chunks: list[Path]) -> dict[str, np.ndarray]:
    """Relative errors of pdot, of edot against the larger of itself and its Newtonian size, and of the energy flux."""
    orbits, fluxes = (np.concatenate(parts) for parts in zip(*(read_orbits(chunk) for chunk in chunks), strict=True))
    a, p, e = orbits.T
    energy = fluxes[:, 0] + fluxes[:, 1]
    truth = flux.balance(a, p, e, energy=energy, momentum=fluxes[:, 2] + fluxes[:, 3])
    found = made.rates(a, p, e)
    size = np.maximum(np.abs(truth.e), np.abs(e * flux.newtonian_damping(p, e)))
    errors = np.stack(
        [
            np.abs(found.p / truth.p - 1.0),
            np.abs(found.e - truth.e) / size,
            np.abs(sum(made.energy(a, p, e)) / energy - 1.0),
        ],
        axis=-1,
    )
    near = p - np.asarray(kerr.separatrix(a, e)) < 0.5
    for name, mask in (("near", near), ("far", ~near)):
        print(
            name, mask.sum(), "median, 90 %, max of pdot, edot, E:", *np.quantile(errors[mask], [0.5, 0.9, 1], axis=0)
        )
    return {"held_out/orbits": orbits, "held_out/errors": errors}


def integrate_tracks(fluxes: flux.FluxTable, out: Path, *, spins: int, finals: int) -> None:
    """Write the table of tracks."""
    z = np.linspace((1 - SPIN_RANGE[1]) ** (1 / 3), (1 - SPIN_RANGE[0]) ** (1 / 3), spins)
    y = np.linspace(0.0, np.log1p(LARGEST_FINAL / FINAL_SCALE), finals)
    final = FINAL_SCALE * np.expm1(y)
    log_tau = np.linspace(*np.log(TAU_RANGE), TIMES)
    values = np.empty((spins, finals, 4, TIMES))
    edge = np.empty((spins, finals))
    for i, a in enumerate(1 - z**3):
        found, good = trajectories.backward(fluxes, jnp.asarray(a), jnp.asarray(final), jnp.exp(log_tau))
        if not bool(good.all()):
            raise SystemExit(f"integration failed at spin {a}, final eccentricities {final[~np.asarray(good)]}")
        p, e = np.asarray(found[..., 0]), np.asarray(found[..., 1])
        # Orbits beyond the domain only keep the splines smooth.
        omega = kerr.frequencies(a, p, np.minimum(e, 0.9))
        values[i] = np.stack([omega.azimuthal / (2 * np.pi), omega.radial / (2 * np.pi), p, e], axis=1)
        over = trajectories.excess(a, p, e)
        for j in range(finals):
            at = int(np.argmax(over[j] > 0)) if (over[j] > 0).any() else 0
            share = over[j, at - 1] / (over[j, at - 1] - over[j, at]) if at else 0.0
            edge[i, j] = log_tau[at - 1] + share * (log_tau[at] - log_tau[at - 1]) if at else log_tau[-1]
    arrays = {"edge": edge, "grid": np.array([z[0], z[1] - z[0], y[0], y[1], log_tau[0], log_tau[1] - log_tau[0]])}
    for q, name in enumerate(table.QUANTITIES):
        packed = table.pack(values[:, :, q], tolerance=TOLERANCE)
        print(name, "rank", packed["right"].shape[0], flush=True)
        arrays |= {f"{name}/{part}": array for part, array in packed.items()}
    write_product(
        out / "tracks.h5",
        kind=table.TRACK_KIND,
        arrays=arrays,
        metadata={
            "coordinates": "(1 - a)^(1/3), ln(1 + e_f / 0.004), ln tau, all uniform; tau = (time before plunge) nu / M",
            "quantities": "M f_phi, M f_r, p / M, e; p = p_sep + 0.002 at plunge",
        },
        provenance=collect(
            configuration={"spins": spins, "finals": finals, "times": TIMES, "tolerance": TOLERANCE},
            inputs={"fluxes": out / "fluxes.h5"},
            command="make_emri_tables",
        ),
        force=True,
    )


def main() -> None:
    """Pack, then integrate."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nodes", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=DATA)
    parser.add_argument("--grid", type=int, default=11, help="number of spins of the node grid")
    parser.add_argument("--spins", type=int, default=SPINS)
    parser.add_argument("--finals", type=int, default=FINALS)
    given = parser.parse_args()
    started = time.perf_counter()
    fluxes = pack_fluxes(given.nodes, given.out, given.grid)
    integrate_tracks(fluxes, given.out, spins=given.spins, finals=given.finals)
    sizes = {path.name: path.stat().st_size for path in given.out.glob("*.h5")}
    print(f"{time.perf_counter() - started:.0f} s", sizes)


if __name__ == "__main__":
    main()
