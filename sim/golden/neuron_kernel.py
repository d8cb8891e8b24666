"""One step of one population, as docs/number-contract.md says it, neuron by neuron.

The source is what the contract says; compiled, it runs on int32 or int64, whichever holds every value of a
step (`arrays`). Formats that need more run the same source as plain Python, on arrays of Python's integers.
What is kept on disk is compiled again when this file changes: all that it depends on, its tuples too, is in
here.

A step is a few passes over a block of neurons: a loop that does one thing becomes vector instructions, and
what a population has no use for is left out. Numba computes in 64 bits, so `kind` cuts values back to the
type of the states before they are compared or shifted; LLVM then computes in that type alone, as it sees that
shifts are below 32.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .compiled import compiled, inner

__all__ = ["Rules", "Words", "advance", "decayed"]

_BLOCK = 1024  # neurons whose words and states stay in the first cache while the steps go by
_SHIFT = 31  # no format has more than 16 fraction bits


class Words(NamedTuple):
    """What may differ between neurons: arrays (period,), of neurons that repeat after `period`.

    Their order is the one in which `neuron_arrays` lays them out.
    """

    bias: np.ndarray
    leak: np.ndarray
    threshold: np.ndarray
    limit: np.ndarray  # the largest membrane that does not fire
    reset_value: np.ndarray
    v_min: np.ndarray
    synapse_factor: np.ndarray
    membrane_factor: np.ndarray


class Rules(NamedTuple):
    """What all neurons share, integers; those without a unit are 0 or 1.

    A correction is what is added to a negative product before its fraction bits are dropped. The resets
    are the ones of the contract; `late_subtract` and `subtract` also stand for the two stages of one.
    """

    frac_bits: int
    synapse_frac_bits: int
    synapse_correction: int
    synapse_high: int  # largest current
    membrane_frac_bits: int
    membrane_correction: int
    state_high: int  # largest membrane
    spike_max: int
    has_current: int
    spiking: int
    looks_back: int  # the membrane of the step before decides about something
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
    before = np.empty(x.size, np.uint8)
    saturations = 0
    for first_word in range(0, period, _BLOCK):
        last_word = min(first_word + _BLOCK, period)
        own = _cut(words, first_word, last_word)
        for first in range(first_word, neurons, period):
            here = slice(first, first + last_word - first_word)
            state, current = v[here], i[here]
            row, late = x[: state.size], before[: state.size]
            for step in range(steps):
                _synaptic_input(row, acc[step, here], own.bias, rules)
                if rules.has_current:
                    saturations += _current(current, row, own.synapse_factor, rules)
                _integrate(row, state, own.membrane_factor, own.leak, rules)
                if rules.spike_max > 1:
                    _fire_graded(row, spikes[step, here], own.threshold, rules)
                elif rules.spiking:
                    _fire(row, state, spikes[step, here], late, own, rules)
                saturations += _settle(state, row, own.v_min, rules)
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
        words.limit[first:last],
        words.reset_value[first:last],
        words.v_min[first:last],
        words.synapse_factor[first:last],
        words.membrane_factor[first:last],
    )


@inner
def decayed(kind, x, factor, correction, frac_bits):
    """``round(x * factor / 2**frac_bits)``: a shift alone rounds down, with the correction toward zero."""
    product = kind(x * factor)
    return kind(product + (correction if product < 0 else 0)) >> (frac_bits & _SHIFT)


@inner
def _synaptic_input(x, acc, bias, rules):
    shift = rules.frac_bits & _SHIFT
    for n in range(x.size):
        x[n] = (acc[n] << shift) + bias[n]


@inner
def _current(i, x, factor, rules):
    """The synaptic current, which becomes the input of the membrane; return how many were saturated."""
    kind = x.dtype.type
    high, low = kind(rules.synapse_high), kind(~rules.synapse_high)
    correction, frac_bits = kind(rules.synapse_correction), rules.synapse_frac_bits
    saturations = kind(0)
    for n in range(x.size):
        exact = kind(decayed(kind, i[n], factor[n], correction, frac_bits) + x[n])
        kept = min(max(exact, low), high)
        i[n] = x[n] = kept
        saturations = kind(saturations + kind(kept != exact))
    return saturations


@inner
def _integrate(x, v, factor, leak, rules):
    """The membrane before anything fires, in place of its input."""
    kind = x.dtype.type
    correction, frac_bits = kind(rules.membrane_correction), rules.membrane_frac_bits
    for n in range(x.size):
        x[n] = decayed(kind, v[n], factor[n], correction, frac_bits) + x[n] + leak[n]


@inner
def _fire(x, v, fired, before, words, rules):
    """Spikes and resets of neurons that fire once: `v` is the membrane of the step before."""
    if rules.looks_back:
        _compare(before, v, words.limit)
        if rules.late_value:
            _put(x, before, words.reset_value)
        if rules.late_subtract:
            _add(x, before, words.threshold, -1)
    _compare(fired, x, words.limit)
    if rules.value:
        _put(x, fired, words.reset_value)
    if rules.subtract:
        _add(x, fired, words.threshold, -1)
    if rules.two_stage:
        _add(x, before, words.threshold, 1)
    if rules.fire_before:
        fired[:] = before


@inner
def _compare(fired, x, limit):
    for n in range(x.size):
        fired[n] = x[n] > limit[n]


@inner
def _put(x, fired, value):
    for n in range(x.size):
        old, new = x[n], value[n]  # both are read in any case, which keeps branches out of the loop
        x[n] = new if fired[n] != 0 else old


@inner
def _add(x, fired, value, sign):
    kind = x.dtype.type
    for n in range(x.size):
        old = x[n]
        new = kind(old + sign * value[n])
        x[n] = new if fired[n] != 0 else old


@inner
def _fire_graded(x, fired, thresholds, rules):
    """Spikes and resets of neurons that fire as often as they hold their threshold."""
    for n in range(x.size):
        exact, threshold = x[n], thresholds[n]
        fired[n] = 0
        if exact >= threshold:
            count = min(exact // threshold, rules.spike_max)
            x[n] = exact - count * threshold
            fired[n] = count


@inner
def _settle(v, x, v_min, rules):
    """The membrane after the step; return how many were saturated."""
    kind = x.dtype.type
    high, low = kind(rules.state_high), kind(~rules.state_high)
    saturations = kind(0)
    for n in range(x.size):
        exact = max(x[n], v_min[n])
        kept = min(max(exact, low), high)
        v[n] = kept
        saturations = kind(saturations + kind(kept != exact))
    return saturations
