"""One step of one population, as docs/number-contract.md says it, neuron by neuron.

The source is what the contract says; compiled, it runs on int64. Formats that need more run the same source
as plain Python, on arrays of Python's integers. What is kept on disk is compiled again when this file
changes: all that it depends on, its tuples too, is in here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .compiled import compiled, inner

__all__ = ["Rules", "Words", "advance", "decayed"]

_BLOCK = 256  # neurons whose words and states stay in the first cache while the steps go by


class Words(NamedTuple):
    """What may differ between neurons: arrays (period,), of neurons that repeat after `period`.

    Their order is the one in which `neuron_arrays` lays them out.
    """

    bias: np.ndarray
    leak: np.ndarray
    threshold: np.ndarray
    reset_value: np.ndarray
    v_min: np.ndarray
    synapse_factor: np.ndarray
    membrane_factor: np.ndarray


class Rules(NamedTuple):
    """What all neurons share, integers; those without a unit are 0 or 1.

    A correction is what is added to a negative product before its fraction bits are dropped. The resets
    are the ones of the contract; `late_subtract` also stands for the first stage of the two.
    """

    scale: int  # of the accumulator: 2**frac_bits
    synapse_frac_bits: int
    synapse_correction: int
    synapse_high: int  # largest current
    membrane_frac_bits: int
    membrane_correction: int
    state_high: int  # largest membrane
    spike_max: int
    has_current: int
    spiking: int
    at_least: int  # a membrane at the threshold fires
    fire_before: int
    late_value: int
    late_subtract: int
    value: int
    subtract: int
    two_stage: int


@compiled
def advance(acc, v, i, spikes, membranes, currents, words, rules):
    """Take neurons through steps; return how many states were saturated.

    Parameters
    ----------
    acc : ndarray
        (steps, neurons), summed synaptic input in weight LSB. Here and below, neurons of all samples follow
        each other.
    v, i : ndarray
        (neurons,), states, which are overwritten; `i` is empty without a synaptic current.
    spikes : ndarray of uint8
        (steps, neurons), written; not touched in a population without threshold.
    membranes, currents : ndarray of int64
        (steps, neurons), the states after each step, written; (0, 0) where they are not wanted.
    words : Words
        Their period divides the neurons of all samples.
    rules : Rules
    """
    steps, neurons = acc.shape
    period = words.bias.size
    x = np.empty_like(v[: min(neurons, _BLOCK)])
    silent = np.empty(x.size, np.uint8)
    saturations = 0
    for first_word in range(0, period, _BLOCK):
        last_word = min(first_word + _BLOCK, period)
        own = _cut(words, first_word, last_word)
        for first in range(first_word, neurons, period):
            here = slice(first, first + last_word - first_word)
            state, current = v[here], i[here]
            row = x[: state.size]
            for step in range(steps):
                _synaptic_input(row, acc[step, here], own.bias, rules.scale)
                if rules.has_current:
                    saturations += _current(current, row, own.synapse_factor, rules)
                fired = spikes[step, here] if rules.spiking else silent[: row.size]
                if rules.spike_max > 1:
                    saturations += _graded(state, row, fired, own, rules)
                else:
                    saturations += _binary(state, row, fired, own, rules)
                if membranes.size:
                    membranes[step, here] = state
                if currents.size:
                    currents[step, here] = current
    return saturations


@inner
def _cut(words, first, last):
    return Words(
        words.bias[first:last],
        words.leak[first:last],
        words.threshold[first:last],
        words.reset_value[first:last],
        words.v_min[first:last],
        words.synapse_factor[first:last],
        words.membrane_factor[first:last],
    )


@inner
def decayed(x, factor, correction, frac_bits):
    """``round(x * factor / 2**frac_bits)``: a shift alone rounds down, with the correction toward zero."""
    product = x * factor
    return (product + (correction if product < 0 else 0)) >> frac_bits


@inner
def _synaptic_input(x, acc, bias, scale):
    for n in range(x.size):
        x[n] = acc[n] * scale + bias[n]


@inner
def _current(i, x, factor, rules):
    """The synaptic current, which becomes the input of the membrane."""
    high, correction, frac_bits = rules.synapse_high, rules.synapse_correction, rules.synapse_frac_bits
    saturations = 0
    for n in range(x.size):
        exact = decayed(i[n], factor[n], correction, frac_bits) + x[n]
        i[n] = x[n] = min(max(exact, ~high), high)
        saturations += x[n] != exact
    return saturations


@inner
def _binary(v, x, spikes, words, rules):
    """The membranes of neurons that fire once, or never."""
    high, correction, frac_bits = rules.state_high, rules.membrane_correction, rules.membrane_frac_bits
    at_least, fire_before = rules.at_least != 0, rules.fire_before != 0
    late_value, late_subtract = rules.late_value != 0, rules.late_subtract != 0
    value, subtract, two_stage = rules.value != 0, rules.subtract != 0, rules.two_stage != 0
    factor, leak, thresholds = words.membrane_factor, words.leak, words.threshold
    reset_value, v_min = words.reset_value, words.v_min
    saturations = 0
    for n in range(x.size):
        old, threshold = v[n], thresholds[n]
        v1 = decayed(old, factor[n], correction, frac_bits) + x[n] + leak[n]
        before = (old > threshold) | (at_least & (old == threshold))
        v1 = reset_value[n] if late_value & before else v1
        v1 = v1 - threshold if late_subtract & before else v1
        now = (v1 > threshold) | (at_least & (v1 == threshold))
        v1 = reset_value[n] if value & now else v1
        v1 = v1 + threshold if two_stage & before else v1
        v1 = v1 - threshold if (subtract | two_stage) & now else v1
        spikes[n] = before if fire_before else now
        v1 = max(v1, v_min[n])
        v[n] = min(max(v1, ~high), high)
        saturations += v[n] != v1
    return saturations


@inner
def _graded(v, x, spikes, words, rules):
    """The membranes of neurons that fire as often as they hold their threshold."""
    high, correction, frac_bits = rules.state_high, rules.membrane_correction, rules.membrane_frac_bits
    saturations = 0
    for n in range(x.size):
        threshold = words.threshold[n]
        v1 = decayed(v[n], words.membrane_factor[n], correction, frac_bits) + x[n] + words.leak[n]
        spikes[n] = 0
        if v1 >= threshold:
            count = min(v1 // threshold, rules.spike_max)
            v1 = v1 - count * threshold
            spikes[n] = count
        v1 = max(v1, words.v_min[n])
        v[n] = min(max(v1, ~high), high)
        saturations += v[n] != v1
    return saturations
