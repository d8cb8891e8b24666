"""Random networks of convolutions: the RTL equals the golden model, in the predicted cycles.

40 networks are drawn, the same in every run; ``SPIKELOOM_FUZZ=N`` draws N others a readout, and prints the
seed of one that fails.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace

import numpy as np
import pytest
from spikeloom.gen.cycles import predict_cycles
from spikeloom.gen.plan import PlanOptions, make_plan
from spikeloom.hw.params import ReadoutKind
from spikeloom.sim.compare import compare_runs
from spikeloom.sim.engines.golden import golden_engine_run
from spikeloom.sim.golden.model import run_golden

from ..hw.convolutions import conv_lanes
from .amaranth_engine import run_amaranth
from .random_maps import matrix, random_maps

FUZZ = int(os.environ.get("SPIKELOOM_FUZZ", "0"))
READOUTS = list(ReadoutKind)


def random_lanes(rng, network, name):
    """Lanes of a population and update lanes, of all that it can have."""
    population = next(p for p in network.populations if p.name == name)
    convolutions = [p.conv for p in network.into(name) if p.conv is not None]
    if convolutions:
        fitting = [set(conv_lanes(conv, population.weight_bits)) for conv in convolutions]
        lanes = rng.choice(sorted(set.intersection(*fitting)))
    else:
        lanes = rng.randint(1, population.size)
    return lanes, rng.choice([d for d in range(1, lanes + 1) if lanes % d == 0])


def draw(seed, readout):
    """Network, plan, input, and how the streams are driven."""
    rng = random.Random(f"maps {seed} {readout}")
    network = random_maps(rng, readout=readout, input_max=rng.choice([1, 3])).network
    lanes = {p.name: random_lanes(rng, network, p.name) for p in network.populations}
    chosen = {} if rng.random() < 0.3 else lanes
    options = PlanOptions(
        population_lanes={name: value for name, (value, _) in chosen.items()},
        population_update_lanes={name: value for name, (_, value) in chosen.items()},
        readout=readout,
        debug=True,
    )
    shape = (2, rng.choice([1, 4, 6]), network.inputs[0].size)
    counts = np.random.default_rng(seed).binomial(network.input_max, rng.choice([0.05, 0.3, 0.8]), size=shape)
    how = {"gap": 0.3, "stall": rng.choice([0.3, 0.8]), "overlap": rng.random() < 0.5} if seed % 2 else {}
    return network, make_plan(network, options), counts.astype(np.uint8), how


def run_cycles(run):
    assert run.cycles is not None
    return list(run.cycles)


def check(seed, readout):
    network, plan, x, how = draw(seed, readout)
    params = plan.accelerator
    run = run_golden(network, x, record=True)
    golden = golden_engine_run(run, params, wall_s=0.0, probes=True)
    found = run_amaranth(plan, network, x, seed=seed, **how)
    outputs = {p.name: p.size for p in network.populations[-1:]}
    comparison = compare_runs(found, golden, outputs=outputs)
    assert not comparison.mismatches, f"seed {seed} {readout}: " + "\n".join(map(str, comparison.first))
    if not how:
        predicted = predict_cycles(params, x, [run.spikes.get(name) for name in plan.populations])
        assert list(predicted) == run_cycles(found), f"seed {seed} {readout}"


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("part", range(5))
def test_equal_golden(readout, part):
    """Even seeds: nothing waits, and cycles are compared too."""
    seeds = [random.SystemRandom().getrandbits(32) for _ in range(FUZZ // 5)] if FUZZ else range(2)
    for seed in seeds:
        check(seed if FUZZ else 2 * part + seed, readout)


def test_a_convolution_is_its_matrix():
    """The definition of the taps, unrolled, gives the same spikes in the golden model."""
    for seed in range(30):
        rng = random.Random(f"matrix {seed}")
        network = random_maps(rng, readout=ReadoutKind.SPIKES).network
        dense = replace(
            network,
            projections=tuple(replace(p, weight=matrix(p), conv=None) for p in network.projections),
            populations=tuple(replace(p, weight_bits=max(2, p.weight_bits)) for p in network.populations),
        )
        x = np.random.default_rng(seed).binomial(network.input_max, 0.3, size=(2, 5, network.inputs[0].size))
        a, b = (run_golden(net, x.astype(np.uint8), record=True) for net in (network, dense))
        for name in a.membranes:
            np.testing.assert_array_equal(a.membranes[name], b.membranes[name])
