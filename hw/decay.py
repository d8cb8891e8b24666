"""Decay of a state: ``round(x * factor / 2**frac_bits)``, pipelined.

A factor that a population shares is a sum of shifts (canonical signed digits, an adder a digit, no DSP); a
factor a neuron is a multiplier.
"""

from __future__ import annotations

from amaranth import Cat, Const, Mux, Value

from .constant_product import canonical_signed_digits, sum_of_terms
from .params import DecayParams, Rounding
from .staged import Pipeline, Staged

__all__ = ["canonical_signed_digits", "decay"]


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
    return sum_of_terms(p, terms, name=name)


def _product(p: Pipeline, x: Staged, factor: Staged, params: DecayParams, name: str) -> Staged:
    product = p.register(lambda a, b: a * b, x, factor, name=f"{name}_product")
    held = p.delay(product, product.stage + 1)  # a register for the DSP's output
    if params.rounding is Rounding.FLOOR:
        return held
    return p.register(lambda a: a + _toward_zero(a, params), held, name=f"{name}_rounded")
