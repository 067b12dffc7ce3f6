"""The entry point: reads the command line, runs the verb, turns errors into one line and an exit code."""

import contextlib
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from inspect import BoundArguments
from typing import Any

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

from swansong import __version__
from swansong.cli import demo, tools
from swansong.cli.compiled import keep_compiled
from swansong.cli.options import Invocation
from swansong.core.errors import InputError, RunError

DONE, WRONG_INPUT, FAILED, INTERRUPTED = 0, 2, 3, 130
"""Exit codes."""

SYSTEMS = {
    "ringdown": "Measure mass and spin of the black hole that a merger leaves, from its last ringing.",
    "encounters": "Find and measure the bursts of black holes that pass each other closely.",
    "emri": "Find and measure extreme-mass-ratio inspirals in a year of LISA data.",
    "binaries": "Follow pairs of supermassive black holes from the merger of their galaxies to their own.",
}
"""Systems and what they are for; the verbs of each are in `swansong.cli.SYSTEM`, its `app`."""

_HELP = """Black-hole binaries: emulated, searched and inferred, with the accuracy of every answer stated.

Start with `swansong demo`; then see `swansong ringdown infer --help`.
"""
_EPILOGUE = (
    "Exit codes: 0 done, 2 the input is wrong (one line says what to do), 3 the run failed. "
    "`--debug` on any command shows the traceback."
)


def build_app() -> App:
    """Build the command with all its systems.

    Returns:
        The app; a system is imported when it is used.
    """
    app = App(
        name="swansong",
        help=_HELP,
        help_epilogue=_EPILOGUE,
        version=f"swansong {__version__}",
        help_format="markdown",
        default_parameter=Parameter(negative=""),
        suppress_keyboard_interrupt=False,
    )
    for name, purpose in SYSTEMS.items():
        app.command(f"swansong.cli.{name}:app", name=name, help=purpose)
    app.command(demo.demo)
    for tool in (tools.report, tools.show, tools.cite):
        app.command(tool)
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments after the program's name; those of the process if None.

    Returns:
        The exit code: 0 done, 2 the user's input is wrong, 3 the run failed, 130 interrupted.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    arguments = [argument for argument in given if argument != "--debug"]
    debug = len(arguments) < len(given) or os.environ.get("SWANSONG_DEBUG", "0") not in ("", "0")
    keep_compiled()
    try:
        with _quiet_libraries(debug=debug):
            _run(arguments)
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader of a pipe left, as `head` does; what Python writes on exit goes nowhere.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt as error:
        _fail(f"interrupted; {error}" if str(error) else "interrupted", code=INTERRUPTED, debug=debug)
        if argv is None:
            # The process is ours. Stopped amid a compilation, JAX may crash while Python tidies up.
            os._exit(INTERRUPTED)
        return INTERRUPTED
    except CycloptsError as error:
        return _fail(_parse_error(error), code=WRONG_INPUT, debug=debug)
    except InputError as error:
        return _fail(f"error: {error}", code=WRONG_INPUT, debug=debug)
    except RunError as error:
        return _fail(f"error: {error}", code=FAILED, debug=debug)
    except Exception as error:  # noqa: BLE001 - whatever it is, the user gets one line and exit code 3
        text = f"error: the run failed with {type(error).__name__}: {str(error) or 'no message'}"
        return _fail(f"{text}; run it again with --debug for the traceback", code=FAILED, debug=debug)
    return DONE


def _run(arguments: Sequence[str]) -> None:
    """Parse and call the verb."""
    command, bound, ignored = build_app().parse_args(list(arguments), exit_on_error=False, print_error=False)
    command(*bound.args, **_keywords(bound, ignored, arguments))


def _keywords(bound: BoundArguments, ignored: dict[str, Any], arguments: Sequence[str]) -> dict[str, Any]:
    """The verb's own keywords, and how it was called where it asks for that."""
    called = {"called": Invocation.of(arguments)} if "called" in ignored else {}
    return {**bound.kwargs, **called}


def _parse_error(error: CycloptsError) -> str:
    """Put an error of the parser in our words, with the command whose help explains it."""
    error.verbose = False
    text = " ".join(str(error).split())
    # One suggestion is enough; the list of all commands is for when there is none.
    text = text.partition(" Available commands:")[0] if "Did you mean" in text else text
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        text = f"Too many arguments: {error.unused_tokens[0]!r} is one more than the command takes."
    program = " ".join(["swansong", *(error.command_chain or ())])
    return f"error: {text} See `{program} --help`"


def _fail(text: str, *, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    with contextlib.suppress(BrokenPipeError):
        sys.stderr.write(" ".join(text.split()) + "\n")
    return code


@contextlib.contextmanager
def _quiet_libraries(*, debug: bool) -> Iterator[None]:
    """Keep the start-up notes and the warnings of libraries off the user's terminal."""
    if debug:
        yield
        return
    # Read by the compiler below JAX when it is loaded.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logger = logging.getLogger("jax")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
