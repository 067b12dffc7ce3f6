import logging
import shlex
import subprocess
import sys
import warnings

import pytest

from swansong import __version__
from swansong.cli import tools
from swansong.cli.main import SYSTEMS, main
from swansong.cli.options import Invocation
from swansong.core.errors import DataError, TrainingError

VERBS = ("infer", "simulate", "train", "check", "init")


@pytest.mark.parametrize("verb", [f"ringdown {verb}" for verb in VERBS] + ["demo", "report", "show", "cite"])
def test_every_verb_explains_itself_with_an_example(swansong, verb):
    code, out, err = swansong(*verb.split(), "--help")
    assert (code, err) == (0, "")
    assert f"Example: swansong {verb}" in " ".join(out.split())
    assert all(f"--{name}" in out for name in (() if verb.endswith("init") else ("json", "quiet")))


def test_the_top_lists_all_systems_and_tools(swansong):
    code, out, _ = swansong("--help")
    assert code == 0
    assert all(name in out for name in (*SYSTEMS, "demo", "report", "show", "cite"))
    assert swansong().out == out


def test_version(swansong):
    assert swansong("--version") == (0, f"swansong {__version__}\n", "")


@pytest.mark.parametrize(
    "line, said",
    [
        ("ringdwn infer", '"ringdown"'),
        ("ringdown infr", '"infer"'),
        ("ringdown infer --foce", "--force"),
        ("ringdown infer --estimator flw", '"flow"'),
        ("ringdown infer --seed x", "--seed"),
        ("ringdown infer --seed 1.5", "--seed"),
        ("ringdown infer --out", "--out"),
        ("ringdown infer --seed 1 --seed 2", "--seed"),
        ("ringdown infer a.toml b.toml", "'b.toml'"),
        ("show", "FILE"),
        ("report", "RUN"),
    ],
)
def test_what_cannot_be_parsed_is_one_line(swansong, tmp_path, line, said):
    code, out, err = swansong(*line.split())
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert said in err
    assert "--help`" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error, code, said",
    [
        (DataError("`strain` has NaN;\n  mend it"), 2, "error: `strain` has NaN; mend it\n"),
        (TrainingError("loss is NaN"), 3, "error: loss is NaN\n"),
        (ZeroDivisionError("by zero"), 3, "error: the run failed with ZeroDivisionError: by zero; run it again with"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (KeyboardInterrupt("go on so"), 130, "interrupted; go on so\n"),
        (BrokenPipeError(), 0, ""),
    ],
)
def test_each_error_has_its_exit_code_and_one_line(monkeypatch, capfd, error, code, said):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(tools, "present", fail)
    if isinstance(error, BrokenPipeError):
        # What happens to stdout then is left to the test in a process of its own.
        monkeypatch.setattr("os.dup2", lambda *_: None)
    assert main(["cite"]) == code
    err = capfd.readouterr().err
    assert err.startswith(said) if said else err == ""
    assert "Traceback" not in err


@pytest.mark.parametrize("how", ["option", "environment"])
def test_the_traceback_is_shown_on_request(monkeypatch, capfd, how):
    def fail(*_: object) -> None:
        raise TrainingError("loss is NaN")

    monkeypatch.setattr(tools, "present", fail)
    if how == "environment":
        monkeypatch.setenv("SWANSONG_DEBUG", "1")
    assert main(["cite", *(["--debug"] if how == "option" else [])]) == 3
    assert "Traceback" in capfd.readouterr().err


def test_libraries_keep_quiet_during_a_run_and_not_after(monkeypatch, capfd):
    def grumble(*_: object) -> None:
        warnings.warn("deprecated", UserWarning, stacklevel=1)
        logging.getLogger("jax._src").warning("no TPU")

    before = logging.getLogger("jax").level
    monkeypatch.setattr(tools, "present", grumble)
    assert main(["cite"]) == 0
    assert capfd.readouterr().err == ""
    assert logging.getLogger("jax").level == before


@pytest.mark.parametrize(
    "line, kept",
    [
        ("ringdown infer a.toml --out x --seed 3 --json", "swansong ringdown infer a.toml --seed 3"),
        ("demo --out=x --force --quiet", "swansong demo"),
        ("ringdown infer --set 'model.modes=[\"220\"]'", "swansong ringdown infer --set 'model.modes=[\"220\"]'"),
    ],
)
def test_the_recorded_command_leaves_out_where_to_write(line, kept):
    assert Invocation.of(shlex.split(line)).command == kept


def test_parsing_imports_no_jax_and_the_entry_point_exits_with_the_code():
    code = (
        "import sys; from swansong.cli.main import main\n"
        "codes = [main(['ringdown', 'infer', '--help']), main(['ringdown', 'infer', '--set', 'data.rat=1']),\n"
        "         main(['ringdown', 'train', '--seed', '-1']), main(['show', 'nothing']), main(['cite', '--quiet'])]\n"
        "sys.exit(0 if codes == [0, 2, 2, 2, 0] and 'jax' not in sys.modules else 1)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == 3


def test_a_reader_that_leaves_early_is_no_error():
    code = "import sys; from swansong.cli.main import main; sys.exit(main(['cite']))"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdout.close()
    assert child.wait(timeout=60) == 0
    assert child.stderr.read() == b""
    child.stderr.close()
