"""Products and quotients by constants as pipelined sums of shifts: no DSP, any device."""

from __future__ import annotations

from amaranth import Const, Value

from .params import bits_for_unsigned
from .staged import Pipeline, Staged

__all__ = ["Term", "canonical_signed_digits", "constant_product", "divide", "reciprocal", "sum_of_terms"]

Term = tuple[int, Staged]
"""(sign, magnitude) of a summand."""


def canonical_signed_digits(factor: int) -> tuple[tuple[int, int], ...]:
    """(sign, shift) terms of `factor` with the fewest non-zero digits.

    Source: Reitwiesner, "Binary arithmetic", 1960: no two neighbouring digits are non-zero.
    """
    terms = []
    shift = 0
    while factor:
        if factor & 1:
            sign = 2 - (factor & 3)
            terms.append((sign, shift))
            factor -= sign
        factor >>= 1
        shift += 1
    return tuple(terms)


def constant_product(p: Pipeline, x: Staged, factor: int, *, name: str) -> Staged:
    """``x * factor`` for `factor` >= 0: an adder for each non-zero digit but the first."""
    if not factor:
        return p.constant(Const(0, 1))
    terms = [
        (sign, Staged(x.value.shift_left(shift), x.stage, x.constant))
        for sign, shift in canonical_signed_digits(factor)
    ]
    return sum_of_terms(p, terms, name=name)


def sum_of_terms(p: Pipeline, terms: list[Term], *, name: str) -> Staged:
    """Sum of terms, one of them positive, as a tree with a register behind every adder."""
    terms = sorted(terms, key=lambda term: -term[0])  # a positive term first: no negation
    while len(terms) > 1:
        terms = [_add(p, terms[i : i + 2], name) for i in range(0, len(terms), 2)]
        terms.sort(key=lambda term: -term[0])
    return terms[0][1]


def _add(p: Pipeline, terms: list[Term], name: str) -> Term:
    """One adder or subtractor; two negative terms stay negative as a sum."""
    if len(terms) == 1:
        sign, x = terms[0]
        return sign, p.delay(x, x.stage + 1)
    (sign, a), (other, b) = terms
    total = p.register(lambda a, b: a + b if sign == other else a - b, a, b, name=f"{name}_sum")
    return sign, total


def reciprocal(divisor: int, highest: int) -> tuple[int, int]:
    """(factor, shift) with ``x // divisor == x * factor >> shift`` for 0 <= x <= highest.

    The smallest shift whose rounded-up factor has an error that stays below one step: with
    ``factor = (2**shift + e) / divisor`` the quotient is exact while ``e * highest < 2**shift``.
    Source: Granlund and Montgomery, "Division by invariant integers using multiplication", 1994.
    """
    shift = 0
    while True:
        factor = -(-(1 << shift) // divisor)
        if (factor * divisor - (1 << shift)) * highest < 1 << shift:
            return factor, shift
        shift += 1


def divide(p: Pipeline, x: Staged, divisor: int, *, highest: int, name: str) -> tuple[Staged, Staged]:
    """Quotient and remainder of an unsigned `x` <= `highest`; a power of two costs nothing."""
    if divisor > highest:
        return p.constant(Const(0, 1)), x
    bits = divisor.bit_length() - 1
    if divisor == 1 << bits:
        remainder = Staged(x.value[:bits], x.stage, x.constant) if bits else p.constant(Const(0, 1))
        return Staged(x.value[bits:], x.stage, x.constant), remainder
    factor, shift = reciprocal(divisor, highest)
    product = constant_product(p, x, factor, name=f"{name}_reciprocal")
    width = bits_for_unsigned(highest // divisor)
    quotient = Staged(_unsigned(product.value, shift, width), product.stage)
    whole = constant_product(p, quotient, divisor, name=f"{name}_whole")
    rest = p.register(lambda a, b: a - b, x, whole, name=f"{name}_rest")
    return quotient, Staged(_unsigned(rest.value, 0, bits_for_unsigned(divisor - 1)), rest.stage)


def _unsigned(value: Value, start: int, width: int) -> Value:
    """Bits of a value that is known not to be negative and to fit."""
    return value[start : start + width].as_unsigned()
