"""What a single option may hold: one reader a kind of value, with the text of what it accepts."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from ..errors import UserError

__all__ = ["AUTO", "Reader", "choice", "flag", "integer", "integers", "number", "read_option", "scale"]

AUTO = "auto"
Reader = tuple[Callable[[Any], Any], str]  # gives the value, or raises ValueError; what it accepts


def read_option(reader: Reader, value: Any, *, option: str) -> Any:
    """Value of one option in its own type.

    Raises
    ------
    UserError
        Names `option` and what it accepts.
    """
    read, accepted = reader
    try:
        return read(value)
    except (ValueError, TypeError, OverflowError):
        text = str(value)
        raise UserError(
            f"Option {option} must be {accepted}, not {text if len(text) <= 40 else text[:37] + '...'}"
        ) from None


def integer(low: int, high: int, *words: str) -> Reader:
    """An integer of ``low .. high``, or one of `words`."""

    def read(value: Any) -> int | str:
        if isinstance(value, str) and value in words:
            return value
        return _integer(value, low, high)

    return read, " or ".join([*words, f"between {low} and {high}"])


def number(low: float, high: float, *words: str) -> Reader:
    """A real number of ``low .. high``, or one of `words`."""

    def read(value: Any) -> float | str:
        if isinstance(value, str) and value in words:
            return value
        value = _number(value)
        if not low <= value <= high:
            raise ValueError
        return value

    return read, " or ".join([*words, f"between {low:g} and {high:g}"])


def choice(kind: type[StrEnum]) -> Reader:
    """A member of an enum, by its value."""
    return kind, f"one of {', '.join(kind)}"


def flag() -> Reader:
    """True or false."""

    def read(value: Any) -> bool:
        if not isinstance(value, bool):
            raise TypeError
        return value

    return read, "true or false"


def integers(limit: int) -> Reader:
    """None, an integer, or one integer a neuron, each from -`limit` up to below `limit`."""

    def read(value: Any) -> int | tuple[int, ...] | None:
        if value is None:
            return None
        if isinstance(value, list | tuple):
            return tuple(_integer(item, -limit, limit - 1) for item in value)
        return _integer(value, -limit, limit - 1)

    return read, "an integer or a list with one a neuron"


def scale(*words: str) -> Reader:
    """A positive number, one a neuron, or one of `words`."""

    def read(value: Any) -> float | tuple[float, ...] | str:
        if isinstance(value, str):
            if value not in words:
                raise ValueError
            return value
        if isinstance(value, list | tuple):
            return tuple(_positive(item) for item in value)
        return _positive(value)

    return read, " or ".join([*words, "a positive number", "a list with one a neuron"])


def _integer(value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return float(value)


def _positive(value: Any) -> float:
    value = _number(value)
    if not (math.isfinite(value) and value > 0):
        raise ValueError
    return value
