"""What spawned test processes import: light, so that starting them takes no time."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Task:
    """A task that squares its index; `fatal` kills the worker, once if a `flag` file is named."""

    index: int
    fatal: bool = False
    flag: Path | None = None
    function: object = None


def run(task):
    if task.fatal and (task.flag is None or not task.flag.exists()):
        if task.flag is not None:
            task.flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return task.index**2
