"""Ctrl-C that waits for a good moment."""

import signal
import threading
from types import FrameType, TracebackType


class Interrupts:
    """Context that notes a first Ctrl-C in `seen`; a second one interrupts at once.

    Compiled calls consume the arrays they are given. An interrupt that struck between a
    call and the assignment of its result would lose the state of the run, so the first
    one is only remembered and the loop ends at the next point where all is in order.
    Outside the main thread, where Python allows no signal handler, it does nothing.
    """

    def __init__(self) -> None:
        self.seen = False
        self._previous: object = None
        self._installed = False

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._note)
            self._installed = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, self._previous)  # type: ignore[arg-type]

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.seen:
            raise KeyboardInterrupt
        self.seen = True
