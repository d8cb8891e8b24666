"""Analog inputs: tokens with values through arrays of every kind, in every engine, equal golden."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from spikeloom.gen.emit import emit
from spikeloom.gen.plan import PlanOptions, make_plan
from spikeloom.hw.params import ReadoutKind
from spikeloom.sim.compare import compare_runs
from spikeloom.sim.engines.cxxrtl import run_cxxrtl
from spikeloom.sim.engines.golden import golden_engine_run
from spikeloom.sim.engines.run import Design, EngineOptions
from spikeloom.sim.golden.model import run_golden

from ..hw.randoms import random_chain
from .random_graphs import Features
from .test_random_graphs import Case, check

READOUTS = list(ReadoutKind)


@pytest.mark.parametrize("readout", READOUTS)
def test_convolutions_of_values(readout: ReadoutKind) -> None:
    """Even seeds: nothing waits, so cycles are compared too."""

    @settings(
        max_examples=6,
        derandomize=True,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(seed=st.integers(0, 2**32 - 1), most=st.sampled_from([2, 16, 255]), populations=st.integers(1, 3))
    def run(seed: int, most: int, populations: int) -> None:
        features = Features(conv=True, delays=seed % 3 > 0)
        case = Case(seed=seed, readout=readout, populations=populations, features=features, input_max=most)
        waits = {"gap": 0.3, "stall": 0.3, "overlap": seed % 4 == 1} if seed % 2 else {}
        check(replace(case, input_values="values", **waits))

    run()


def test_emitted(request, monkeypatch, tmp_path) -> None:
    """Through the emitted RTLIL, compiled: free and with back-pressure, fewer cycles than with events."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(request.config.cache.mkdir("spikeloom")))
    rng = random.Random(3)
    network = random_chain(rng, sizes=[6, 9, 5], readout=ReadoutKind.SPIKES, input_max=255).network
    x = np.random.default_rng(3).integers(0, 256, (4, 5, 6), np.uint8)
    golden = run_golden(network, x, record=True)
    mean_cycles = {}
    for form in ("values", "events"):
        plan = make_plan(network, PlanOptions(input_values=form, debug=True))
        rtlil = tmp_path / f"{form}.il"
        rtlil.write_text(emit(plan, network).rtlil())
        design = Design(params=plan.accelerator, rtlil=rtlil, populations=plan.populations)
        expected = golden_engine_run(golden, plan.accelerator, wall_s=0.0, probes=True)
        waiting = EngineOptions(probes=True, gap=0.4, stall=0.4, shuffle=True, seed=1)
        for options in (EngineOptions(probes=True), waiting):
            run = run_cxxrtl(design, x, options, optimise=0)
            assert not compare_runs(run, expected, outputs={"out": 5}).mismatches
            assert run.cycles is not None
            mean_cycles.setdefault(form, run.cycles.mean())
    assert mean_cycles["values"] * 20 < mean_cycles["events"]
