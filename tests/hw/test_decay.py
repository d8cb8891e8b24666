"""Decay: shared factors by shifts, others by a multiplier, both equal to the golden model."""

import random
from itertools import pairwise

import numpy as np
import pytest
from amaranth import Module, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from spikeloom.hw.decay import canonical_signed_digits, decay
from spikeloom.hw.params import DecayParams, Rounding
from spikeloom.hw.staged import Pipeline
from spikeloom.sim.golden import neuron as golden

from .drivers import Bench


class Decay(wiring.Component):
    """A bank of decays of one input; `latencies` once elaborated."""

    x: Signal

    def __init__(self, params, width):
        self.params, self.latencies = params, []
        outputs = {f"y{k}": Out(signed(width)) for k in range(len(params))}
        factors = {
            f"factor{k}": In(unsigned(p.frac_bits + 1))
            for k, p in enumerate(params)
            if isinstance(p.factor, tuple)
        }
        super().__init__({"x": In(signed(width)), **outputs, **factors})

    def elaborate(self, platform):
        m = Module()
        m.d.sync += []
        p = Pipeline(m)
        for k, params in enumerate(self.params):
            factor = p.input(getattr(self, f"factor{k}")) if isinstance(params.factor, tuple) else None
            result = decay(p, p.input(self.x), params, factor, name=f"decay{k}")
            self.latencies.append(result.stage)
            m.d.comb += getattr(self, f"y{k}").eq(result.value)
        return m


def check(params, width, values):
    """Hold every value until it has come through, and compare all decays."""
    bank = Decay(params, width)

    async def feed(ctx):
        for value in values:
            ctx.set(bank.x, value)
            for k, p in enumerate(params):
                if isinstance(p.factor, tuple):
                    ctx.set(getattr(bank, f"factor{k}"), p.factor[0])
            for _ in range(max(bank.latencies)):
                await ctx.tick()
            for k, p in enumerate(params):
                factor = p.factor[0] if isinstance(p.factor, tuple) else p.factor
                expected = int(golden.decay(np.asarray([value], np.int64), factor, p)[0])
                assert ctx.get(getattr(bank, f"y{k}")) == expected, f"{value} {p}"

    Bench(bank).run(feed)


@pytest.mark.parametrize("rounding", Rounding)
def test_every_factor_and_value_of_a_small_format(rounding):
    """All factors of 3 fraction bits on all values of 5 bits, shared and a neuron's own."""
    factors = range(9)
    params = [DecayParams(factor=f, frac_bits=3, rounding=rounding) for f in factors]
    params += [DecayParams(factor=(f,), frac_bits=3, rounding=rounding) for f in factors]
    check(params, 5, range(-16, 16))


@pytest.mark.parametrize("seed", range(8))
def test_random_factors_and_widths(seed):
    rng = random.Random(f"decay {seed}")
    width = rng.choice([2, 3, 9, 16, 24])
    params = []
    for _ in range(12):
        frac_bits = rng.randint(1, 16)
        factor = rng.choice([rng.randint(0, 1 << frac_bits), (1 << frac_bits) - rng.randint(0, 1)])
        factor = rng.choice([factor, (factor,)])
        params.append(DecayParams(factor=factor, frac_bits=frac_bits, rounding=rng.choice(list(Rounding))))
    limit = 1 << (width - 1)
    values = [-limit, limit - 1, -1, 0, 1, *(rng.randint(-limit, limit - 1) for _ in range(20))]
    check(params, width, values)


def test_no_gates_for_the_identity_and_for_zero():
    p = Pipeline()
    x = p.input(Signal(signed(8)))
    assert decay(p, x, DecayParams(factor=4096), None, name="keep") is x
    assert decay(p, x, DecayParams(factor=0), None, name="forget").constant


def test_canonical_signed_digits():
    for factor in range(1 << 12):
        terms = canonical_signed_digits(factor)
        assert sum(sign << shift for sign, shift in terms) == factor
        shifts = sorted(shift for _, shift in terms)
        assert all(b - a > 1 for a, b in pairwise(shifts)), factor
    assert len(canonical_signed_digits(0b0111_0111)) == 3
