"""Who computes chunks: this process, local processes or a Dask cluster.

JAX starts threads that a forked process would lose, so local processes are spawned.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.reduction import ForkingPickler
from typing import Any, TypeVar

from swansong.core.errors import InputError, RunError, SwansongError
from swansong.core.progress import Progress

Task = TypeVar("Task")
Result = TypeVar("Result")


def usable_processors() -> int:
    """Return the number of processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_local(
    run: Callable[[Task], Result], tasks: list[Task], *, workers: int, description: str = "", quiet: bool = False
) -> Iterator[tuple[Task, Result]]:
    """Run tasks in this process or in local ones.

    When a worker dies, the tasks that were in flight are repeated one by one, which
    tells the guilty one from its neighbours.

    Args:
        run: Function of one task that a spawned process can import.
        tasks: The tasks, each with an `index` and a `function`.
        workers: Number of processes; below 2 this process does the work.
        description: What the progress bar says.
        quiet: Show no progress bar.

    Yields:
        Each task with its result, as they finish.

    Raises:
        InputError: If a task cannot be sent to another process.
        RunError: If a task kills its worker twice.
    """
    with Progress(total=len(tasks), description=description, quiet=quiet) as progress:
        if workers < 2:
            finished = ((task, run(task)) for task in tasks)
        else:
            _check_sendable(tasks)
            finished = _run_processes(run, tasks, workers=workers)
        for task, result in finished:
            progress.advance()
            yield task, result


def run_scheduled(
    run: Callable[[Task], Result], tasks: list[Task], *, address: str, description: str = "", quiet: bool = False
) -> Iterator[tuple[Task, Result]]:
    """Run tasks on a Dask cluster, each repeated once if it fails.

    Args:
        run: Function of one task that the cluster's workers can import.
        tasks: The tasks, each with an `index`.
        address: Address of the scheduler, for example ``"tcp://10.0.0.1:8786"``.
        description: What the progress bar says.
        quiet: Show no progress bar.

    Yields:
        Each task with its result, as they finish.

    Raises:
        InputError: If dask.distributed is not installed or the scheduler does not answer.
        RunError: If a task fails twice.
    """
    try:
        import distributed  # type: ignore[import-not-found]
    except ImportError:
        raise InputError(
            "`scheduler` needs dask.distributed, which is not installed; run `pip install 'swansong[dask]'`"
        ) from None
    try:
        client = distributed.Client(address, timeout=10, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(f"the Dask scheduler at {address!r} does not answer ({error}); give its address") from None
    with client, Progress(total=len(tasks), description=description, quiet=quiet) as progress:
        futures = {client.submit(run, task, pure=False, retries=1): task for task in tasks}
        for future in distributed.as_completed(list(futures), loop=client.loop):
            task = futures[future]
            error = future.exception()
            if isinstance(error, SwansongError):
                raise error
            if error is not None:
                raise RunError(f"chunk {_index(task)} failed on the cluster with {type(error).__name__}: {error}")
            progress.advance()
            yield task, future.result()


def _run_processes(run: Callable[[Task], Result], tasks: list[Task], *, workers: int) -> Iterator[tuple[Task, Result]]:
    waiting = list(reversed(tasks))
    while waiting:
        suspects: list[Task] = []
        yield from _run_pool(run, waiting, workers=workers, suspects=suspects)
        for suspect in suspects:
            alone, dead = [suspect], []
            yield from _run_pool(run, alone, workers=1, suspects=dead)
            if dead:
                raise RunError(
                    f"chunk {_index(suspect)} killed its worker twice; it may need more memory, so give smaller chunks"
                )


def _run_pool(
    run: Callable[[Task], Result], waiting: list[Task], *, workers: int, suspects: list[Task]
) -> Iterator[tuple[Task, Result]]:
    """Empty the list of waiting tasks, or stop when a worker dies and name the tasks in flight."""
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    flying: dict[Future, Task] = {}
    try:
        while waiting or flying:
            # No more in flight than there are workers, so that a death touches few.
            while waiting and len(flying) < workers:
                flying[pool.submit(run, waiting[-1])] = waiting[-1]
                waiting.pop()
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                result = future.result()
                yield flying.pop(future), result
    except BrokenProcessPool:
        suspects.extend(flying.values())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _check_sendable(tasks: list[Any]) -> None:
    """Refuse early, in one sentence, what the pool would refuse late in a traceback."""
    try:
        ForkingPickler.dumps(tasks[0])
    except (AttributeError, TypeError, ValueError, ImportError, RuntimeError) as error:
        raise _unsendable(tasks[0], error) from None
    except Exception as error:
        # The pickling error has no public name outside the module that it comes from.
        if type(error).__name__ != "PicklingError":
            raise
        raise _unsendable(tasks[0], error) from None


def _unsendable(task: Any, error: Exception) -> InputError:
    return InputError(
        f"the function {task.function!r} cannot be sent to another process ({error}); "
        "give a function defined in a module, or workers=1"
    )


def _index(task: Any) -> int:
    return task.index


__all__ = ["run_local", "run_scheduled", "usable_processors"]
