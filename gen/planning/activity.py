"""How busy a network is: events of every step, from which cycles follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...hw.params import INPUT, AcceleratorParams, LinkParams
from ..cycle_delays import delayed_counts
from ..cycle_ports import link_cycles
from ..neuron_order import neuron_order

__all__ = ["Activity", "array_cycles", "sent_tokens"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Activity:
    """Input events and spikes of some samples.

    Attributes
    ----------
    counts : ndarray
        (samples, steps, channels...), events (or values) of the input.
    spikes : sequence of ndarray
        For each population (samples, steps, neurons), spike counts; None for an analog one.
    source : str
        Where they come from, in words.
    """

    counts: np.ndarray
    spikes: Sequence[np.ndarray | None]
    source: str


def array_cycles(params: AcceleratorParams, number: int, activity: Activity) -> np.ndarray:
    """Cycles (samples, steps) that the array of core `number` is busy with events and the tick."""
    core = params.cores[number]
    shape = {"groups": core.array.groups, "lanes": core.array.lanes}
    samples, steps = activity.counts.shape[:2]
    busy = np.zeros((samples, steps), np.int64)
    for link, last in zip(params.links(number), params.channels_last(number), strict=True):
        cycles = link_cycles(link, **shape, channels_last=last)
        busy += _arriving(params, link, activity) @ cycles
    return busy + (core.array.groups if core.array.max_delay else 1)


def sent_tokens(params: AcceleratorParams, number: int, activity: Activity) -> np.ndarray:
    """Tokens (samples, steps) that core `number` sends."""
    spikes = activity.spikes[number]
    samples, steps = activity.counts.shape[:2]
    if spikes is None:
        return np.full((samples, steps), params.cores[number].neuron.neurons + 1)
    return spikes.reshape(samples, steps, -1).sum(axis=2, dtype=np.int64) + 1


def _arriving(params: AcceleratorParams, link: LinkParams, activity: Activity) -> np.ndarray:
    """Events (samples, steps, channels) of a link, in the steps in which its core takes them."""
    samples, steps = activity.counts.shape[:2]
    if link.source == INPUT:
        counts = activity.counts.reshape(samples, steps, -1)[:, :, link.first : link.first + link.channels]
        if params.input_value_bits:
            counts = counts > 0
    else:
        spikes = activity.spikes[link.source]
        assert spikes is not None  # an analog core feeds nothing
        counts = spikes.reshape(samples, steps, -1)
        order = neuron_order(params.cores[link.source])
        counts = counts if order is None else counts[:, :, order]
    counts = counts.astype(np.int64)
    if link.delay_steps or link.recurrent:
        delays = link.delay_steps or (0,) * link.channels
        counts = delayed_counts(counts, delays, recurrent=link.recurrent)
    return counts
