"""Where compiled code is kept from one call of the command to the next."""

import os
import platform
import zlib
from pathlib import Path

_SHORTEST = "0.3"  # compilations that take longer are kept [s]


def keep_compiled() -> None:
    """Let JAX keep what it compiles, unless the environment says where or the user has no folder for caches.

    The folder is `swansong/jax-CPU` in the user's cache. Compiled code is good for one kind of processor only, and
    homes are shared between machines.
    """
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", _SHORTEST)
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    given = os.environ.get("XDG_CACHE_HOME")
    try:
        base = Path(given) if given else Path.home() / ".cache"
    except RuntimeError:
        return
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(base / "swansong" / f"jax-{_processor()}")


def _processor() -> str:
    """A short name of the kind of processor."""
    features = Path("/proc/cpuinfo")
    lines = features.read_text().splitlines() if features.is_file() else []
    told = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return f"{platform.machine()}-{zlib.crc32((told + platform.processor()).encode()):08x}"
