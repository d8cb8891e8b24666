"""What a single option may hold: one reader a kind of value, with the text of what it accepts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any

from ..errors import UserError

__all__ = [
    "AUTO",
    "Reader",
    "check_keys",
    "choice",
    "flag",
    "integer",
    "integers",
    "number",
    "read_table",
    "scale",
]

AUTO = "auto"
Reader = tuple[Callable[[Any], Any], str]  # gives the value, or raises ValueError; what it accepts


def read_table(table: Mapping[str, Any], readers: Mapping[str, Reader], *, where: str = "") -> dict[str, Any]:
    """Values of `table` in their own types.

    Parameters
    ----------
    table : mapping
    readers : mapping
        By accepted key.
    where : str
        What the options are for, in messages.

    Raises
    ------
    UserError
        An unknown key or a value that does not fit; names the option and what is accepted.
    """
    check_keys(table, readers, where=where)
    return {key: _read(readers[key], value, option=key + _of(where)) for key, value in table.items()}


def check_keys(table: Iterable[str], accepted: Iterable[str], *, where: str = "") -> None:
    """Refuse keys that are not in `accepted`.

    Raises
    ------
    UserError
        Names the key and what is accepted.
    """
    accepted = sorted(accepted)
    for key in table:
        if key not in accepted:
            raise UserError(f"Option {key}{_of(where)} is unknown; accepted: {', '.join(accepted)}")


def _of(where: str) -> str:
    return f" of {where}" if where else ""


def _read(reader: Reader, value: Any, *, option: str) -> Any:
    read, accepted = reader
    try:
        return read(value)
    except (ValueError, TypeError, OverflowError):
        text = str(value)
        text = text if len(text) <= 40 else text[:37] + "..."
        raise UserError(f"Option {option} must be {accepted}, not {text}") from None


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
