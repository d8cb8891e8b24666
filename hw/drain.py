"""Draining a wide register: a group a cycle, without a multiplexer.

Few groups are shifted out, a multiplexer a bit. Many are drained by exclusive-or: each group is cleared in
its turn, and what the exclusive-or of all groups loses by that is the group. The tree has a register behind
every level, and takes a third of a LUT a bit in place of a whole one; load and clear are the flip-flops' own
enable and reset.
"""

from __future__ import annotations

from functools import reduce
from operator import xor

from amaranth import Cat, Module, Signal, Value

__all__ = ["SHIFTED_GROUPS", "drain", "drain_cycles"]

SHIFTED_GROUPS = 4  # up to so many are shifted: their tree would be hardly smaller, and takes longer
_RADIX = 4  # inputs of a LUT


def drain_cycles(groups: int) -> int:
    """Cycles from a group's turn to the group at the output of `drain`."""
    if groups <= SHIFTED_GROUPS:
        return 0
    levels = 0
    while groups > 1:
        groups = -(-groups // _RADIX)
        levels += 1
    return levels + 2


def drain(m: Module, *, load: Value, word: Value, first: Value, groups: int, width: int) -> Value:
    """Load `word` (`groups` groups of `width` bits) with `load`, and drain it.

    Parameters
    ----------
    first : Value
        The next cycle is the first group's turn, the one after it the second's, and so on. `load` may come
        again behind the last group's turn; with `SHIFTED_GROUPS` or fewer, with it.

    Returns
    -------
    Value
        The group whose turn was `drain_cycles` ago.
    """
    if groups <= SHIFTED_GROUPS:
        return _shifted(m, load=load, word=word, first=first, groups=groups, width=width)
    turns = [Signal(name=f"turn_{k}") for k in range(groups)]
    held = [Signal(width, name=f"held_{k}", reset_less=True) for k in range(groups)]
    m.d.sync += [turn.eq(before) for turn, before in zip(turns, [first, *turns[:-1]], strict=True)]
    for k, group in enumerate(held):
        with m.If(turns[k]):
            m.d.sync += group.eq(0)
        with m.Elif(load):
            m.d.sync += group.eq(word[k * width : (k + 1) * width])
    total = _tree(m, held, width)
    before = Signal(width, name="total_before", reset_less=True)
    drained = Signal(width, name="drained", reset_less=True)
    m.d.sync += [before.eq(total), drained.eq(before ^ total)]
    return drained


def _shifted(m: Module, *, load: Value, word: Value, first: Value, groups: int, width: int) -> Value:
    shadow = Signal(groups * width, name="shadow", reset_less=True)
    if groups > 1:
        followed = Signal(groups - 1, name="followed")  # turns that another follows
        moving = Signal()  # one of them, a register as all bits wait for it
        m.d.sync += [followed.eq(Cat(first, followed)), moving.eq(Cat(first, followed)[: groups - 1].any())]
        with m.If(moving):
            m.d.sync += shadow.eq(shadow[width:])
    with m.If(load):
        m.d.sync += shadow.eq(word[: groups * width])
    return shadow[:width]


def _tree(m: Module, values: list[Signal], width: int) -> Signal:
    """Exclusive-or of the values, a register behind every level."""
    level = 0
    while len(values) > 1:
        level += 1
        blocks = [values[k : k + _RADIX] for k in range(0, len(values), _RADIX)]
        values = [Signal(width, name=f"total_{level}_{k}", reset_less=True) for k in range(len(blocks))]
        m.d.sync += [value.eq(reduce(xor, block)) for value, block in zip(values, blocks, strict=True)]
    return values[0]
