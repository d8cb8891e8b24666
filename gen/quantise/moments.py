"""Which membrane errors matter: second moments of the traces at the moments that decide about spikes.

Far from the threshold an error changes nothing; so each neuron weighs the steps by how near its membrane,
before the reset, comes to the threshold. A reset to a value forgets what came before it: the trace then
starts anew.
"""

from __future__ import annotations

import numpy as np

from ...hw.params import Reset
from ..ir import Population
from ..semantics import Spikes
from .calibration import shift

__all__ = ["MAX_STEPS", "near_threshold", "neuron_moments", "shared_moments", "undecided_membrane"]

_WIDTH = 0.3  # of the threshold: how near is near
_FLOOR = 1e-3  # weight of all other steps
MAX_STEPS = 4096  # of all samples, that a neuron's moments are made from
_RESTARTING = (Reset.VALUE, Reset.LATE_VALUE)


def undecided_membrane(
    population: Population, drive: np.ndarray, membrane: np.ndarray, spikes: np.ndarray
) -> np.ndarray:
    """Membrane that is compared with the threshold, before the reset of its step.

    Parameters
    ----------
    population : Population
    drive : ndarray
        (samples, steps, neurons): the synaptic current, or the input where there is none.
    membrane, spikes : ndarray
        The same shape, after each step.
    """
    before = shift(membrane)
    value = drive + (population.leak if population.leak.size else 0.0)
    if population.beta is not None:
        value = value + population.beta * before
    if population.reset in (Reset.LATE_SUBTRACT, Reset.TWO_STAGE_SUBTRACT):
        value = value - shift(spikes) * population.threshold
    return value


def near_threshold(population: Population, value: np.ndarray) -> np.ndarray:
    """Weight 0 .. 1 of each step, the shape of `value`; 1 everywhere for an analog population."""
    if population.threshold is None:
        return np.ones(value.shape, np.float32)
    unit = np.maximum(np.abs(population.threshold), 1e-9) * _WIDTH
    level = population.threshold
    if population.spikes is Spikes.GRADED:  # every multiple decides about a spike
        level = level * np.maximum(np.rint(value / level), 1)
    return np.exp(-0.5 * ((value - level) / unit) ** 2).astype(np.float32)


def shared_moments(trace: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Second moments for all neurons together, (1, sources, sources).

    Parameters
    ----------
    trace : ndarray
        (samples, steps, sources)
    weight : ndarray
        (samples, steps, neurons), as `near_threshold` gives it.
    """
    rows = trace.reshape(-1, trace.shape[2])
    mean = weight.mean(axis=2).reshape(-1) + _FLOOR
    return ((rows * mean[:, None]).T @ rows / len(rows))[None]


def neuron_moments(
    population: Population,
    trace: np.ndarray,
    weight: np.ndarray,
    spikes: np.ndarray | None,
    neurons: np.ndarray,
) -> np.ndarray:
    """Second moments of single neurons, (len(neurons), sources, sources).

    Parameters
    ----------
    trace, weight
        As in `shared_moments`.
    spikes : ndarray or None
        (samples, steps, population size), of the float network.
    neurons : ndarray
        Which.
    """
    rows = trace.reshape(-1, trace.shape[2])
    everywhere = _FLOOR * (rows.T @ rows) / len(rows)
    moments = np.empty((len(neurons), *everywhere.shape), np.float32)
    for k, neuron in enumerate(neurons):
        near = weight[:, :, neuron].reshape(-1)
        steps = _heaviest(near)
        part = rows[steps]
        if spikes is not None and population.reset in _RESTARTING and population.beta is not None:
            part = part - _forgotten(
                population, rows, spikes[:, :, neuron], steps, float(population.beta[neuron])
            )
        moments[k] = (part * near[steps, None]).T @ part / len(rows) + everywhere
    return moments


def _heaviest(near: np.ndarray) -> np.ndarray:
    """Steps with weight, evenly thinned out where there are many."""
    steps = np.flatnonzero(near > 0.01)
    return steps[:: -(-len(steps) // MAX_STEPS)] if len(steps) > MAX_STEPS else steps


def _forgotten(
    population: Population, rows: np.ndarray, spikes: np.ndarray, steps: np.ndarray, beta: float
) -> np.ndarray:
    """What is left at `steps` of the traces as they were at the last reset before."""
    late = population.reset is Reset.LATE_VALUE
    resets = shift(spikes) if late else spikes
    length = spikes.shape[1]
    at = np.where(resets > 0, np.arange(length), -1)
    last = shift(np.maximum.accumulate(at, axis=1) + 1) - 1  # before this step; -1: never
    age = (np.arange(length) - last).reshape(-1)[steps]
    last = last.reshape(-1)[steps]
    kept = np.where(last >= 0, beta ** age.astype(np.float64), 0.0).astype(np.float32)
    source = steps - steps % length + np.maximum(last, 0)
    return rows[source] * kept[:, None]
