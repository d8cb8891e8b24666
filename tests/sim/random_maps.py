"""Random networks of maps: convolutions behind each other, skips, recurrent ones, matrices between them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from spikeloom.gen.ir import Input, QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from spikeloom.hw.params import ReadoutKind, bits_for_signed

from ..hw.convolutions import random_conv, unrolled
from ..hw.randoms import random_neuron

__all__ = ["MapNetwork", "random_maps"]


@dataclass(frozen=True)
class MapNetwork:
    """A network, the readout that it can have, and the most events of an input channel in a step."""

    network: QuantisedNetwork
    readout: ReadoutKind


def random_shape(rng):
    return (rng.choice([1, 2, 3, 4, 6, 8]), rng.choice([1, rng.randint(1, 5)]), rng.randint(1, 5))


def random_maps(rng, *, readout, input_max=2, most=4):
    """One to `most` populations; the last is the output."""
    shapes = {"input": random_shape(rng)}
    count = rng.randint(1, most)
    names = [f"map{k}" for k in range(count)]
    analog = readout is ReadoutKind.MEMBRANE or (readout is ReadoutKind.CLASS and rng.random() < 0.5)
    silent = names[-1:] if readout is not ReadoutKind.SPIKES else []
    projections, populations = [], []
    for name in names:
        earlier = list(shapes)
        shapes[name] = random_shape(rng) if rng.random() < 0.8 else (rng.randint(1, 10), 1, 1)
        bits = rng.randint(1, 6)
        into = [_projection(rng, shapes, rng.choice(earlier[-2:]), name, bits)]
        for source in earlier[1:]:
            if source != into[0].source and rng.random() < 0.3:
                into.append(_projection(rng, shapes, source, name, bits))
        if name not in silent and rng.random() < 0.4:
            into.append(_projection(rng, shapes, name, name, bits, recurrent=True))
        low, high = _range(into, input_max)
        spiking = not (analog and name == names[-1])
        size = int(np.prod(shapes[name]))
        neuron = random_neuron(rng, size, acc_bits=bits_for_signed(low, high), spiking=spiking)
        if rng.random() < 0.5:
            neuron = per_filter(neuron, shapes[name][0])
        populations.append(
            QuantisedPopulation(
                name=name,
                kind="LIF" if spiking else "LI",
                shape=shapes[name],
                neuron=neuron,
                weight_bits=bits,
                scale=np.ones(size),
                offset=np.zeros(size),
            )
        )
        projections += into
    network = QuantisedNetwork(
        name="maps",
        inputs=(Input(name="input", shape=shapes["input"]),),
        populations=tuple(populations),
        projections=tuple(projections),
        outputs=(names[-1],),
        input_max=input_max,
    )
    return MapNetwork(network, readout)


def _projection(rng, shapes, source, target, bits, *, recurrent=False):
    """A convolution, or now and then a matrix."""
    conv = random_conv(rng, shapes[source], shapes[target]) if rng.random() < 0.75 else None
    sizes = (int(np.prod(shapes[target])), int(np.prod(shapes[source])))
    shape = sizes if conv is None else conv.kernel_shape
    draw = np.random.default_rng(rng.getrandbits(32))
    if bits == 1:
        weight = draw.choice([-1, 1], size=shape)
    else:
        weight = draw.integers(-(1 << (bits - 1)), 1 << (bits - 1), size=shape)
    return QuantisedProjection(
        name=f"{source}->{target}{'_again' if recurrent else ''}",
        source=source,
        target=target,
        weight=weight.astype(np.int32),
        recurrent=recurrent,
        conv=conv,
    )


def matrix(projection):
    """Weights as (targets, sources)."""
    return projection.weight if projection.conv is None else unrolled(projection.conv, projection.weight)


def _range(into, input_max):
    low = high = 0
    for projection in into:
        most = input_max if projection.source == "input" else 1
        weight = matrix(projection).astype(np.int64)
        low = low + np.minimum(weight, 0).sum(axis=1) * most
        high = high + np.maximum(weight, 0).sum(axis=1) * most
    return int(np.min(low)), int(np.max(high))


def per_filter(neuron, filters):
    """The same parameters all over a filter's map, as training gives them."""
    positions = neuron.neurons // filters

    def spread(value):
        if not isinstance(value, tuple):
            return value
        return tuple(value[index // positions * positions] for index in range(neuron.neurons))

    def decay(params):
        return None if params is None else replace(params, factor=spread(params.factor))

    words = {
        name: spread(getattr(neuron, name)) for name in ("threshold", "reset_value", "bias", "leak", "v_min")
    }
    return replace(neuron, **words, synapse=decay(neuron.synapse), membrane=decay(neuron.membrane))
