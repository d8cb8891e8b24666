"""Sum of many small numbers, with a register behind every addition."""

from __future__ import annotations

from collections.abc import Iterable

from amaranth import Cat, Module, Signal, Value

from .params import bits_for_unsigned

__all__ = ["pipelined_sum"]


def pipelined_sum(m: Module, values: Iterable[tuple[Value, int]], *, name: str) -> tuple[Value, int]:
    """Add up `values`, some cycles later; a new sum every cycle.

    Parameters
    ----------
    values : iterable of (Value, int)
        Unsigned, and the most that each can be; at least one.
    name : str
        Start of the names of its registers.

    Returns
    -------
    (Value, int)
        Sum, and the most that it can be.
    """
    terms, level = list(values), 0
    while len(terms) > 1:
        # three bits take a LUT for each of the two bits of their sum; of numbers, one carry chain
        several = 3 if all(most == 1 for _, most in terms) else 2
        groups = [terms[at : at + several] for at in range(0, len(terms), several)]
        terms = [_added(m, group, f"{name}_{level}_{at}") for at, group in enumerate(groups)]
        level += 1
    return terms[0]


def _added(m: Module, group: list[tuple[Value, int]], name: str) -> tuple[Value, int]:
    most = sum(limit for _, limit in group)
    total = Signal(bits_for_unsigned(most), name=name)
    m.d.sync += total.eq(sum((value for value, _ in group), start=Value.cast(Cat())))
    return total, most
