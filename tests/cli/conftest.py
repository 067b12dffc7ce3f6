"""Run the command in this process, in an empty folder."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from swansong.cli.main import main

SMALL = """
[model]
modes = ["220"]
[data]
detectors = ["H1"]
duration = 0.04
[prior]
final_mass = [50.0, 100.0]
final_spin = [0.3, 0.9]
amplitude = [3e-22, 6e-21]
minimum_snr = 0.0
"""


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def swansong(capsys, tmp_path, monkeypatch) -> Callable[..., Outcome]:
    """Call the command as from a shell in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SWANSONG_DEBUG", raising=False)

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Outcome(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def small_toml(tmp_path_factory) -> Path:
    """A ringdown problem that is quick to prepare."""
    path = tmp_path_factory.mktemp("problem") / "small.toml"
    path.write_text(SMALL)
    return path
