"""Populations from settings: a law, one pair for all, or a table of sampled pairs as CSV or HDF5."""

from pathlib import Path

import numpy as np

from swansong.binaries.background.population import Population, from_law, single
from swansong.binaries.background.settings import Background
from swansong.core.tables import read_table

NEEDED = ("mass_1", "mass_2", "redshift", "semi_major_axis", "eccentricity", "weight")
"""Columns that a table must have."""

OPTIONAL = ("hardening_rate", "eccentricity_rate")
"""Columns that are 0 where they are left out."""

_FIELDS = {"semi_major_axis": "axis", "weight": "density"}


def population_of(settings: Background) -> Population:
    """The population that the settings describe.

    Args:
        settings: The settings.

    Returns:
        The population.

    Raises:
        FileError: The table is missing or cannot be read.
        DataError: It holds what no population has.
    """
    chosen = settings.population
    if chosen.kind == "table":
        return read_population(chosen.table)
    if chosen.kind == "single":
        return single(chosen.single, settings.orbits, galaxies=settings.galaxies)
    return from_law(chosen.law, settings.orbits, galaxies=settings.galaxies)


def read_population(path: str | Path) -> Population:
    """Read sampled pairs.

    Args:
        path: A CSV file with a line of column names, where lines that begin with # are comments, or an HDF5 file
            with one dataset a column: mass_1 and mass_2 [solar masses], redshift, semi_major_axis [pc] and
            eccentricity at the beginning, weight, which is the mergers that the row stands for in a comoving volume
            [1/Mpc^3], and if stars harden the pair hardening_rate s [1/(pc Myr)] and eccentricity_rate K.

    Returns:
        The population.

    Raises:
        FileError: The file is missing or cannot be read.
        DataError: A column is unknown or missing, or a row holds what no bound pair has.
    """
    table = read_table(path, needed=NEEDED, optional=OPTIONAL)
    columns = {name: np.zeros(len(table)) for name in OPTIONAL} | table.columns
    return Population(**{_FIELDS.get(name, name): values for name, values in columns.items()})
