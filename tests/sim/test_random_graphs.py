"""Random whole graphs: branches, cycles, convolutions, pools, delays, mixed kinds, widths and lanes.

The RTL equals the golden model in every spike, state and output, in the predicted cycles. The same networks
are drawn in every run; ``SPIKELOOM_FUZZ=N`` draws N new ones a readout instead. A network that fails is
printed as a `Case`, which belongs into `FOUND` from then on.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, example, given, note, settings
from hypothesis import strategies as st
from spikeloom.gen.cycles import predict_cycles
from spikeloom.gen.plan import PlanOptions, make_plan
from spikeloom.hw.params import ReadoutKind
from spikeloom.sim.compare import compare_runs
from spikeloom.sim.engines.golden import golden_engine_run
from spikeloom.sim.golden.model import run_golden

from .amaranth_engine import run_amaranth
from .random_graphs import Features, lanes_of, random_network

FUZZ = int(os.environ.get("SPIKELOOM_FUZZ", "0"))
READOUTS = list(ReadoutKind)


@dataclass(frozen=True)
class Case:
    """`seed` draws the graph, its numbers and the input; the rest is how its streams are driven."""

    seed: int
    readout: ReadoutKind
    populations: int = 2
    input_max: int = 1
    samples: int = 2
    steps: int = 5
    gap: float = 0.0
    stall: float = 0.0
    overlap: bool = False
    features: Features = Features()  # noqa: RUF009 - frozen
    input_values: str = "auto"


# Cases that once failed; they are run for good.
FOUND: list[Case] = []


@st.composite
def cases(draw, readout: ReadoutKind) -> Case:
    waiting = st.sampled_from([0.0, 0.0, 0.0, 0.3, 0.8])
    return Case(
        seed=draw(st.integers(0, 2**32 - 1)),
        readout=readout,
        populations=draw(st.integers(1, 4)),
        input_max=draw(st.sampled_from([1, 1, 3, 20, 255])),
        samples=draw(st.integers(1, 3)),
        steps=draw(st.integers(1, 8)),
        gap=draw(waiting),
        stall=draw(waiting),
        overlap=draw(st.booleans()),
        input_values=draw(st.sampled_from(["auto", "values"])),
    )


def check(case: Case) -> None:
    rng = random.Random(case.seed)
    network = random_network(
        rng,
        count=case.populations,
        readout=case.readout,
        input_max=case.input_max,
        features=case.features,
    )
    for p in network.projections:
        delays = None if p.delay_steps is None else p.delay_steps.shape
        note(f"{p.name} {p.weight.shape} recurrent={p.recurrent} conv={p.conv} delays={delays}")
    lanes, update_lanes = lanes_of(rng, network)
    narrow = any(population.weight_bits == 1 for population in network.populations)
    options = PlanOptions(
        population_lanes=lanes,
        population_update_lanes=update_lanes,
        delays=rng.choice(["auto", "array"] if narrow else ["auto", "array", "lines"]),
        sparse=rng.choice(["auto", "always"]),
        input_values=case.input_values,
        readout=case.readout,
        debug=True,
    )
    plan = make_plan(network, options)
    source = np.random.default_rng(case.seed)
    shape = (case.samples, case.steps, sum(item.size for item in network.inputs))
    x = source.binomial(case.input_max, rng.choice([0.05, 0.2, 0.6, 0.95]), size=shape).astype(np.uint8)
    golden = run_golden(network, x, record=True)
    expected = golden_engine_run(golden, plan.accelerator, wall_s=0.0, probes=True)
    waits = {"gap": case.gap, "stall": case.stall, "overlap": case.overlap}
    run = run_amaranth(plan, network, x, **waits, seed=case.seed)
    sizes = {population.name: population.size for population in network.populations}
    comparison = compare_runs(run, expected, outputs={name: sizes[name] for name in network.outputs})
    assert comparison.compared > 0
    assert not comparison.mismatches, "\n".join(map(str, comparison.first))
    if not any(waits.values()):
        spikes = [golden.spikes.get(name) for name in plan.populations]
        np.testing.assert_array_equal(run.cycles, predict_cycles(plan.accelerator, x, spikes))


@pytest.mark.parametrize("readout", READOUTS)
def test_random_graphs(readout: ReadoutKind) -> None:
    @settings(
        max_examples=FUZZ or 75,
        derandomize=not FUZZ,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate),  # a smaller seed is no smaller network
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(case=cases(readout))
    def run(case: Case) -> None:
        check(case)

    for case in FOUND:
        if case.readout is readout:
            run = example(case=case)(run)
    run()
