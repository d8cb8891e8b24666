"""What the projections of a network do to event counts, synapse by synapse, by the words of `gen.ir`."""

from __future__ import annotations

import numpy as np


def matrix_of(projection):
    """(targets, sources) of a projection; a convolution by the taps of its geometry."""
    conv = projection.conv
    if conv is None:
        return projection.weight
    assert projection.weight.shape == conv.kernel_shape
    weight = np.zeros((*conv.target_shape, *conv.source_shape))
    per_group, filters = conv.channels // conv.groups, conv.filters // conv.groups
    for channel, row, column in np.ndindex(conv.source_shape):
        group = channel // per_group
        of_group = slice(group * filters, (group + 1) * filters)
        for to_row, kernel_row in conv.rows.taps(row):
            for to_column, kernel_column in conv.columns.taps(column):
                weight[of_group, to_row, to_column, channel, row, column] += projection.weight[
                    of_group, channel % per_group, kernel_row, kernel_column
                ]
    return weight.reshape(conv.targets, conv.sources)


def drive(network, name, sent):
    """Input of population `name` with its bias, (steps, size), from what its sources send, (steps, size)."""
    population = next(p for p in network.populations if p.name == name)
    steps = len(next(iter(sent.values())))
    result = np.zeros((steps, population.size)) + population.bias
    for projection in network.into(name):
        weight, spikes = matrix_of(projection), sent[projection.source].reshape(steps, -1)
        delays = np.zeros(1, int) if projection.delay_steps is None else projection.delay_steps
        delays = np.broadcast_to(delays, weight.shape) + projection.recurrent
        for delay in np.unique(delays):
            late = np.zeros(spikes.shape)
            late[delay:] = spikes[: steps - delay]
            result += late @ np.where(delays == delay, weight, 0).T
    return result
