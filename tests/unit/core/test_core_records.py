import io
import json
import math
import subprocess
import sys
import time
from datetime import UTC, datetime

import numpy as np
import pytest

from swansong.core import constants, progress
from swansong.core.errors import FileError, InputError
from swansong.core.files import write_product
from swansong.core.hashing import canonical_json, content_sha256, input_sha256
from swansong.core.provenance import Provenance, collect


def test_constants_agree_with_each_other_and_with_published_numbers():
    assert math.isclose(
        constants.SOLAR_MASS_PARAMETER / constants.SPEED_OF_LIGHT**3, constants.SOLAR_MASS_SECONDS, rel_tol=1e-12
    )
    assert math.isclose(constants.SOLAR_MASS_METRES, 1476.6250, rel_tol=1e-7)
    assert math.isclose(constants.SOLAR_MASS, 1.98841e30, rel_tol=1e-5)
    assert math.isclose(constants.PARSEC, 3.0856775814913673e16, rel_tol=1e-15)
    assert constants.JULIAN_YEAR == 31557600.0


def test_provenance_round_trip():
    record = collect(configuration={"a": {"b": 1}}, seed=np.int64(3), inputs={"x": "a" * 64}, command="swansong demo")
    assert Provenance.from_dict(json.loads(json.dumps(record.to_dict()))) == record
    assert record.versions["swansong"] == "0.1.0"
    assert set(record.versions) >= {"python", "platform", "numpy", "jax"}
    age = datetime.now(UTC) - datetime.fromisoformat(record.created)
    assert 0 <= age.total_seconds() < 60


@pytest.mark.parametrize("change", [{"seed": "3"}, {"inputs": {"a": 1}}, {"more": 1}, {"versions": None}])
def test_a_foreign_provenance_is_refused(change):
    with pytest.raises(InputError, match="`provenance"):
        Provenance.from_dict({**collect().to_dict(), **change})
    with pytest.raises(InputError):
        Provenance.from_dict({})


def test_a_product_as_input_is_known_by_its_content(tmp_path):
    first = collect(command="x")
    sha = write_product(tmp_path / "a.h5", kind="x", arrays={"a": np.zeros(2)}, provenance=first)
    text = tmp_path / "a.txt"
    text.write_bytes(b"abc")
    record = collect(inputs={"product": tmp_path / "a.h5", "text": str(text)})
    assert record.inputs["product"] == sha
    assert record.inputs["text"].startswith("ba7816bf")
    with pytest.raises(FileError, match="does not exist"):
        input_sha256(tmp_path / "none")


def test_hashes_keep_names_and_contents_apart():
    a = content_sha256({"ab": np.zeros(1), "c": np.zeros(1)}, texts={})
    assert a != content_sha256({"a": np.zeros(1), "bc": np.zeros(1)}, texts={})
    assert content_sha256({}, texts={"a": "bc"}) != content_sha256({}, texts={"ab": "c"})
    assert content_sha256({"a": np.zeros(1)}, texts={}) != content_sha256({"a": np.zeros(())}, texts={})
    fortran = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert content_sha256({"a": fortran}, texts={}) == content_sha256({"a": fortran.copy("C")}, texts={})


def test_canonical_json():
    assert canonical_json({"b": np.float32(0.5), "a": (1, np.arange(2))}) == '{"a":[1,[0,1]],"b":0.5}'
    loop = []
    loop.append(loop)
    with pytest.raises(InputError):
        canonical_json(loop)


def test_core_needs_no_jax():
    modules = ["config", "files", "provenance", "progress", "constants", "errors", "atomic", "hashing"]
    lines = [f"import swansong.core.{name}" for name in modules]
    code = "; ".join(["import sys", *lines, "sys.exit('jax' in sys.modules)"])
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_draws_only_on_a_terminal_and_only_when_it_takes_long(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    assert list(progress.track(range(5), description="quick")) == list(range(5))
    assert screen.getvalue() == ""

    monkeypatch.setattr(progress, "PATIENCE", 0.01)
    with progress.Progress(total=2, description="training", quiet=True) as bar:
        time.sleep(0.05)
        bar.advance(loss=0.3)
    assert screen.getvalue() == ""

    with progress.Progress(total=2, description="training") as bar:
        time.sleep(0.3)
        with progress.Progress(total=1, description="inner"):
            time.sleep(0.1)
        bar.advance(loss=0.25)
        time.sleep(0.2)
    assert "training" in screen.getvalue()
    assert "loss 0.25" in screen.getvalue()
    assert "inner" not in screen.getvalue()

    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    for _ in progress.track(range(3)):
        time.sleep(0.02)
    assert pipe.getvalue() == ""


def test_track_ends_with_its_loop(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress, "PATIENCE", 0.01)
    for _ in range(2):  # the second bar can only be drawn when the first one gave the screen back
        for item in progress.track((number for number in range(9)), total=9, description="loop"):
            time.sleep(0.05)
            if item == 2:
                break
    assert progress.Progress._screen.acquire(blocking=False)
    progress.Progress._screen.release()
