"""How near a quantised network comes to its float network on the calibration set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..ir import Network, QuantisedNetwork
from .calibration import Calibration
from .simulate import Recorded

__all__ = ["Outcome", "measure"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Differences of a run.

    Attributes
    ----------
    output_error : float
        Root mean square difference of the outputs, `output_values`.
    decision_agreement : float
        Fraction of samples with the same largest value of the first output.
    cost : float
        Samples that decide differently, plus the squared output error over the variance of the outputs.
    disagreement, rate_float, rate_quantised : mapping of str to float
        By spiking population: fraction of spikes that differ; spikes a neuron and step.
    saturations : mapping of str to int
    """

    output_error: float
    decision_agreement: float
    cost: float
    disagreement: Mapping[str, float]
    rate_float: Mapping[str, float]
    rate_quantised: Mapping[str, float]
    saturations: Mapping[str, int]


def measure(seen: Calibration, qnet: QuantisedNetwork) -> Outcome:
    """Run `qnet` on the calibration set and compare."""
    run = seen.simulate.run_golden(qnet, seen.x)
    wanted = {name: _values(seen.network, seen.run, name) for name in qnet.outputs}
    given = {name: _values(qnet, run, name) for name in qnet.outputs}
    error = np.concatenate([(given[name] - wanted[name]).ravel() for name in qnet.outputs])
    first = qnet.outputs[0]
    agreement = float(np.mean(wanted[first].argmax(axis=1) == given[first].argmax(axis=1)))
    spread = np.var(np.concatenate([wanted[name].ravel() for name in qnet.outputs]))
    return Outcome(
        output_error=float(np.sqrt(np.mean(error**2))),
        decision_agreement=agreement,
        cost=1 - agreement + float(np.mean(error**2) / max(spread, 1e-30)),
        disagreement={n: float(np.mean(s != seen.run.spikes[n])) for n, s in run.spikes.items()},
        rate_float={n: float(np.mean(s)) for n, s in seen.run.spikes.items()},
        rate_quantised={n: float(np.mean(s)) for n, s in run.spikes.items()},
        saturations=dict(run.saturations),
    )


def _values(network: Network | QuantisedNetwork, run: Recorded, name: str) -> np.ndarray:
    """Spike counts of each sample, or real membranes summed over the steps, (samples, neurons)."""
    if name in run.spikes:
        return run.spikes[name].sum(axis=1, dtype=np.float64)
    population = next(p for p in network.populations if p.name == name)
    lsb = 1.0
    if isinstance(network, QuantisedNetwork):
        lsb = population.scale / 2.0**population.neuron.frac_bits  # type: ignore[union-attr]
    offset = population.offset if population.offset.size else 0.0
    return (run.membranes[name] * lsb + offset).sum(axis=1)
