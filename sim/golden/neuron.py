"""One integer step of one population, as docs/number-contract.md says it, for many samples at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...hw.params import LATE_RESETS, Compare, DecayParams, Fire, NeuronParams, PerNeuron, Reset, Rounding

__all__ = ["NeuronArrays", "State", "Step", "decay", "initial_state", "neuron_arrays", "step"]


class State(NamedTuple):
    """What a population keeps between steps: arrays (samples, neurons); `i` None without synaptic current."""

    v: np.ndarray
    i: np.ndarray | None


class Step(NamedTuple):
    """What one step gave.

    `spikes` is (samples, neurons), bool or, with `spike_bits` above 1, uint8 counts; None without a
    threshold. `saturations` counts the neurons and states that `saturate` changed.
    """

    state: State
    spikes: np.ndarray | None
    saturations: int


@dataclass(frozen=True, kw_only=True, eq=False)
class NeuronArrays:
    """`NeuronParams` as arrays, built once by `neuron_arrays`.

    Attributes
    ----------
    dtype : dtype
        int32 or int64, whichever is the first that no intermediate value can overflow, else object
        (Python integers: slow, and only for formats near the limits of the parameters).
    bias, leak, threshold, reset_value, v_min : ndarray or None
        0-d, or (neurons,) where neurons differ; None where absent or, for `bias` and `leak`, zero.
    synapse_factor, membrane_factor : ndarray or None
        Decay factors; None where there is no such state or where the decay is the identity.
    """

    params: NeuronParams
    dtype: np.dtype
    bias: np.ndarray | None
    leak: np.ndarray | None
    threshold: np.ndarray | None
    reset_value: np.ndarray
    v_min: np.ndarray | None
    synapse_factor: np.ndarray | None
    membrane_factor: np.ndarray | None


def neuron_arrays(params: NeuronParams) -> NeuronArrays:
    """Arrays of `params` in a type in which every step is exact."""
    dtype = _exact_dtype(params)

    def array(value: PerNeuron | None) -> np.ndarray | None:
        return None if value is None else np.asarray(value, dtype=dtype)

    def unless_zero(value: PerNeuron) -> np.ndarray | None:
        return array(value) if np.any(np.asarray(value) != 0) else None

    return NeuronArrays(
        params=params,
        dtype=dtype,
        bias=unless_zero(params.bias),
        leak=unless_zero(params.leak),
        threshold=array(params.threshold),
        reset_value=np.asarray(params.reset_value, dtype=dtype),
        v_min=array(params.v_min),
        synapse_factor=array(_factor(params.synapse)),
        membrane_factor=array(_factor(params.membrane)),
    )


def initial_state(neuron: NeuronArrays, samples: int) -> State:
    """State before the first step of `samples` samples: zero."""
    shape = (samples, neuron.params.neurons)
    i = None if neuron.params.synapse is None else np.zeros(shape, dtype=neuron.dtype)
    return State(np.zeros(shape, dtype=neuron.dtype), i)


def decay(x: np.ndarray, factor: np.ndarray | int, params: DecayParams) -> np.ndarray:
    """``round(x * factor / 2**frac_bits)`` with the rounding of `params`.

    The type of `x` must hold ``x * factor``.
    """
    product = x * factor
    if params.rounding is Rounding.TRUNC0:
        # An arithmetic shift rounds down; adding 2**f - 1 to negative products first makes it round up.
        product += (product >> _SIGN_SHIFT[product.dtype.kind, product.dtype.itemsize]) & (
            (1 << params.frac_bits) - 1
        )
    return product >> params.frac_bits


def step(neuron: NeuronArrays, state: State, acc: np.ndarray) -> Step:
    """One step of one population.

    Parameters
    ----------
    neuron : NeuronArrays
    state : State
        After the step before, or `initial_state`.
    acc : ndarray
        (samples, neurons), summed synaptic input of this step in weight LSB; any type, whole numbers
        within ``acc_bits``.

    Returns
    -------
    Step
        New arrays; the arguments are not changed.
    """
    x = _input(neuron, acc)
    i, saturations = None, 0
    if state.i is not None:
        i, saturations = _current(neuron, state.i, x)
        x = i
    v, spikes = _membrane(neuron, state.v, x)
    if neuron.v_min is not None:
        v = np.maximum(v, neuron.v_min)
    v, saturated = _saturate(v, neuron.params.state_bits)
    return Step(State(v, i), spikes, saturations + saturated)


_NEVER = np.zeros((), dtype=bool)
_SIGN_SHIFT = {("i", 4): 31, ("i", 8): 63, ("O", 8): 256}  # leaves only the sign of a value


def _factor(params: DecayParams | None) -> PerNeuron | None:
    """Decay factor that has to be multiplied with, None for a missing decay and for the identity."""
    if params is None or np.all(np.asarray(params.factor) == 1 << params.frac_bits):
        return None
    return params.factor


def _largest(value: PerNeuron | None) -> int:
    return max(map(abs, value)) if isinstance(value, tuple) else abs(value or 0)


def _exact_dtype(params: NeuronParams) -> np.dtype:
    """Narrowest type for which no product and no sum of a step can overflow."""
    x = (1 << (params.acc_bits - 1 + params.frac_bits)) + _largest(params.bias)
    products = [0]
    if params.synapse is not None:
        limit = 1 << (params.synapse_bits - 1)
        products.append(limit * max(_largest(params.synapse.factor), 1 << params.synapse.frac_bits))
        x = x + limit  # the current before it saturates
    limit = 1 << (params.state_bits - 1)
    if params.membrane is not None:
        products.append(limit * max(_largest(params.membrane.factor), 1 << params.membrane.frac_bits))
    # A step subtracts at most two thresholds, and states, thresholds and reset values are within `limit`.
    largest = max(*products, x + _largest(params.leak) + 4 * limit)
    for name in ("int32", "int64"):
        if largest <= np.iinfo(name).max:
            return np.dtype(name)
    return np.dtype(object)


def _input(neuron: NeuronArrays, acc: np.ndarray) -> np.ndarray:
    x = acc.astype(np.int64).astype(object) if neuron.dtype == object else acc.astype(neuron.dtype)
    if neuron.params.frac_bits:
        x <<= neuron.params.frac_bits
    if neuron.bias is not None:
        x += neuron.bias
    return x


def _current(neuron: NeuronArrays, i: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, int]:
    params = neuron.params
    assert params.synapse is not None
    decayed = i if neuron.synapse_factor is None else decay(i, neuron.synapse_factor, params.synapse)
    return _saturate(decayed + x, params.synapse_bits)


def _membrane(neuron: NeuronArrays, v_old: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Membrane before v_min and saturation, and the spikes that leave."""
    params = neuron.params
    v = _integrate(neuron, v_old, x)
    if neuron.threshold is None:
        return v, None
    if params.spike_bits > 1:
        return _graded(neuron, v)
    late = params.reset in LATE_RESETS or params.reset is Reset.TWO_STAGE_SUBTRACT
    before = _fires(neuron, v_old) if late or params.fire is Fire.BEFORE else _NEVER
    if late:
        v = _reset(neuron, v, before, to_value=params.reset is Reset.LATE_VALUE)
    spikes = _fires(neuron, v)
    if params.reset in (Reset.VALUE, Reset.SUBTRACT):
        v = _reset(neuron, v, spikes, to_value=params.reset is Reset.VALUE)
    elif params.reset is Reset.TWO_STAGE_SUBTRACT:
        v = _reset(neuron, np.where(before, v + neuron.threshold, v), spikes, to_value=False)
    return v, before if params.fire is Fire.BEFORE else spikes


