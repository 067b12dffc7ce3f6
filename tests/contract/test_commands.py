"""Promises that every verb of the command line keeps, of all systems alike."""

import json
import re
import shlex

import pytest

from swansong.cli.main import build_app, main

MISSING = {
    "ringdown infer": "missing.toml",
    "ringdown simulate": "missing.toml",
    "ringdown train": "missing.toml",
    "ringdown check": "missing.toml",
    "ringdown init": "missing",
    "encounters infer": "missing.toml",
    "encounters detect": "missing.toml --strain H1=missing.hdf5",
    "encounters simulate": "missing.toml",
    "encounters train": "missing.toml",
    "encounters check": "missing.toml",
    "encounters init": "missing",
    "emri amplitudes evaluate": "--spin 0.5 --semi-latus-rectum missing --eccentricity 0.1 --cos-inclination 1",
    "emri amplitudes check": "missing.h5",
    "emri amplitudes generate": "--counts missing",
    "emri amplitudes train": "small --solved missing.h5",
    "emri amplitudes init": "missing",
    "emri tracks": "--mass-1 missing --mass-2 30 --spin 0.5 --plunge-time 0.5 --final-eccentricity 0.1",
    "emri simulate": "missing.toml",
    "emri search": "missing.h5",
    "emri followup": "missing.h5 --candidate missing.h5",
    "emri campaign": "missing.csv",
    "emri check": "missing.h5",
    "emri init": "missing",
    "binaries simulate": "missing.toml",
    "binaries import": "missing.hdf5 --eccentricity 0.9 --particles 4096",
    "binaries train": "rates --data missing.h5",
    "binaries evolve": "--galaxy-eccentricity 0.9 --particles 4096 --weights missing.h5",
    "binaries merge": "--trajectory missing.h5",
    "binaries forecast": "missing.h5",
    "binaries background": "missing.toml",
    "binaries check": "--data missing.h5",
    "binaries init": "missing",
    "demo": "missing",
    "report": "missing",
    "show": "missing.h5",
    "cite": "missing",
}
"""Arguments of each verb with a file, or else a word, that does not exist."""

CHEAPEST = {
    "ringdown": "simulate --count 1 --set model.modes=['220'] --set data.detectors=['H1'] --set data.duration=0.04",
    "encounters": "simulate --count 1 --set data.duration=2.0 --set data.maximum_frequency=160.0",
    "emri": "tracks --mass-1 1e6 --mass-2 30 --spin 0.8 --plunge-time 0.1 --final-eccentricity 0.02",
    "emri amplitudes": "generate --counts SC=1",
    "binaries": "merge --semi-major-axis 0.02 --eccentricity 0.5 --hardening-rate 5 --mass-1 0.005 --mass-2 0.005",
}
"""The verb of each system that costs least."""


def verbs(app, trail=()):
    """All verbs below an app, by the words that call them."""
    names = [name for name in app if not name.startswith("-")]
    return [found for name in names for found in verbs(app[name], (*trail, name))] or [" ".join(trail)]


VERBS = verbs(build_app())


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
    """Call the command in an empty folder, on a terminal wide enough for any line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "2000")
    monkeypatch.delenv("SWANSONG_DEBUG", raising=False)

    def run(line):
        capsys.readouterr()
        return main(shlex.split(line)), *capsys.readouterr()

    return run


def test_every_verb_is_held_to_the_promises():
    assert sorted(MISSING) == sorted(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example_that_parses(call, verb):
    code, out, err = call(f"{verb} --help")
    assert (code, err) == (0, "")
    # A paragraph is broken at the width of the terminal that an earlier call found.
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", out)]
    (text,) = (one for one in paragraphs if one.startswith("Example: "))
    words = shlex.split(text.removeprefix("Example: "))
    assert words[: 1 + len(verb.split())] == ["swansong", *verb.split()]
    function, bound, _ = build_app().parse_args(words[1:], exit_on_error=False, print_error=False)
    assert callable(function)
    assert bound is not None


@pytest.mark.parametrize("verb", VERBS)
def test_what_does_not_exist_is_refused_in_one_sentence(call, tmp_path, verb):
    code, out, err = call(f"{verb} {MISSING[verb]}")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "missing" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("system", CHEAPEST)
def test_json_is_one_object_that_names_its_files(call, tmp_path, system):
    line = shlex.join([*system.split(), *CHEAPEST[system].split()])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    code, out, err = call(f"{line} --out full --json")
    assert (code, out) == (2, "")
    assert "already holds results" in err
    code, out, err = call(f"{line} --out result --json")
    assert (code, err) == (0, "")
    assert out.count("\n") == 1

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    told = json.loads(out, parse_constant=refuse)
    assert told["system"] == system.replace(" ", ".")
    assert all(isinstance(text, str) for text in told["warnings"])
    assert told["files"]
    assert all((tmp_path / path).exists() for path in told["files"].values())
