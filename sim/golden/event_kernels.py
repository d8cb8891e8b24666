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

_LITTLE = sys.byteorder == "little"
_GATHER = np.uint64(0x0102040810204080 if _LITTLE else 0x8040201008040201)
"""Times a word of bytes that are 0 or 1: its highest byte has bit k where byte k in memory is 1."""
_HIGHEST = np.uint64(56)
_PLACES = np.asarray([sorted(range(8), key=lambda k: not byte >> k & 1) for byte in range(256)], np.uint32)
"""Of a byte, the bits that are set, in their order, and then the others."""
_NUMBER = np.asarray([byte.bit_count() for byte in range(256)], np.uint8)


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
    acc : ndarray of int16, int32 or int64
        (steps, samples, targets), added to; it must hold every partial sum.
    spikes : ndarray of uint8
        (bytes,), of which the first is that of the first source, step and sample.
    stride : tuple of int
        Bytes from a step to the next, and from a sample to the next.
    weight : ndarray of int8, int16 or int32
        (sources, targets).
    """
    steps, samples, _ = acc.shape
    room = _room(len(weight))
    # the steps of a sample lie together where it matters, in the input
    for sample in range(samples):
        for step in range(steps):
            start = step * stride[0] + sample * stride[1]
            counts = spikes[start : start + len(weight)]
            events, most = _find(counts, room)
            if most <= 1:
                _add_rows(acc[step, sample], weight, None, room.found, events)
            else:
                _add_rows(acc[step, sample], weight, counts, room.found, events)


@compiled
def add_convolution(acc, spikes, stride, kernel, rows, columns, channels):
    """Add a convolution's part of the synaptic input.

    Parameters
    ----------
    acc, spikes, stride
        As in `add_matrix`.
    kernel : ndarray of int8, int16 or int32
        (channels, kernel rows, kernel columns, filters of a group).
    rows, columns : Axis
    channels : int
        Of a group.
    """
    steps, samples, targets = acc.shape
    filters, sources = kernel.shape[3], len(kernel) * rows.size * columns.size
    room = _room(sources)
    total = np.empty((targets // filters, filters), acc.dtype)  # filters last: their weights lie together
    for sample in range(samples):
        for step in range(steps):
            start = step * stride[0] + sample * stride[1]
            counts = spikes[start : start + sources]
            events, _ = _find(counts, room)
            if events:
                total[:] = 0
                _add_taps(total, kernel, counts, room.found, events, rows, columns, channels)
                _add_maps(acc[step, sample], total, rows.outputs * columns.outputs)


class _Room(NamedTuple):
    """Where the events of a row are looked for."""

    flags: np.ndarray  # 1 where the row is not 0, padded to whole words
    words: np.ndarray  # the same bytes, eight a word
    filled: np.ndarray  # words that are not 0
    found: np.ndarray  # sources that are not 0, and room for what is written behind them


@inner
def _room(sources):
    words = np.zeros((sources + 7) // 8, np.uint64)
    flags = words.view(np.uint8)
    return _Room(flags, words, np.empty(words.size, np.uint32), np.empty(flags.size + 8, np.uint32))


@inner
def _find(row, room):
    """Put the sources of a row's events into the room; return their number and the largest count."""
    flags, words, filled, found = room.flags, room.words, room.filled, room.found
    most = np.uint8(0)
    for k in range(row.size):
        flags[k] = row[k] != 0
        most = max(most, row[k])
    some = 0
    for k in range(words.size):
        filled[some] = k
        some += words[k] != 0
    events = 0
    for k in range(some):
        number = filled[k]
        byte = (words[number] * _GATHER) >> _HIGHEST
        for place in range(4):
            found[events + place] = 8 * number + _PLACES[byte, place]
        if _NUMBER[byte] > 4:  # seldom: a branch that is foreseen
            for place in range(4, 8):
                found[events + place] = 8 * number + _PLACES[byte, place]
        events += _NUMBER[byte]
    return events, most


@inner
def _add_rows(total, weight, counts, found, events):
    """Add the rows of all events, four at a time: what they are added to is loaded and stored once.

    `counts` None: every event counts once, which leaves the products out.
    """
    whole = events // 4 * 4
    for k in range(0, whole, 4):
        a, b, c, d = found[k], found[k + 1], found[k + 2], found[k + 3]
        na, nb, nc, nd = _count(counts, a), _count(counts, b), _count(counts, c), _count(counts, d)
        for t in range(total.size):
            total[t] += na * weight[a, t] + nb * weight[b, t] + nc * weight[c, t] + nd * weight[d, t]
    for k in range(whole, events):
        a = found[k]
        na = _count(counts, a)
        for t in range(total.size):
            total[t] += na * weight[a, t]


@inner
def _count(counts, source):
    return 1 if counts is None else counts[source]


@inner
def _add_taps(total, kernel, counts, found, events, rows, columns, channels):
    """Add to the targets that the events touch the weights with which they do."""
    for k in range(events):
        source = np.int64(found[k])
        count = counts[source]
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
