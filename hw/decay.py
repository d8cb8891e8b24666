"""Decay of a state: ``round(x * factor / 2**frac_bits)``, pipelined.

A factor that a population shares is a sum of shifts (canonical signed digits, an adder a digit, no DSP); a
factor a neuron is a multiplier.
"""

from __future__ import annotations

from amaranth import Cat, Const, Mux, Value

from .params import DecayParams, Rounding
from .staged import Pipeline, Staged

__all__ = ["canonical_signed_digits", "decay"]


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


def decay(p: Pipeline, x: Staged, params: DecayParams, factor: Staged | None, *, name: str) -> Staged:
    """Decayed `x`, in the width of `x`.

    Parameters
    ----------
    factor : Staged or None
        The neuron's own factor; None: `params.factor` is shared.
    """
    width = len(x.value)
    if factor is None:
        assert isinstance(params.factor, int)
        if params.factor in (0, 1 << params.frac_bits):
            return x if params.factor else p.constant(Const(0, width).as_signed())
        product = _constant_product(p, x, params, name)
    else:
        product = _product(p, x, factor, params, name)
    return Staged(_shift_right(product.value, params.frac_bits, width), product.stage)


def _shift_right(x: Value, shift: int, width: int) -> Value:
    missing = max(0, shift + width - len(x))
    return Cat(x, x[-1].replicate(missing))[shift : shift + width].as_signed()


def _toward_zero(x: Value, params: DecayParams) -> Value:
    """What makes the arithmetic shift of a negative product round toward zero."""
    return Mux(x[-1], (1 << params.frac_bits) - 1, 0)


def _constant_product(p: Pipeline, x: Staged, params: DecayParams, name: str) -> Staged:
    assert isinstance(params.factor, int)
    terms = [
        (sign, Staged(x.value.shift_left(shift), x.stage))
        for sign, shift in canonical_signed_digits(params.factor)
    ]
    if params.rounding is Rounding.TRUNC0:
        terms.append((1, Staged(_toward_zero(x.value, params), x.stage)))
    terms.sort(key=lambda term: -term[0])  # a positive term first: no negation
    while len(terms) > 1:
        terms = [_add(p, terms[i : i + 2], name) for i in range(0, len(terms), 2)]
        terms.sort(key=lambda term: -term[0])
    return terms[0][1]


def _add(p: Pipeline, terms: list[tuple[int, Staged]], name: str) -> tuple[int, Staged]:
    """One adder or subtractor; two negative terms stay negative as a sum."""
    if len(terms) == 1:
        sign, x = terms[0]
        return sign, p.delay(x, x.stage + 1)
    (sign, a), (other, b) = terms
    total = p.register(lambda a, b: a + b if sign == other else a - b, a, b, name=f"{name}_sum")
    return sign, total


def _product(p: Pipeline, x: Staged, factor: Staged, params: DecayParams, name: str) -> Staged:
    product = p.register(lambda a, b: a * b, x, factor, name=f"{name}_product")
    held = p.delay(product, product.stage + 1)  # a register for the DSP's output
    if params.rounding is Rounding.FLOOR:
        return held
    return p.register(lambda a: a + _toward_zero(a, params), held, name=f"{name}_rounded")
