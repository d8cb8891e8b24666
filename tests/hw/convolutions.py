"""Random convolutions, and the rows that an event must add, straight from the definition of its taps."""

from __future__ import annotations

from math import gcd

import numpy as np
from spikeloom.hw.conv_params import AxisParams, ConvParams

__all__ = ["conv_lanes", "event_rows", "random_axis", "random_conv", "unrolled"]


def random_axis(rng, size=None, outputs=None):
    """An axis of any geometry; outputs, where not given, that a whole kernel falls on, or one less."""
    size = size or rng.choice([1, rng.randint(2, 7), rng.randint(2, 12)])
    pool = rng.choice([1, 1, rng.randint(1, min(size, 3))])
    kernel, dilation = rng.randint(1, 4), rng.choice([1, 1, 2, 3])
    stride, padding = rng.choice([1, 1, 2, 3]), rng.choice([0, 0, 1, 2])
    reach = size // pool + 2 * padding - dilation * (kernel - 1) - 1
    if reach < 0:
        kernel, reach = 1, size // pool + 2 * padding - 1
    outputs = outputs or max(1, reach // stride + rng.choice([1, 1, 0]))
    return AxisParams(
        size=size,
        outputs=outputs,
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        pool=pool,
    )


def random_conv(rng, source_shape=None, target_shape=None, *, filters=None):
    """A convolution; shapes are (channels, rows, columns) of the maps on both sides."""
    channels, *source = source_shape or (rng.randint(1, 6), None, None)
    filters, *target = target_shape or (filters or rng.randint(1, 8), None, None)
    groups = rng.choice([1, 1, *(k for k in range(1, 9) if gcd(channels, filters) % k == 0)])
    if source_shape is None and rng.random() < 0.2:
        source[0] = 1  # one-dimensional
    rows, columns = (random_axis(rng, *pair) for pair in zip(source, target, strict=True))
    return ConvParams(channels=channels, filters=filters, rows=rows, columns=columns, groups=groups)


def conv_lanes(conv, weight_bits):
    """All numbers of lanes that a convolution can have."""
    found = []
    for lanes in range(1, conv.filters + 1):
        try:
            conv.check_lanes(lanes, weight_bits)
        except ValueError:
            continue
        found.append(lanes)
    return found


def event_rows(conv, lanes, index, *, channels_last):
    """(weight word, accumulator word) of every row of an event, in their order."""
    channels, rows, columns = conv.source_shape
    shape = (rows, columns, channels) if channels_last else (channels, rows, columns)
    place = np.unravel_index(index, shape)
    row, column, channel = (place[0], place[1], place[2]) if channels_last else (place[1], place[2], place[0])
    words = max(1, conv.filters // conv.groups // lanes)
    group = int(channel) // (conv.channels // conv.groups)
    first = group * (conv.filters // conv.groups) // lanes
    for y, ky in conv.rows.taps(int(row)):
        for x, kx in conv.columns.taps(int(column)):
            tap = (int(channel) * conv.rows.kernel + ky) * conv.columns.kernel + kx
            position = y * conv.columns.outputs + x
            for j in range(words):
                yield tap * words + j, position * (conv.filters // lanes) + first + j


def unrolled(conv, kernel):
    """Matrix (targets, sources) of a convolution, both in C order, tap by tap."""
    channels, rows, columns = conv.source_shape
    matrix = np.zeros((*conv.target_shape, *conv.source_shape), kernel.dtype)
    share, filters = channels // conv.groups, conv.filters // conv.groups
    for channel in range(channels):
        group, local = divmod(channel, share)
        mine = slice(group * filters, (group + 1) * filters)
        for row in range(rows):
            for y, ky in conv.rows.taps(row):
                for column in range(columns):
                    for x, kx in conv.columns.taps(column):
                        matrix[mine, y, x, channel, row, column] += kernel[mine, local, ky, kx]
    return matrix.reshape(conv.targets, conv.sources)
