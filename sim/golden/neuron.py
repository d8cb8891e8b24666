"""Steps of one population for many samples at once: `neuron_kernel` with parameters made ready for it."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ...hw.params import DecayParams
from .arrays import NeuronArrays, correction, neuron_arrays

__all__ = [
    "NeuronArrays",
    "State",
    "Step",
    "Steps",
    "advance",
    "decay",
    "initial_state",
    "neuron_arrays",
    "step",
]


class State(NamedTuple):
    """What a population keeps between steps: arrays (samples, neurons); `i` None without synaptic current."""

    v: np.ndarray
    i: np.ndarray | None


class Step(NamedTuple):
    """What one step gave.

    `spikes` is (samples, neurons), uint8: 0 or 1 or, with `spike_bits` above 1, counts; None without a
    threshold. `saturations` counts the neurons and states that `saturate` changed.
    """

    state: State
    spikes: np.ndarray | None
    saturations: int


class Steps(NamedTuple):
    """What some steps gave: arrays (steps, samples, neurons).

    `spikes` as in `Step`; `membranes` and `currents` after each step, int64, None where they were not asked
    for.
    """

    spikes: np.ndarray | None
    membranes: np.ndarray | None
    currents: np.ndarray | None
    saturations: int


def initial_state(neuron: NeuronArrays, samples: int) -> State:
    """State before the first step of `samples` samples: zero."""
    shape = (samples, neuron.params.neurons)
    i = None if neuron.params.synapse is None else np.zeros(shape, dtype=neuron.dtype)
    return State(np.zeros(shape, dtype=neuron.dtype), i)


def decay(x: np.ndarray, factor: int, params: DecayParams) -> np.ndarray:
    """``round(x * factor / 2**frac_bits)`` with the rounding of `params`; of its factor it knows nothing."""
    from .neuron_kernel import decayed

    one = (decayed(int, value, factor, correction(params), params.frac_bits) for value in x.ravel().tolist())
    return np.fromiter(one, dtype=x.dtype, count=x.size).reshape(x.shape)


def step(neuron: NeuronArrays, state: State, acc: np.ndarray) -> Step:
    """One step of one population.

    Parameters
    ----------
    neuron : NeuronArrays
    state : State
        After the step before, or `initial_state`.
    acc : ndarray
        (samples, neurons), summed synaptic input of this step in weight LSB, integers within ``acc_bits``.

    Returns
    -------
    Step
        New arrays; the arguments are not changed.
    """
    state = State(state.v.copy(), None if state.i is None else state.i.copy())
    steps = advance(neuron, state, acc[np.newaxis].astype(np.int64), record=False)
    return Step(state, None if steps.spikes is None else steps.spikes[0], steps.saturations)


def advance(neuron: NeuronArrays, state: State, acc: np.ndarray, *, record: bool) -> Steps:
    """Some steps of one population.

    Parameters
    ----------
    neuron : NeuronArrays
    state : State
        After the step before, or `initial_state`; it is overwritten.
    acc : ndarray of int32 or int64
        (steps, samples, neurons), summed synaptic input in weight LSB.
    record : bool
        Whether the states after each step are wanted.
    """
    flat = np.ascontiguousarray(acc).reshape(len(acc), -1)
    spikes = np.empty(acc.shape, np.uint8) if neuron.params.spiking else None
    membranes = np.empty(acc.shape, np.int64) if record else None
    currents = np.empty(acc.shape, np.int64) if record and state.i is not None else None
    if neuron.dtype == object:
        flat = flat.astype(object)
    saturations = _kernel(neuron.dtype.kind)(
        flat,
        state.v.reshape(-1),
        np.empty(0, neuron.dtype) if state.i is None else state.i.reshape(-1),
        _rows(spikes, np.uint8),
        _rows(membranes, np.int64),
        _rows(currents, np.int64),
        neuron.words,
        neuron.rules,
    )
    return Steps(spikes, membranes, currents, int(saturations))


@cache
def _kernel(kind: str) -> Any:
    """The kernel, compiled or, for Python's integers, not."""
    from .neuron_kernel import advance  # and numba: only where something runs

    return advance.py_func if kind == "O" else advance


def _rows(array: np.ndarray | None, dtype: type) -> np.ndarray:
    """An array's steps as rows; one without any where it is not wanted."""
    return np.empty((0, 0), dtype) if array is None else array.reshape(len(array), -1)
