"""Synaptic input from the events alone: the weights of every spike are added where it arrives.

Spikes come as bytes in which those of one step and sample follow each other, `stride` says how far apart
those of two steps and of two samples are. Most of them are 0: words of eight are looked at first.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

import numpy as np

from .compiled import compiled, inner

__all__ = ["Axis", "add_convolution", "add_matrix"]

_BYTE = np.uint64(0xFF)
_EIGHT = np.uint64(8)
_ONES = np.uint64(0x0101010101010101)  # the lowest bit of each byte
_FIRST = np.uint64(0 if sys.byteorder == "little" else 7)  # where in memory the lowest byte of a word is


class Axis(NamedTuple):
    """The taps of an axis of a convolution."""

    size: int  # coordinates of the source
    outputs: int
    first: np.ndarray  # (size + 1,): the taps of coordinate k are those from first[k] to first[k + 1]
    output: np.ndarray  # (taps,)
    index: np.ndarray  # (taps,), of the kernel


@compiled
def add_matrix(acc, spikes, stride, weight):
    """Add a matrix's part of the synaptic input.

    Parameters
    ----------
    acc : ndarray of int32 or int64
        (steps, samples, targets), added to; it must hold every partial sum.
    spikes : ndarray of uint8
        (bytes,), of which the first is that of the first source, step and sample.
    stride : tuple of int
        Bytes from a step to the next, and from a sample to the next.
    weight : ndarray of int16 or int32
        (sources, targets).
    """
    steps, samples, _ = acc.shape
    room = _room(len(weight))
    for step in range(steps):
        for sample in range(samples):
            start = step * stride[0] + sample * stride[1]
            events = _find(spikes[start : start + len(weight)], room)
            _add_rows(acc[step, sample], weight, room, events)


@compiled
def add_convolution(acc, spikes, stride, kernel, rows, columns, channels):
    """Add a convolution's part of the synaptic input.

    Parameters
    ----------
    acc, spikes, stride
        As in `add_matrix`.
    kernel : ndarray of int16 or int32
        (channels, kernel rows, kernel columns, filters of a group).
    rows, columns : Axis
    channels : int
        Of a group.
    """
    steps, samples, targets = acc.shape
    filters, sources = kernel.shape[3], len(kernel) * rows.size * columns.size
    room = _room(sources)
    total = np.empty((targets // filters, filters), acc.dtype)  # filters last: their weights lie together
    for step in range(steps):
        for sample in range(samples):
            start = step * stride[0] + sample * stride[1]
            events = _find(spikes[start : start + sources], room)
            if events:
                total[:] = 0
                _add_taps(total, kernel, room, events, rows, columns, channels)
                _add_maps(acc[step, sample], total, rows.outputs * columns.outputs)


class _Room(NamedTuple):
    """Where the events of a row are looked for."""

    counts: np.ndarray  # a copy of the row, padded to whole words
    words: np.ndarray  # the same bytes, eight a word
    filled: np.ndarray  # words that are not 0
    found: np.ndarray  # sources that are not 0


@inner
def _room(sources):
    words = np.zeros((sources + 7) // 8, np.uint64)
    counts = words.view(np.uint8)
    return _Room(counts, words, np.empty(words.size, np.uint32), np.empty(counts.size, np.uint32))


@inner
def _find(row, room):
    """Put the counts of a row and the sources of its events into the room; return the number of sources."""
    counts, words, filled, found = room.counts, room.words, room.filled, room.found
    for k in range(row.size):
        counts[k] = row[k]
    some = 0
    for k in range(words.size):
        filled[some] = k
        some += words[k] != 0
    events = 0
    for k in range(some):
        number = filled[k]
        word = words[number]
        while word:
            below = (word & (~word + np.uint64(1))) - np.uint64(1)  # the bits below the lowest that is set
            byte = (((below >> np.uint64(7)) & _ONES) * _ONES) >> np.uint64(56)
            found[events] = np.uint64(number) * _EIGHT + (byte ^ _FIRST)
            events += 1
            word &= ~(_BYTE << (byte * _EIGHT))
    return events


@inner
def _add_rows(total, weight, room, events):
    """Add the rows of all events, four at a time: what they are added to is loaded and stored once."""
    counts, found = room.counts, room.found
    whole = events // 4 * 4
    for k in range(0, whole, 4):
        a, b, c, d = found[k], found[k + 1], found[k + 2], found[k + 3]
        na, nb, nc, nd = counts[a], counts[b], counts[c], counts[d]
        for t in range(total.size):
            total[t] += na * weight[a, t] + nb * weight[b, t] + nc * weight[c, t] + nd * weight[d, t]
    for k in range(whole, events):
        a = found[k]
        na = counts[a]
        for t in range(total.size):
            total[t] += na * weight[a, t]


@inner
def _add_taps(total, kernel, room, events, rows, columns, channels):
    """Add to the targets that the events touch the weights with which they do."""
    for k in range(events):
        source = np.int64(room.found[k])
        count = room.counts[source]
        line, column = source // columns.size, source % columns.size
        channel, row = line // rows.size, line % rows.size
        base = channel // channels * rows.outputs * columns.outputs
        for r in range(rows.first[row], rows.first[row + 1]):
            line, kernel_row = base + rows.output[r] * columns.outputs, rows.index[r]
            for c in range(columns.first[column], columns.first[column + 1]):
                target, kernel_column = line + columns.output[c], columns.index[c]
                for f in range(total.shape[1]):
                    total[target, f] += count * kernel[channel, kernel_row, kernel_column, f]


@inner
def _add_maps(acc, total, positions):
    """Add sums with the filters of a group last to those with the positions last."""
    filters = total.shape[1]
    for group in range(len(total) // positions):
        for k in range(filters):
            first = (group * filters + k) * positions
            part = acc[first : first + positions]
            for position in range(positions):
                part[position] += total[group * positions + position, k]
