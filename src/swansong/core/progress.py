"""A progress bar that keeps out of the way.

It is drawn on stderr, only on a terminal and only once the work has taken three seconds,
so that scripts, pipes and quick runs see nothing. Of nested bars the outermost is drawn.
"""

import sys
import threading
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

Item = TypeVar("Item")

PATIENCE = 3.0
"""Time before the bar appears [s]."""


def _text(info: dict[str, Any]) -> str:
    """Write figures such as the loss compactly."""
    parts = (f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in info.items())
    return "  ".join(parts)


class Progress:
    """A progress bar, to be used in a `with` statement.

    Args:
        total: Steps of the whole work; None when not known, which shows no time left.
        description: A few words on what is being done.
        quiet: Draw nothing at all.
    """

    # One bar at a time: two of them would write over each other on the terminal.
    _screen: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, *, total: int | None = None, description: str = "", quiet: bool = False) -> None:
        self.total = total
        self.description = description
        self.done = 0
        self.info = ""
        self._quiet = quiet or not sys.stderr.isatty()
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._ended = False

    def __enter__(self) -> Self:
        if not self._quiet:
            # A timer, since the first step of a long work may itself take minutes.
            self._timer = threading.Timer(PATIENCE, self._draw)
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._ended = True
            if self._bar is not None:
                self._bar.stop()
                self._bar = None
                self._screen.release()

    def advance(self, steps: int = 1, /, **info: Any) -> None:
        """Count finished steps.

        Args:
            steps: Steps finished since the last call.
            **info: Figures to show beside the bar, for example `loss=0.3`.
        """
        with self._lock:
            self.done += steps
            self.info = _text(info) if info else self.info
            if self._bar is not None and self._task is not None:
                self._bar.update(self._task, completed=self.done, info=self.info)

    def _draw(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        with self._lock:
            if self._ended or not self._screen.acquire(blocking=False):
                return
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[info]}"),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task(self.description, total=self.total, completed=self.done, info=self.info)
            self._bar.start()


def track(
    iterable: Iterable[Item], *, total: int | None = None, description: str = "", quiet: bool = False
) -> Iterator[Item]:
    """Pass the items on and show how many are done.

    Args:
        iterable: The items.
        total: Their number, where the iterable does not know its length.
        description: A few words on what is being done.
        quiet: Draw nothing at all.

    Yields:
        The items, unchanged.
    """
    if total is None and hasattr(iterable, "__len__"):
        total = len(iterable)  # pyright: ignore[reportArgumentType]
    with Progress(total=total, description=description, quiet=quiet) as progress:
        for item in iterable:
            yield item
            progress.advance()
