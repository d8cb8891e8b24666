"""Engine `golden`: the golden model, read as the hardware's readout would read it."""

from __future__ import annotations

import time

import numpy as np

from ...gen.ir import QuantisedNetwork
from ...gen.neuron_order import output_order
from ...hw.params import AcceleratorParams, ReadoutKind
from ..golden.model import run_golden
from ..golden.run import Run
from .run import EngineRun, Probe

__all__ = ["golden_engine_run", "probes_of", "readout_of", "run_golden_engine"]


def run_golden_engine(
    qnet: QuantisedNetwork,
    params: AcceleratorParams,
    x: np.ndarray,
    *,
    probes: bool = False,
    threads: int | None = None,
) -> EngineRun:
    """Run `qnet` in the golden model; `params` says what is read, and how wide its counters are."""
    started = time.monotonic()
    run = run_golden(qnet, x, record=probes, threads=threads)
    return golden_engine_run(run, params, wall_s=time.monotonic() - started, probes=probes)


def golden_engine_run(
    run: Run, params: AcceleratorParams, *, wall_s: float, probes: bool = False
) -> EngineRun:
    """Put a run of the golden model in the form of an engine's."""
    return EngineRun(
        engine="golden",
        version=f"numpy {np.__version__}",
        readout=params.readout,
        output=readout_of(run.joined_output, params),
        cycles=None,
        probes=probes_of(run) if probes else {},
        saturations=sum(run.saturations.values()),
        wall_s=wall_s,
    )


def readout_of(output: np.ndarray, params: AcceleratorParams) -> np.ndarray:
    """Reduce spikes or membranes (samples, steps, neurons) to what the accelerator's readout gives.

    Counters saturate as the hardware's do: unsigned `count_bits` for spikes, signed
    ``state_bits + count_bits`` for membranes, which are added up for a class.

    Returns
    -------
    ndarray
        As `EngineRun.output`.
    """
    if params.readout is ReadoutKind.SPIKES:
        return output.astype(np.uint8, copy=False)
    if params.readout is ReadoutKind.MEMBRANE:
        return output.astype(np.int64, copy=False)
    neuron = params.cores[params.output_cores[0]].neuron
    width = params.count_bits if neuron.spiking else neuron.state_bits + params.count_bits - 1
    low, high = (0 if neuron.spiking else -(1 << width)), (1 << width) - 1
    tally = np.zeros((len(output), output.shape[2]), np.int64)
    # Step by step: a saturated sum may come back.
    for step in range(output.shape[1]):
        tally = np.clip(tally + output[:, step].astype(np.int64), low, high)
    if params.readout is ReadoutKind.COUNTS:
        return tally
    # of equal scores the neuron wins that the hardware counts first
    order = output_order(params)
    return tally.argmax(1) if order is None else order[tally[:, order].argmax(1)]


def probes_of(run: Run) -> dict[str, Probe]:
    """Return states and spikes of every population of a recorded run."""
    return {
        name: Probe(
            spikes=run.spikes.get(name), membranes=run.membranes[name], currents=run.currents.get(name)
        )
        for name in run.membranes
    }
