"""Pipelines: operands of different age meet, shared delays are built once, constants cost nothing."""

from amaranth import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from spikeloom.hw.staged import Pipeline, Staged

from .drivers import Bench


class Polynomial(wiring.Component):
    """``(a * a + b) * a - b``: `a` and `b` are needed at three different ages."""

    a: Signal
    b: Signal
    y: Signal

    def __init__(self):
        super().__init__({"a": In(signed(6)), "b": In(signed(6)), "y": Out(signed(24))})
        self.latency = self._build(Pipeline()).stage

    def _build(self, p):
        a, b = p.input(self.a), p.input(self.b)
        square = p.register(lambda a: a * a, a, name="square")
        total = p.register(lambda s, b: s + b, square, b, name="total")
        product = p.register(lambda t, a: t * a, total, a, name="product")
        return p.register(lambda x, b, c: x - b + c, product, b, p.constant(0), name="y")

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.y.eq(self._build(Pipeline(m)).value)
        return m


def test_a_result_every_cycle():
    block = Polynomial()
    assert block.latency == 4
    inputs = [(a, b) for a in range(-32, 32, 7) for b in (-32, -1, 0, 31)]
    found = []

    async def feed(ctx):
        for a, b in [*inputs, *[(0, 0)] * block.latency]:
            ctx.set(block.a, a)
            ctx.set(block.b, b)
            await ctx.tick()
            found.append(ctx.get(block.y))

    Bench(block).run(feed)
    assert found[block.latency - 1 : len(inputs) + block.latency - 1] == [
        (a * a + b) * a - b for a, b in inputs
    ]


def test_delays_are_shared_and_constants_are_not_delayed():
    p = Pipeline()
    x = p.input(Signal(4))
    assert p.delay(x, 3) is p.delay(x, 3)
    assert p.delay(x, 0) is x
    constant = p.constant(5)
    assert p.delay(constant, 3) is constant


def test_registers_that_delay_bits_that_never_change_start_as_them():
    m, word = Module(), Signal(4)
    p = Pipeline(m)
    for ones in (0b0101, 0):
        late = p.delay(Staged(word, 0, ones=ones), 3)
        assert isinstance(late.value, Signal)
        assert late.ones == late.value.init == ones
