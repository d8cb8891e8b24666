"""The words of both streams of an accelerator for one sample, for its self-test."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...hw.params import AcceleratorParams, ReadoutKind, bits_for_unsigned
from ..neuron_order import output_order

__all__ = ["event_words", "output_words"]


def event_words(x: np.ndarray, *, value_bits: int = 0) -> Iterator[int]:
    """Words of the input stream for counts `x` (steps, channels): events in ascending order, then a tick.

    With `value_bits` a count is a value beside the index, without it that many events.
    """
    index_bits = bits_for_unsigned(x.shape[1] - 1)
    for step, counts in enumerate(x):
        if value_bits:
            channels = np.flatnonzero(counts)
            yield from (channels | counts[channels].astype(np.int64) << index_bits).tolist()
        else:
            yield from np.repeat(np.arange(len(counts)), counts).tolist()
        yield _tick(index_bits + value_bits, last=step == len(x) - 1)


def output_words(params: AcceleratorParams, output: np.ndarray) -> Iterator[int]:
    """Words of the output stream for what the output population did.

    Parameters
    ----------
    output : ndarray
        (steps, neurons) spikes, or membranes of a population that does not spike, in the user's order.
    """
    neurons = output.shape[1]
    index_bits = bits_for_unsigned(neurons - 1)
    order = output_order(params)
    output = (output if order is None else output[:, order]).astype(np.int64)
    if params.readout is ReadoutKind.SPIKES:
        yield from event_words(output)
    elif params.readout is ReadoutKind.MEMBRANE:
        bits = params.output_value_bits
        for step, membranes in enumerate(output):
            yield from _values(membranes, index_bits, bits)
            yield _tick(index_bits + bits, last=step == len(output) - 1)
    elif params.readout is ReadoutKind.COUNTS:
        yield from _values(_tally(params, output), index_bits, params.count_bits)
        yield _tick(index_bits + params.count_bits, last=True)
    else:
        yield int(np.argmax(_tally(params, output)))  # of equals, the lowest index
        yield _tick(index_bits, last=True)


def _tick(low_bits: int, *, last: bool) -> int:
    return (3 if last else 1) << low_bits


def _values(values: np.ndarray, index_bits: int, value_bits: int) -> Iterator[int]:
    for index, value in enumerate(values.tolist()):
        yield index | (value & ((1 << value_bits) - 1)) << index_bits


def _tally(params: AcceleratorParams, output: np.ndarray) -> np.ndarray:
    """Spike counts or sums of membranes, saturated at every step as the hardware does."""
    neuron, bits = params.cores[params.output_cores[0]].neuron, params.count_bits
    if neuron.spiking:
        low, high = 0, (1 << bits) - 1
    else:
        high = (1 << (neuron.state_bits + bits - 1)) - 1
        low = -high - 1
    total = np.zeros(output.shape[1], object)  # wider than 64 bits at the extremes
    for row in output:
        total = np.clip(total + row.astype(object), low, high)
    return total
