"""The words of the self-test are those of the accelerator, for every readout."""

import numpy as np
import pytest
from amaranth.sim import Simulator
from spikeloom.gen.images import weight_rows
from spikeloom.gen.plan import PlanOptions, make_plan
from spikeloom.gen.toolchain.selftest_words import event_words, output_words
from spikeloom.hw.accelerator import Accelerator
from spikeloom.hw.params import AcceleratorParams, ArrayParams, CoreParams, NeuronParams, ReadoutKind
from spikeloom.hw.selftest import SelfTest, SelfTestParams, output_signature
from spikeloom.sim.golden.model import run_golden

from ..chains import quantised_chain

READOUTS = [
    ("spikes", False),
    ("counts", False),
    ("class", False),
    ("membrane", True),
    ("class", True),
]


def outcome(accelerator, params, *, cycles=1500):
    """(passed, failed) at the end."""
    dut = SelfTest(accelerator, params)
    seen = []

    async def bench(ctx):
        await ctx.tick().repeat(cycles)
        seen.append((ctx.get(dut.passed), ctx.get(dut.failed)))

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    return seen[0]


@pytest.mark.parametrize(("readout", "analog"), READOUTS)
def test_passes_on_the_accelerator_and_fails_with_one_wrong_weight(readout, analog):
    qnet = quantised_chain((9, 6, 5), seed=4, analog=analog)
    plan = make_plan(qnet, PlanOptions(readout=readout))
    x = (np.random.default_rng(2).random((1, 5, 9)) < 0.6).astype(np.uint8)
    output = run_golden(qnet, x).output[0]
    assert output.any()
    params = SelfTestParams(
        tokens=tuple(event_words(x[0])),
        signature=output_signature(output_words(plan.accelerator, output)),
        timeout_cycles=1000,
    )
    weights = [projection.weight.copy() for projection in qnet.projections]

    def accelerator():
        pairs = zip(weights, plan.accelerator.cores, strict=True)
        return Accelerator(plan.accelerator, weights=[weight_rows(w, core.array) for w, core in pairs])

    assert outcome(accelerator(), params) == (1, 0)
    if readout == "class":
        wrong = SelfTestParams(
            tokens=params.tokens,
            signature=output_signature([(int(np.argmax(output.sum(axis=0))) + 1) % 5, 3 << 3]),
        )
        assert outcome(accelerator(), wrong) == (0, 1)
    else:
        weights[-1][...] = -weights[-1].clip(-7)
        assert outcome(accelerator(), params) == (0, 1)


def test_event_words():
    x = np.array([[2, 0, 1], [0, 0, 0], [0, 1, 0]], np.uint8)
    assert list(event_words(x)) == [0, 0, 2, 4, 4, 1, 12]


def params(readout, *, state_bits=6, count_bits=2, threshold=None):
    neuron = NeuronParams(neurons=3, acc_bits=8, state_bits=state_bits, threshold=threshold)
    array = ArrayParams(sources=2, targets=3, lanes=3, weight_bits=4, acc_bits=8)
    core = CoreParams(name="only", array=array, neuron=neuron, update_lanes=1)
    return AcceleratorParams(cores=(core,), readout=readout, count_bits=count_bits)


def test_membrane_words():
    membranes = np.array([[1, -1, 0], [-32, 31, 2]])
    tick = 1 << 8
    assert list(output_words(params(ReadoutKind.MEMBRANE), membranes)) == [
        *(0 | 1 << 2, 1 | 63 << 2, 2, tick),
        *(0 | 32 << 2, 1 | 31 << 2, 2 | 2 << 2, 3 * tick),
    ]


def test_counts_saturate():
    spikes = np.array([[1, 0, 1]] * 5 + [[1, 1, 0]])
    words = list(output_words(params(ReadoutKind.COUNTS, threshold=1), spikes))
    assert words == [0 | 3 << 2, 1 | 1 << 2, 2 | 3 << 2, 3 << 4]


def test_class_is_the_lowest_of_equals():
    spikes = np.array([[0, 1, 1]] * 9)  # both saturate
    assert list(output_words(params(ReadoutKind.CLASS, threshold=1), spikes)) == [1, 3 << 2]
    membranes = np.array([[-9, 5, 4], [9, -9, 4]])
    assert list(output_words(params(ReadoutKind.CLASS, count_bits=3), membranes)) == [2, 3 << 2]
