"""Channels-last in hardware, C order for the user: both ways, and in every parameter."""

import numpy as np
from spikeloom.gen.neuron_order import in_hardware_order, in_user_order, neuron_order, output_order
from spikeloom.hw.conv_params import AxisParams, ConvParams
from spikeloom.hw.params import (
    INPUT,
    AcceleratorParams,
    ArrayParams,
    CoreParams,
    DecayParams,
    LinkParams,
    NeuronParams,
    Reset,
)


def core(*, filters=3, rows=2, columns=4, conv=True, source=INPUT):
    axes = (AxisParams(size=4, outputs=n, kernel=1) for n in (rows, columns))
    geometry = ConvParams(channels=2, filters=filters, rows=next(axes), columns=next(axes))
    neurons = geometry.targets
    neuron = NeuronParams(
        neurons=neurons,
        acc_bits=6,
        state_bits=12,
        membrane=DecayParams(factor=tuple(range(neurons))),
        threshold=tuple(range(1, neurons + 1)),
        reset=Reset.VALUE,
        reset_value=5,
    )
    return CoreParams(
        name="map",
        array=ArrayParams(sources=32, targets=neurons, lanes=1, weight_bits=4, acc_bits=6),
        neuron=neuron,
        update_lanes=1,
        links=(LinkParams(source=source, channels=32, conv=geometry if conv else None),),
    )


def test_a_map_is_channels_last():
    params = core()
    order = neuron_order(params)
    assert order is not None
    index = np.arange(24).reshape(3, 2, 4)
    for place, user in enumerate(order):
        position, filter = divmod(place, 3)
        assert index[(filter, *divmod(position, 4))] == user
    values = np.random.default_rng(0).integers(0, 99, (2, 24))
    np.testing.assert_array_equal(in_user_order(values[:, order], order), values)
    ordered = in_hardware_order(params.neuron, params)
    assert ordered.threshold == tuple(int(k) + 1 for k in order)
    assert ordered.membrane is not None
    assert ordered.membrane.factor == tuple(order.tolist())
    assert (ordered.reset_value, ordered.synapse) == (5, None)


def test_no_permutation_where_both_orders_are_the_same():
    for params in (core(conv=False), core(filters=1), core(rows=1, columns=1)):
        assert neuron_order(params) is None
        assert in_hardware_order(params.neuron, params) is params.neuron
        assert output_order(AcceleratorParams(cores=(params,))) is None


def test_outputs_follow_each_other():
    cores = (core(), core(conv=False))
    order, map_order = output_order(AcceleratorParams(cores=cores, outputs=(1, 0))), neuron_order(cores[0])
    assert order is not None
    assert map_order is not None
    np.testing.assert_array_equal(order, [*range(24), *(24 + map_order)])