def _graded(neuron: NeuronArrays, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As many thresholds as the membrane holds, up to the largest count, leave it; their number."""
    assert neuron.threshold is not None
    count = np.zeros_like(v)
    np.floor_divide(v, neuron.threshold, out=count, where=v >= neuron.threshold)  # slow, and few fire
    count = np.minimum(count, neuron.params.spike_max)
    return v - count * neuron.threshold, count.astype(np.uint8)


def _integrate(neuron: NeuronArrays, v: np.ndarray, x: np.ndarray) -> np.ndarray:
    decay_params = neuron.params.membrane
    if decay_params is not None:
        x = x + (v if neuron.membrane_factor is None else decay(v, neuron.membrane_factor, decay_params))
    return x if neuron.leak is None else x + neuron.leak


def _fires(neuron: NeuronArrays, v: np.ndarray) -> np.ndarray:
    return v > neuron.threshold if neuron.params.compare is Compare.GT else v >= neuron.threshold


def _reset(neuron: NeuronArrays, v: np.ndarray, spikes: np.ndarray, *, to_value: bool) -> np.ndarray:
    return np.where(spikes, neuron.reset_value if to_value else v - neuron.threshold, v)


def _saturate(x: np.ndarray, bits: int) -> tuple[np.ndarray, int]:
    high = (1 << (bits - 1)) - 1
    saturated = np.minimum(np.maximum(x, ~high), high)
    return saturated, int(np.count_nonzero(saturated != x))
