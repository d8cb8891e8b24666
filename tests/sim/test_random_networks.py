"""Random networks: the RTL equals the golden model in every spike, state and output, in the predicted cycles.

240 networks are drawn, the same in every run. ``SPIKELOOM_FUZZ=N`` draws N new ones a readout instead; a
network that fails is printed as a `Case`, which belongs into `FOUND` from then on.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from spikeloom.gen.cycles import predict_cycles
from spikeloom.gen.emit import emit
from spikeloom.gen.plan import PlanOptions, make_plan
from spikeloom.hw.params import ReadoutKind
from spikeloom.sim.compare import compare_runs
from spikeloom.sim.engines.cxxrtl import run_cxxrtl
from spikeloom.sim.engines.golden import golden_engine_run
from spikeloom.sim.engines.run import Design, EngineOptions, EngineRun
from spikeloom.sim.golden.model import run_golden

from ..hw.randoms import random_chain
from ..hw.runs import random_samples
from .amaranth_engine import run_amaranth

FUZZ = int(os.environ.get("SPIKELOOM_FUZZ", "0"))
READOUTS = list(ReadoutKind)


@dataclass(frozen=True)
class Case:
    """A network, its hardware and how its streams are driven.

    `sizes`: inputs and populations. `divisions`: what the size of each population is divided by to give its
    lanes (rounded up), and which divisor of those its update lanes are. `seed` draws everything within a
    population: its kind, reset, decays, biases, widths, what differs between neurons, its weights; and input.
    `spike_bits`: the most that a population may have.
    """

    sizes: tuple[int, ...]
    divisions: tuple[tuple[int, int], ...]
    readout: ReadoutKind
    input_max: int = 1
    count_bits: int = 16
    samples: int = 2
    steps: int = 4
    gap: float = 0.0
    stall: float = 0.0
    overlap: bool = False
    seed: int = 0
    spike_bits: int = 1

    @property
    def shapes(self):
        """(lanes, update lanes) of each core."""
        for size, (parts, place) in zip(self.sizes[1:], self.divisions, strict=True):
            lanes = -(-size // min(parts, size))
            divisors = [d for d in range(1, lanes + 1) if lanes % d == 0]
            yield lanes, divisors[place % len(divisors)]


# Cases that once failed; they are run for good.
FOUND = [
    # The serialiser's queue had one word: CXXRTL then read its address from beyond an empty array.
    Case((5, 1, 1), ((1, 0), (1, 0)), ReadoutKind.SPIKES, input_max=2, samples=6, steps=5, seed=6),
]


@st.composite
def cases(draw, readout):
    sizes = draw(st.lists(st.integers(1, 12), min_size=2, max_size=4))
    divisions = draw(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3)), min_size=3, max_size=3))
    waiting = st.sampled_from([0.0, 0.0, 0.3, 0.8])
    return Case(
        sizes=tuple(sizes),
        divisions=tuple(divisions[: len(sizes) - 1]),
        readout=readout,
        input_max=draw(st.sampled_from([1, 1, 3])),
        count_bits=draw(st.sampled_from([16, 1, 2])),
        samples=draw(st.integers(1, 3)),
        steps=draw(st.integers(1, 8)),
        gap=draw(waiting),
        stall=draw(waiting),
        overlap=draw(st.booleans()),
        seed=draw(st.integers(0, 2**32 - 1)),
        spike_bits=draw(st.sampled_from([1, 1, 2, 3])),
    )


class Network:
    """What a case stands for: network, plan, weight rows, input and the golden model's answer."""

    def __init__(self, case: Case) -> None:
        rng = random.Random(case.seed)
        shapes = list(case.shapes)
        chain = random_chain(
            rng,
            sizes=case.sizes,
            shapes=shapes,
            readout=case.readout,
            input_max=case.input_max,
            spike_bits=case.spike_bits,
        )
        names = [core.name for core in chain.params.cores]
        options = PlanOptions(
            population_lanes={name: lanes for name, (lanes, _) in zip(names, shapes, strict=True)},
            population_update_lanes={name: update for name, (_, update) in zip(names, shapes, strict=True)},
            readout=case.readout,
            count_bits=case.count_bits,
            debug=True,
        )
        self.case, self.qnet = case, chain.network
        self.plan = make_plan(self.qnet, options)
        self.params = self.plan.accelerator
        self.x = random_samples(rng, chain, samples=case.samples, steps=case.steps)
        golden = run_golden(self.qnet, self.x, record=True)
        self.golden = golden_engine_run(golden, self.params, wall_s=0.0, probes=True)
        self.spikes = [golden.spikes.get(name) for name in self.plan.populations]

    def check(self, run: EngineRun) -> None:
        """Nothing differs, and nothing waits that should not."""
        outputs = {population.name: population.size for population in self.qnet.populations[-1:]}
        comparison = compare_runs(run, self.golden, outputs=outputs)
        assert comparison.compared > 0
        assert not comparison.mismatches, "\n".join(map(str, comparison.first))
        assert run.saturations in (None, self.golden.saturations)
        if not (self.case.gap or self.case.stall or self.case.overlap):
            predicted = predict_cycles(self.params, self.x, self.spikes)
            np.testing.assert_array_equal(run.cycles, predicted)


