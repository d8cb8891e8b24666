"""What parameters of convolutions are refused, and in which words."""

import re

import pytest
from spikeloom.hw.conv_params import AxisParams, ConvParams, common_lanes
from spikeloom.hw.params import INPUT, AcceleratorParams, ArrayParams, CoreParams, LinkParams, NeuronParams


def conv(channels, filters, size=4, groups=1):
    axis = AxisParams(size=size, outputs=size, kernel=3, padding=1)
    return ConvParams(channels=channels, filters=filters, rows=axis, columns=axis, groups=groups)


def core(*geometries, lanes=2, source=INPUT, weight_bits=4):
    links = [LinkParams(source=source + k, channels=g.sources, conv=g) for k, g in enumerate(geometries)]
    targets = geometries[0].targets
    array = ArrayParams(
        sources=sum(link.channels for link in links),
        targets=targets,
        lanes=lanes,
        weight_bits=weight_bits,
        acc_bits=8,
    )
    neuron = NeuronParams(neurons=targets, acc_bits=8, state_bits=8, threshold=1)
    return CoreParams(name="map", array=array, neuron=neuron, update_lanes=1, links=tuple(links))


def refused(text, call):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        call()


def test_sizes():
    refused(
        "A link of 3 channels cannot be a convolution of 32 sources",
        lambda: LinkParams(source=INPUT, channels=3, conv=conv(2, 4)),
    )
    refused(
        "Core map: its convolutions must all end in one map of 64 neurons, not (8, 4, 4)",
        lambda: core(conv(2, 4), conv(2, 8)),
    )


def test_lanes():
    refused(
        "Core map: Lanes of a convolution must divide the 6 filters of a group"
        " or be whole groups of its 6 filters, not 4",
        lambda: core(conv(2, 6), lanes=4),
    )
    refused(
        "Core map: Lanes of a convolution must divide the 1 filters of a group, not 4",
        lambda: core(conv(4, 4, groups=4), lanes=4, weight_bits=1),
    )
    assert core(conv(4, 4, groups=4), lanes=4).rows == 4 * 9
    assert core(conv(2, 6), lanes=3).rows == 2 * 9 * 2
    assert common_lanes([conv(2, 48)], most=32, weight_bits=4) == 24
    assert common_lanes([conv(6, 6, groups=3)], most=32, weight_bits=4) == 6
    assert common_lanes([conv(6, 6, groups=3)], most=32, weight_bits=1) == 2


def test_maps_fit_each_other():
    first, second = core(conv(2, 4)), core(conv(4, 2), source=0)
    AcceleratorParams(cores=(first, second))
    refused(
        "Core map: its convolution of map takes a map of shape (16, 2, 2), not (4, 4, 4)",
        lambda: AcceleratorParams(cores=(first, core(conv(16, 2, size=2), source=0))),
    )
