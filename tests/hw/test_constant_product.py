"""Products and quotients by constants: exact for every value of their range."""

import random

import pytest
from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from spikeloom.hw.constant_product import constant_product, divide, reciprocal
from spikeloom.hw.params import bits_for_unsigned
from spikeloom.hw.staged import Pipeline

from .drivers import Bench


class Arithmetic(wiring.Component):
    """Quotient, remainder and product of `x` by constants, and how late they are."""

    x: Signal

    def __init__(self, divisor, factor, highest):
        self.divisor, self.factor, self.highest = divisor, factor, highest
        super().__init__(
            {
                "x": In(bits_for_unsigned(highest)),
                "quotient": Out(32),
                "remainder": Out(32),
                "product": Out(32),
            }
        )
        self.stage = self.build(Pipeline(), Signal(bits_for_unsigned(highest)))[1]

    def build(self, p, x):
        quotient, remainder = divide(p, p.input(x), self.divisor, highest=self.highest, name="part")
        product = constant_product(p, p.input(x), self.factor, name="product")
        stage = max(y.stage for y in (quotient, remainder, product))
        return [p.delay(y, stage) for y in (quotient, remainder, product)], stage

    def elaborate(self, platform):
        m = Module()
        results, _ = self.build(Pipeline(m), self.x)
        for name, result in zip(("quotient", "remainder", "product"), results, strict=True):
            m.d.comb += getattr(self, name).eq(result.value)
        return m


@pytest.mark.parametrize("seed", range(12))
def test_every_value(seed):
    rng = random.Random(seed)
    highest = rng.choice([1, 5, 63, 100, 1000])
    divisor = rng.choice([1, 2, 3, 7, 8, 16, 34, rng.randint(1, highest), highest, highest + 1])
    block = Arithmetic(divisor, rng.choice([0, 1, 9, 31, 400]), highest)
    found = []

    async def run(ctx):
        for x in [*range(highest + 1), *[0] * block.stage]:
            ctx.set(block.x, x)
            if not block.stage:
                await ctx.delay(1e-8)
            else:
                await ctx.tick()
            found.append(
                tuple(ctx.get(getattr(block, name)) for name in ("quotient", "remainder", "product"))
            )

    Bench(block).run(run)
    late = max(0, block.stage - 1)
    expected = [(x // divisor, x % divisor, x * block.factor) for x in range(highest + 1)]
    assert found[late : late + highest + 1] == expected


def test_reciprocals_are_exact():
    rng = random.Random(0)
    for divisor in range(1, 200):
        highest = rng.randint(divisor, 5000)
        factor, shift = reciprocal(divisor, highest)
        assert all(x * factor >> shift == x // divisor for x in range(highest + 1))
