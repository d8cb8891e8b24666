"""What a run makes the hardware do: operations, memory traffic, bits that change, and a proxy of energy.

Toggles and cycles are counted on the RTL, the rest follows from spikes that the RTL was found to give. No
power is claimed: that depends on device, clock and routing, and is to be measured on a board.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..gen.build_dir import Build
from ..gen.convolution import synapse_counts
from ..gen.errors import UserError
from ..gen.memory_traffic import CoreTraffic, memory_traffic
from .compare import compare_runs
from .engines.golden import golden_engine_run
from .engines.run import EngineOptions, Progress
from .engines.select import engine_input, run_engine
from .golden.model import run_golden
from .operations import synaptic_operations

__all__ = ["ADD_PJ_PER_BIT", "MEMORY_PJ_PER_BIT", "MULTIPLY_PJ", "Activity", "measure_activity"]

# Horowitz, "Computing's energy problem", ISSCC 2014, fig. 1.1.9: 45 nm, 0.9 V. A 32-bit integer addition
# 0.1 pJ, an 8-bit multiplication 0.2 pJ, 64 bits out of an 8 kB SRAM 10 pJ.
ADD_PJ_PER_BIT = 0.1 / 32
MULTIPLY_PJ = 0.2
MEMORY_PJ_PER_BIT = 10 / 64


@dataclass(frozen=True, kw_only=True)
class Activity:
    """Sums over all samples.

    Attributes
    ----------
    samples, steps : int
        How many were run, and time steps of each.
    cycles : int
        Clock cycles, on the RTL.
    input_events, additions, updates : int
        Events of the input; weights added to an accumulator; neurons updated.
    dense_operations : int
        Synapses times steps: what a network without events would multiply and add.
    traffic : tuple of CoreTraffic
        Bits read and written in the memories of each core.
    toggles : mapping of str to int
        Bits that changed in the registers and memories of each block, on the RTL, the idle cycles behind
        each sample included.
    proxy_pj, dense_proxy_pj : float
        Picojoules of the additions and the memory traffic at 45 nm; the same of a dense network of the same
        widths that reads, multiplies and adds every weight in every step.
    mismatches : int
        Output values of the RTL that are not the golden model's: with any, nothing here holds.
    """

    samples: int
    steps: int
    cycles: int
    input_events: int
    additions: int
    updates: int
    dense_operations: int
    traffic: tuple[CoreTraffic, ...]
    toggles: Mapping[str, int]
    proxy_pj: float
    dense_proxy_pj: float
    mismatches: int

    @property
    def memory_bits(self) -> int:
        """Bits read and written in all memories."""
        return sum(core.bits for core in self.traffic)

    @property
    def toggled_bits(self) -> int:
        """Bits that changed in all blocks."""
        return sum(self.toggles.values())

    def to_json(self) -> dict[str, Any]:
        """Plain data for a JSON file."""
        sums = {"memory_bits": self.memory_bits, "toggled_bits": self.toggled_bits}
        return asdict(self) | sums | {"toggles": dict(self.toggles)}


def measure_activity(
    build: Build, x: np.ndarray, *, limit: int | None = None, progress: Progress | None = None
) -> Activity:
    """Run data through the RTL (CXXRTL) and count.

    Parameters
    ----------
    build : Build
    x : ndarray
        (samples, steps, *input shape) uint8 event counts.
    limit : int, optional
        Run the first `limit` samples only.
    progress : callable, optional
        Called with (stage, done, total).

    Raises
    ------
    UserError, MissingTool
        Input that does not fit, an input of values, or a tool that is not there.
    RtlFault
        The RTL hangs or breaks a protocol.
    """
    params, qnet = build.plan.accelerator, build.qnet
    if params.input_value_bits:
        raise UserError(f"{build.path}: activity counts additions, and its input carries values to multiply")
    events = engine_input(build, x, limit)
    got = run_engine("cxxrtl", build, events, options=EngineOptions(toggles=True), progress=progress)
    assert got.cycles is not None
    golden = run_golden(qnet, events)
    expected = golden_engine_run(golden, params, wall_s=0.0, probes=False)
    sizes = {population.name: population.size for population in qnet.populations}
    outputs = {name: sizes[name] for name in qnet.outputs}
    spikes = [golden.spikes.get(name) for name in build.plan.populations]
    traffic = memory_traffic(params, events, spikes)
    steps = events.shape[0] * events.shape[1]
    additions = synaptic_operations(qnet, events, golden)
    dense = steps * sum(synapse_counts(p.weight, p.conv)[0] for p in qnet.projections)
    return Activity(
        samples=len(events),
        steps=events.shape[1],
        cycles=int(got.cycles.sum()),
        input_events=int(events.sum(dtype=np.int64)),
        additions=additions,
        updates=steps * sum(sizes.values()),
        dense_operations=dense,
        traffic=traffic,
        toggles=got.toggles,
        proxy_pj=_proxy(additions, params, sum(core.bits for core in traffic)),
        dense_proxy_pj=_proxy(dense, params, dense * _weight_bits(params)) + dense * MULTIPLY_PJ,
        mismatches=compare_runs(got, expected, outputs=outputs).mismatches,
    )


def _proxy(operations: int, params: Any, memory_bits: int) -> float:
    acc_bits = max(core.array.acc_bits for core in params.cores)
    return operations * acc_bits * ADD_PJ_PER_BIT + memory_bits * MEMORY_PJ_PER_BIT


def _weight_bits(params: Any) -> int:
    return max(core.array.weight_bits for core in params.cores)
