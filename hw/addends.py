"""What the lanes of a row add to their accumulators: its weights, or its weights times the event's value.

Events without values only add. With values (analog inputs) there is a multiplier a lane between two registers
of its own: from block RAM to DSP alone is a long way.
"""

from __future__ import annotations

from amaranth import Cat, Const, Module, Signal, Value, signed

from .params import ArrayParams

__all__ = [
    "PRODUCT_CYCLES",
    "addend_row_bits",
    "addends",
    "multiply_row",
    "product_cycles",
    "signed_weight",
    "signed_weights",
]

PRODUCT_CYCLES = 2
"""Cycles from a row of weights to its products."""


def product_cycles(params: ArrayParams) -> int:
    """Cycles from a row to what its lanes add."""
    return PRODUCT_CYCLES if params.value_bits else 0


def signed_weights(row: Value, params: ArrayParams) -> list[Value]:
    """Signed weights of a row, lane by lane."""
    bits = params.lane_bits
    return [signed_weight(row[lane * bits : (lane + 1) * bits], params) for lane in range(params.lanes)]


def signed_weight(raw: Value, params: ArrayParams) -> Value:
    """Signed weight of a lane, whatever stands above it."""
    bits = params.weight_bits
    return Cat(Const(1, 1), raw[0]).as_signed() if bits == 1 else raw[:bits].as_signed()


def multiply_row(m: Module, row: Value, value: Value, params: ArrayParams) -> Value:
    """Products of a row's weights and `value`, `PRODUCT_CYCLES` later: `addend_bits` a lane.

    What a product has above an accumulator's width is cut off: sums are proven to fit, so they are right
    modulo that width.
    """
    products = []
    factor = Signal(params.value_bits, reset_less=True)
    m.d.sync += factor.eq(value)
    for lane, raw in enumerate(signed_weights(row, params)):
        weight = Signal(raw.shape(), name=f"weight_{lane}", reset_less=True)
        product = Signal(signed(params.addend_bits), name=f"product_{lane}", reset_less=True)
        m.d.sync += [weight.eq(raw), product.eq(weight * factor)]
        products.append(product)
    return Cat(*products)


def addend_row_bits(params: ArrayParams) -> int:
    """Width of what `addends` takes apart."""
    return params.lanes * params.addend_bits if params.value_bits else params.row_bits


def addends(row: Value, params: ArrayParams) -> list[Value]:
    """What each lane adds: the weights of a row, or the products of `multiply_row`."""
    if not params.value_bits:
        return signed_weights(row, params)
    bits = params.addend_bits
    return [row[lane * bits : (lane + 1) * bits].as_signed() for lane in range(params.lanes)]
