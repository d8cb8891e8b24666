"""Deep memories as banks of block RAM: how many words each has, and the choice behind their outputs.

Synthesis stacks block RAMs for what is deeper than one, and its multiplexer follows their outputs in the same
cycle: they have no register of their own then, and are several times slower. Here every bank has a register
with nothing before it, and the bank is chosen behind it, from registers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

from amaranth import Module, Mux, Signal, Value

from .staged import held

__all__ = [
    "SHALLOW",
    "bank_address",
    "bank_starts",
    "bank_words",
    "choice_cycles",
    "choose_bank",
    "in_banks",
    "whole_banks",
]

DEEPEST = 1 << 14  # words of an 18-kbit block RAM, one bit wide
SHALLOW = 1 << 10  # up to so many nothing is gained
_WIDTHS = {1 << 14: 1, 1 << 13: 2, 1 << 12: 4, 1 << 11: 9, 1 << 10: 18}
_WIDTH = 36  # of what is shallower still
_MOST_MORE = 1.25
_RADIX = 4  # banks that are chosen among in a cycle: as a LUT of six inputs


def bank_words(words: int, bits: int) -> tuple[int, ...]:
    """Words of each bank of a memory of `words` by `bits`, powers of two but for the last.

    One bank where block RAMs narrow enough to hold all words take at most a quarter more of them.
    """
    if words > DEEPEST:
        return (DEEPEST, *bank_words(words - DEEPEST, bits))
    if words <= SHALLOW:
        return (words,)
    half = 1 << ((words - 1).bit_length() - 1)
    parts = (half, *bank_words(words - half, bits))
    split = sum(_block_rams(part, bits) for part in parts)
    return (words,) if _block_rams(words, bits) <= _MOST_MORE * split else parts


def whole_banks(words: int) -> tuple[int, ...]:
    """Words of each bank where a RAM always has `DEEPEST` words: an iCE40 SPRAM."""
    full, rest = divmod(words, DEEPEST)
    return (DEEPEST,) * full + ((rest,) if rest else ())


def _block_rams(words: int, bits: int) -> int:
    width = _WIDTHS.get(1 << (words - 1).bit_length(), _WIDTH)
    return -(-bits // width)


def bank_starts(banks: Sequence[int]) -> list[int]:
    """First word of each bank."""
    return list(accumulate(banks, initial=0))[:-1]


def bank_address(address: Value, words: int) -> Value:
    """`address` within a bank of `words`; where a bank starts is a multiple of the next power of two."""
    return address[: max(1, (words - 1).bit_length())]


def in_banks(address: Value, banks: Sequence[int]) -> Iterator[Value]:
    """For each bank, whether `address` is in it."""
    reached = [1, *(_reached(address, start) for start in bank_starts(banks)[1:]), 0]
    for at_least, beyond in pairwise(reached):
        yield Value.cast(at_least) & ~Value.cast(beyond)


def _reached(address: Value, start: int) -> Value:
    low = (start & -start).bit_length() - 1
    return address[low:] >= (start >> low)


def choice_cycles(banks: Sequence[int]) -> int:
    """Cycles that the choice of a bank takes beyond the read of its word, each with a register behind it."""
    cycles, left = 0, len(banks)
    while left > 1:
        left = -(-left // _RADIX)
        cycles += 1
    return cycles


def choose_bank(
    m: Module, address: Value, words: Sequence[Value], banks: Sequence[int], *, cycles: int = 0
) -> Value:
    """Word of the bank that `address`, two cycles before, is in.

    Parameters
    ----------
    words : sequence of Value
        Of each bank, registers.
    cycles : int
        Cycles after which the word comes; with fewer than `choice_cycles` more is chosen in the last.
    """
    if len(words) == 1:
        return held(m, words[0], cycles, "word")
    # without a reset: memories are read back over the load bus while the design is in reset
    read = Signal.like(address, name="address_read", reset_less=True)
    number = Signal(range(len(banks)), name="bank", reset_less=True)
    m.d.sync += read.eq(address)
    for place, here in enumerate(in_banks(read, banks)):
        with m.If(here):
            m.d.sync += number.eq(place)
    found, choice = list(words), number
    step = (_RADIX - 1).bit_length()
    for cycle in range(cycles):
        chosen = [_pick(choice[:step], found[k : k + _RADIX]) for k in range(0, len(found), _RADIX)]
        found = [held(m, word, 1, f"chosen_{cycle}_{k}") for k, word in enumerate(chosen)]
        choice = held(m, choice[step:], 1, f"bank_{cycle}")
    return _pick(choice, found)


def _pick(number: Value, words: Sequence[Value]) -> Value:
    """Word `number`, by a tree of choices."""
    found = list(words)
    for bit in number:
        pairs = [found[k : k + 2] for k in range(0, len(found), 2)]
        found = [Mux(bit, *reversed(pair)) if len(pair) > 1 else pair[0] for pair in pairs]
    return found[0]
