import math

import numpy as np
import pytest

from swansong.core.errors import FileError
from swansong.core.files import write_product
from swansong.core.provenance import collect
from swansong.inference.parameters import Parameter
from swansong.report import EventRecord, near_turn, plain_unit, read_run


@pytest.mark.parametrize(
    "unit, plain",
    [("rad", "rad"), ("", ""), (r"$M_\odot$", "Msun"), (r"$M_{\odot}$", "Msun"), (r"$\mathrm{Mpc}$", "Mpc")],
)
def test_units_in_plain_text(unit, plain):
    assert plain_unit(unit) == plain


def test_a_periodic_truth_is_shown_next_to_the_median():
    phase = Parameter("phase", minimum=0.0, maximum=2 * math.pi, periodic=True)
    assert near_turn(6.2, 0.1, phase) == pytest.approx(6.2 - 2 * math.pi)
    assert near_turn(0.1, 6.2, phase) == pytest.approx(0.1 + 2 * math.pi)
    assert near_turn(3.0, 3.1, phase) == 3.0
    assert near_turn(6.2, 0.1, Parameter("mass", minimum=0.0, maximum=7.0)) == 6.2


@pytest.fixture
def event():
    times = np.arange(8) / 64
    bands = {name: np.stack([times - 1, times, times + 1]) for name in ("L1", "H1")}
    whitened = {"L1": times**2, "H1": -times}
    return EventRecord(times, whitened, bands, {}, {"L1": 1.0, "H1": 1.007})


def test_an_event_comes_back_from_its_file_in_the_order_of_its_detectors(event, tmp_path):
    event.save(tmp_path / "event.h5", provenance=collect())
    found = EventRecord.load(tmp_path / "event.h5")
    assert list(found.whitened) == ["L1", "H1"]
    assert found.injected == {}
    assert found.starts == event.starts
    for name in found.whitened:
        np.testing.assert_array_equal(found.whitened[name], event.whitened[name])
        np.testing.assert_array_equal(found.bands[name], event.bands[name])
    assert len(found.figure().axes) == 2


def test_an_event_without_its_arrays_is_refused(tmp_path):
    path = tmp_path / "event.h5"
    write_product(
        path, kind="event", arrays={"times": np.zeros(3)}, metadata={"detectors": ["H1"]}, provenance=collect()
    )
    with pytest.raises(FileError, match="lacks"):
        EventRecord.load(path)


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        read_run(tmp_path / "nowhere")
    with pytest.raises(FileError, match="holds no result"):
        read_run(tmp_path)
    (tmp_path / "posterior.h5").write_text("not HDF5")
    with pytest.raises(FileError, match="not an HDF5 file"):
        read_run(tmp_path)


def test_a_checkpoint_is_reported_as_unfinished(tmp_path):
    history = {name: np.arange(1.0, 4.0) for name in ("train_loss", "validation_loss", "learning_rate")}
    arrays = {f"history/{name}": values for name, values in history.items()} | {"history/steps": np.arange(3)}
    metadata = {"step": 3, "stopped": None}
    provenance = collect(configuration={"recipe": {"estimator": "flow"}})
    write_product(
        tmp_path / "checkpoint.h5", kind="checkpoint", arrays=arrays, metadata=metadata, provenance=provenance
    )
    report = read_run(tmp_path)
    assert report.title == "Training of the flow estimator"
    assert len(report.warnings) == 1
    assert set(report.write(tmp_path)) == {"training", "report"}