@pytest.mark.parametrize("readout", READOUTS)
def test_amaranth(readout):
    @settings(
        max_examples=FUZZ or 60,
        derandomize=not FUZZ,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(case=cases(readout))
    def check(case):
        network = Network(case)
        waits = {"gap": case.gap, "stall": case.stall, "overlap": case.overlap}
        network.check(run_amaranth(network.plan, network.qnet, network.x, **waits, seed=case.seed))

    for case in FOUND:
        if case.readout is readout:
            check = example(case=case)(check)
    check()


EMITTED = [
    *FOUND,
    Case((6, 12, 5), ((3, 1), (1, 0)), ReadoutKind.MEMBRANE, samples=8, steps=6, seed=21),
    Case((3, 7, 9), ((2, 1), (3, 2)), ReadoutKind.COUNTS, count_bits=2, samples=8, steps=9, seed=22),
    Case((9, 8, 8, 6), ((1, 3), (4, 1), (2, 0)), ReadoutKind.CLASS, input_max=3, samples=8, steps=5, seed=23),
    Case((2, 11), ((4, 1),), ReadoutKind.SPIKES, samples=8, steps=7, seed=24),
    Case((4, 9, 7), ((2, 1), (3, 1)), ReadoutKind.SPIKES, samples=8, steps=6, seed=25, spike_bits=4),
    Case((4, 6, 5), ((2, 1), (1, 1)), ReadoutKind.CLASS, samples=8, steps=6, seed=26, spike_bits=8),
    # states and queues deep enough to be block RAM, or wide enough
    Case((6, 70, 40), ((4, 0), (2, 0)), ReadoutKind.SPIKES, samples=6, steps=6, seed=27),
    Case((6, 90, 36), ((1, 1), (1, 0)), ReadoutKind.COUNTS, samples=6, steps=6, seed=28),
    Case((6, 80, 9), ((4, 2), (1, 0)), ReadoutKind.CLASS, samples=6, steps=6, seed=29, spike_bits=4),
]


@pytest.mark.parametrize("case", EMITTED, ids=lambda case: f"{case.readout}-{case.seed}")
def test_emitted(case, request, monkeypatch, tmp_path):
    """The same through the emitted RTLIL, compiled: free, with back-pressure, and samples that overlap."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(request.config.cache.mkdir("spikeloom")))
    network = Network(case)
    rtlil = tmp_path / "accelerator.il"
    rtlil.write_text(emit(network.plan, network.qnet).rtlil())
    design = Design(params=network.params, rtlil=rtlil, populations=network.plan.populations)
    free = run_cxxrtl(design, network.x, EngineOptions(probes=True), optimise=0)
    network.check(free)
    for options in (
        EngineOptions(probes=True, gap=0.4, stall=0.4, shuffle=True, seed=case.seed),
        EngineOptions(probes=True, overlap=True, stall=0.7, seed=case.seed),
    ):
        run = run_cxxrtl(design, network.x, options, optimise=0)
        assert not compare_runs(run, network.golden, outputs={"out": case.sizes[-1]}).mismatches
        assert run.saturations == network.golden.saturations
