"""The type checker that the tests lay under swansong: beartype, where it can read the annotation."""

from collections.abc import Callable

from beartype import beartype
from beartype.roar import BeartypeDecorHintException


def checked(function: Callable) -> Callable:
    """Check arguments and results at run time; a few hints, `Self` among them, it cannot read on one function."""
    try:
        return beartype(function)
    except BeartypeDecorHintException:
        return function
