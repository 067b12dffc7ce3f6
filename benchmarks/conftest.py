"""The table that `make bench` prints at its end: what each benchmark measured, beside its peers."""

import platform

import jax
import pytest
from summary import Row

from swansong import __version__
from swansong.inference.workers import usable_processors

ROWS = pytest.StashKey[list[Row]]()


@pytest.fixture(scope="session")
def rows(request) -> list[Row]:
    """Rows of the table, in the order measured."""
    return request.config.stash.setdefault(ROWS, [])


def pytest_terminal_summary(terminalreporter, config):
    rows = config.stash.get(ROWS, [])
    if not rows:
        return
    write = terminalreporter.write_line
    for system in dict.fromkeys(row.system for row in rows):
        terminalreporter.section(f"one event of {system}")
        _table(write, [row for row in rows if row.system == system])
    write("seconds: wall clock, warm; JS: divergence to the exact posterior in nats; chance: its 90 % quantile for")
    write("equal laws sampled as well. ln Z: ratio to noise alone, over the prior above its signal-to-noise cut.")
    write(
        f"swansong {__version__}, jax {jax.__version__}, Python {platform.python_version()}, "
        f"{usable_processors()} usable processors, {platform.machine()}, {jax.default_backend()}"
    )


def _table(write, rows):
    names = list(dict.fromkeys(name for row in rows for name in row.distance))
    peer = next((row for row in rows if row.note), None)
    heads = ["seconds", "cpu s", "samples", "effective", "ln Z", "error", *(f"JS {name}" for name in names), "chance"]
    heads += ["peer / this"] if peer else []
    write(f"{'':20}" + "".join(f"{head:>16}" for head in heads))
    for row in rows:
        cells = [f"{row.seconds:.3g}", f"{row.processor_seconds:.3g}", f"{row.samples:,}", f"{row.effective:,.0f}"]
        cells += [f"{row.evidence[0]:.3f}", f"{row.evidence[1]:.2g}"]
        cells += [f"{row.distance[name]:.1e}" if name in row.distance else "" for name in names]
        cells += [f"{row.floor:.1e}" if row.distance else ""]
        cells += [f"{peer.seconds / row.seconds:.0f}" if row is not peer else "1"] if peer else []
        write(f"{row.name:20}" + "".join(f"{cell:>16}" for cell in cells))
    write("")
    for row in rows:
        if row.note:
            write(f"{row.name}: {row.note}")
