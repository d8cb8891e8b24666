"""`NeuronParams` made ready for the kernel: arrays where neurons may differ, integers for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...hw.params import LATE_RESETS, Compare, DecayParams, Fire, NeuronParams, PerNeuron, Reset, Rounding

if TYPE_CHECKING:
    from .neuron_kernel import Rules, Words

__all__ = ["NeuronArrays", "correction", "neuron_arrays"]

_PERIOD = 1024  # neurons, about, for which words are laid out, however few there are in a sample


@dataclass(frozen=True, kw_only=True, eq=False)
class NeuronArrays:
    """`NeuronParams` as the kernel takes them, built once by `neuron_arrays`.

    Attributes
    ----------
    dtype : dtype
        int32 or int64, the first that no intermediate value can overflow, else object (Python integers: slow,
        and only for formats near the limits of the parameters).
    """

    params: NeuronParams
    dtype: np.dtype
    words: Words
    rules: Rules


def neuron_arrays(params: NeuronParams) -> NeuronArrays:
    """Arrays of `params` in a type in which every step is exact."""
    from .neuron_kernel import Words  # and numba: only where something runs

    largest = _largest_value(params)
    fitting = (dtype for dtype in (np.int32, np.int64) if largest <= np.iinfo(dtype).max)
    dtype = np.dtype(next(fitting, object))
    threshold = 0 if params.threshold is None else params.threshold
    values = (
        params.bias,
        params.leak,
        threshold,
        0,
        params.reset_value,
        -largest if params.v_min is None else params.v_min,
        0 if params.synapse is None else params.synapse.factor,
        0 if params.membrane is None else params.membrane.factor,
    )
    laid_out = np.zeros((len(values), max(1, _PERIOD // params.neurons), params.neurons), dtype)
    for array, value in zip(laid_out, values, strict=True):
        array[:] = value
    words = Words(*laid_out.reshape(len(values), -1))
    words.limit[:] = words.threshold - int(params.compare is Compare.GE)
    return NeuronArrays(params=params, dtype=dtype, words=words, rules=_rules(params))


def correction(params: DecayParams) -> int:
    """What is added to a negative product before it is shifted."""
    # An arithmetic shift rounds down; adding 2**f - 1 to negative products first makes it round up.
    return (1 << params.frac_bits) - 1 if params.rounding is Rounding.TRUNC0 else 0


def _rules(params: NeuronParams) -> Rules:
    from .neuron_kernel import Rules

    none = DecayParams(factor=0, frac_bits=1)
    synapse, membrane = params.synapse or none, params.membrane or none
    two_stage = params.reset is Reset.TWO_STAGE_SUBTRACT
    return Rules(
        frac_bits=params.frac_bits,
        synapse_frac_bits=synapse.frac_bits,
        synapse_correction=correction(synapse),
        synapse_high=0 if params.synapse is None else (1 << (params.synapse_bits - 1)) - 1,
        membrane_frac_bits=membrane.frac_bits,
        membrane_correction=correction(membrane),
        state_high=(1 << (params.state_bits - 1)) - 1,
        spike_max=params.spike_max,
        has_current=int(params.synapse is not None),
        spiking=int(params.spiking),
        looks_back=int(params.reset in LATE_RESETS or two_stage or params.fire is Fire.BEFORE),
        fire_before=int(params.fire is Fire.BEFORE),
        late_value=int(params.reset is Reset.LATE_VALUE),
        late_subtract=int(params.reset is Reset.LATE_SUBTRACT or two_stage),
        value=int(params.reset is Reset.VALUE),
        subtract=int(params.reset is Reset.SUBTRACT or two_stage),
        two_stage=int(two_stage),
    )


def _largest(value: PerNeuron | None) -> int:
    return max(map(abs, value)) if isinstance(value, tuple) else abs(value or 0)


def _largest_value(params: NeuronParams) -> int:
    """A bound of every product and every sum of a step."""
    x = (1 << (params.acc_bits - 1 + params.frac_bits)) + _largest(params.bias)
    products = [0]
    if params.synapse is not None:
        limit = 1 << (params.synapse_bits - 1)
        products.append(limit * _largest(params.synapse.factor))
        x = x + limit  # the current before it saturates
    limit = 1 << (params.state_bits - 1)
    if params.membrane is not None:
        products.append(limit * _largest(params.membrane.factor))
    # A step subtracts at most two thresholds, and states, thresholds and reset values are within `limit`.
    return max(*products, x + _largest(params.leak) + 4 * limit)
