"""The order in which hardware numbers neurons: channels-last in cores that a convolution feeds.

Everywhere else, and in all that a user sees, neurons are in C order of the population's shape.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..hw.params import (
    INPUT,
    AcceleratorParams,
    CoreParams,
    DecayParams,
    LinkParams,
    NeuronParams,
    PerNeuron,
)
from .ir import QuantisedNetwork

__all__ = [
    "in_hardware_order",
    "in_user_order",
    "matrix_order",
    "neuron_order",
    "output_order",
    "population_order",
]

FIELDS = ("threshold", "reset_value", "bias", "leak", "v_min")


def neuron_order(core: CoreParams) -> np.ndarray | None:
    """For each neuron of the hardware, its C-order index; None where both are the same."""
    return _map_order(core.map_shape)


def population_order(network: QuantisedNetwork, name: str) -> np.ndarray | None:
    """The same for a population of a network, before it is a core."""
    maps = [p.conv.target_shape for p in network.into(name) if p.conv is not None]
    return _map_order(maps[0] if maps else None)


def matrix_order(network: QuantisedNetwork, matrix: np.ndarray, target: str, link: LinkParams) -> np.ndarray:
    """(targets, sources) of a link in C order, in the order of the hardware on both sides."""
    targets = population_order(network, target)
    sources = None
    if link.source != INPUT:
        sources = population_order(network, network.populations[link.source].name)
    if targets is not None:
        matrix = matrix[targets]
    return matrix if sources is None else matrix[:, sources]


def _map_order(shape: tuple[int, int, int] | None) -> np.ndarray | None:
    if shape is None or shape[0] == 1 or shape[1] * shape[2] == 1:
        return None
    return np.arange(int(np.prod(shape))).reshape(shape).transpose(1, 2, 0).ravel()


def output_order(params: AcceleratorParams) -> np.ndarray | None:
    """For each index of the out stream, the index that a user sees; None where both are the same."""
    cores = [params.cores[output] for output in params.output_cores]
    orders = [neuron_order(core) for core in cores]
    if all(order is None for order in orders):
        return None
    first, parts = 0, []
    for core, order in zip(cores, orders, strict=True):
        count = core.neuron.neurons
        parts.append(first + (np.arange(count) if order is None else order))
        first += count
    return np.concatenate(parts)


def in_user_order(values: np.ndarray, order: np.ndarray | None) -> np.ndarray:
    """Values of hardware's neurons, last axis, in the order that a user sees."""
    if order is None:
        return values
    found = np.empty_like(values)
    found[..., order] = values
    return found


def in_hardware_order(neuron: NeuronParams, core: CoreParams | np.ndarray | None) -> NeuronParams:
    """Parameters with what differs between neurons in the order of `core` (or in the order given)."""
    order = neuron_order(core) if isinstance(core, CoreParams) else core
    if order is None:
        return neuron

    def ordered(values: PerNeuron | None) -> PerNeuron | None:
        return tuple(values[k] for k in order.tolist()) if isinstance(values, tuple) else values

    def decay(params: DecayParams | None) -> DecayParams | None:
        return None if params is None else replace(params, factor=ordered(params.factor))

    fields = {name: ordered(getattr(neuron, name)) for name in FIELDS}
    return replace(neuron, **fields, synapse=decay(neuron.synapse), membrane=decay(neuron.membrane))
