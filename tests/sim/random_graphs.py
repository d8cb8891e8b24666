"""Random integer networks of every kind of connection, and lanes for them: what the compiler may ever get."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from math import gcd

import numpy as np
from spikeloom.gen.ir import Input, QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from spikeloom.hw.conv_params import AxisParams, ConvParams
from spikeloom.hw.params import ReadoutKind, bits_for_signed
from spikeloom.sim.golden.model import accumulator_range

from ..hw.randoms import random_neuron

__all__ = ["Features", "lanes_of", "random_network"]

_MOST_NEURONS = 16  # of a map


@dataclass(frozen=True)
class Features:
    """What may occur."""

    conv: bool = True
    delays: bool = True
    graded: bool = True


class _Draw:
    """One network in the making."""

    def __init__(self, rng: random.Random, features: Features, readout: ReadoutKind, count: int) -> None:
        self.rng, self.features, self.readout, self.count = rng, features, readout, count
        self.inputs = tuple(
            Input(name=f"input{k}", shape=self.input_shape()) for k in range(rng.choice([1, 1, 2]))
        )
        self.shapes = {item.name: item.shape for item in self.inputs}
        self.populations: list[QuantisedPopulation] = []
        self.projections: list[QuantisedProjection] = []
        self.maps: set[str] = set()  # populations that a convolution ends in
        self.outputs = self.draw_outputs()
        self.silent = () if readout is ReadoutKind.SPIKES else self.outputs
        self.analog = readout is ReadoutKind.MEMBRANE or (readout is ReadoutKind.CLASS and rng.random() < 0.5)

    def input_shape(self) -> tuple[int, ...]:
        rng = self.rng
        if self.features.conv and rng.random() < 0.6:
            return rng.randint(1, 3), rng.choice([1, 2, 3, 4]), rng.randint(1, 5)
        return (rng.randint(1, 9),)

    def draw_outputs(self) -> tuple[str, ...]:
        rng, names = self.rng, [f"pop{k}" for k in range(self.count)]
        if self.readout in (ReadoutKind.COUNTS, ReadoutKind.CLASS):
            return (names[-1],)
        return tuple(rng.sample(names, rng.choice([1, rng.randint(1, self.count)])))

    def speaking(self) -> list[str]:
        """Inputs and populations, so far, that may feed others."""
        return [name for name in self.shapes if name not in self.silent]

    def population(self, number: int) -> None:
        """Add a population with all that feeds it from before, then perhaps its recurrence."""
        name, rng = f"pop{number}", self.rng
        first = rng.choice(self.speaking())
        # one bit has no zero for an input in between
        bits = rng.randint(1 if len(self.inputs) == 1 else 2, 6)
        conv = self.convolution(self.shapes[first])
        shape = (rng.randint(1, 10),)
        if conv is not None:
            shape = conv.target_shape if conv.positions > 1 or rng.random() < 0.5 else (conv.filters,)
        size = int(np.prod(shape))
        self.connect(first, name, size, bits, conv=conv, delayed=rng.random() < 0.3)
        while rng.random() < 0.2:  # branches that do not fold into one
            again = None if conv is None or rng.random() < 0.3 else self.another(conv)
            self.connect(first, name, size, bits, conv=again, delayed=rng.random() < 0.5)
        for source in self.speaking():
            if source != first and rng.random() < 0.35:
                self.connect(source, name, size, bits, delayed=rng.random() < 0.3)
        self.shapes[name] = shape
        self.populations.append(self.neurons(name, size, shape, bits))

    def convolution(self, shape: tuple[int, ...]) -> ConvParams | None:
        """Draw a geometry that a source of this shape can have, or none."""
        rng = self.rng
        if len(shape) != 3 or rng.random() < 0.25:
            return None
        rows, columns = self.axis(shape[1]), self.axis(shape[2])
        groups = rng.choice([g for g in range(1, shape[0] + 1) if shape[0] % g == 0])
        filters = groups * rng.randint(1, max(1, 4 // groups))
        conv = ConvParams(channels=shape[0], filters=filters, rows=rows, columns=columns, groups=groups)
        return conv if conv.targets <= _MOST_NEURONS else None

    def another(self, conv: ConvParams) -> ConvParams:
        """Draw a convolution between the same maps: any taps that its outputs may have."""
        rng = self.rng

        def axis(axis: AxisParams) -> AxisParams:
            return replace(
                axis, kernel=rng.randint(1, 3), padding=rng.randint(0, 2), dilation=rng.randint(1, 2)
            )

        groups = rng.choice(
            [g for g in range(1, conv.channels + 1) if gcd(conv.channels, conv.filters) % g == 0]
        )
        return replace(conv, rows=axis(conv.rows), columns=axis(conv.columns), groups=groups)

    def axis(self, size: int) -> AxisParams:
        rng = self.rng
        pool = rng.choice([1, 1, *range(1, min(size, 3) + 1)])
        pooled = size // pool
        if rng.random() < 0.2:  # what a matrix behind a flattened map is
            return AxisParams(size=size, outputs=1, kernel=pooled, pool=pool)
        kernel, stride, dilation = rng.randint(1, 3), rng.randint(1, 3), rng.choice([1, 1, 2])
        padding, after = rng.randint(0, kernel), rng.randint(0, kernel)
        outputs = (pooled + padding + after - dilation * (kernel - 1) - 1) // stride + 1
        return AxisParams(
            size=size,
            outputs=max(1, outputs),
            kernel=kernel,
            stride=stride,
            padding=padding,
            dilation=dilation,
            pool=pool,
        )

    def connect(
        self,
        source: str,
        target: str,
        size: int,
        bits: int,
        *,
        conv: ConvParams | None = None,
        recurrent: bool = False,
        delayed: bool = False,
    ) -> None:
        sources = int(np.prod(self.shapes[source]))
        shape = (size, sources) if conv is None else conv.kernel_shape
        if conv is not None:
            self.maps.add(target)
        delayed = delayed and self.features.delays
        steps = (
            self.delays(size, sources, single=conv is not None or (bits == 1 and target in self.maps))
            if delayed
            else None
        )
        self.projections.append(
            QuantisedProjection(
                name=f"{source}->{target}.{len(self.projections)}",
                source=source,
                target=target,
                weight=self.weights(shape, bits),
                recurrent=recurrent,
                conv=conv,
                delay_steps=steps,
            )
        )

    def weights(self, shape: tuple[int, ...], bits: int) -> np.ndarray:
        source = np.random.default_rng(self.rng.getrandbits(32))
        if bits == 1:
            return source.choice(np.array([-1, 1], np.int32), size=shape)
        limit = 1 << (bits - 1)
        weight = source.integers(-limit, limit, size=shape, dtype=np.int32)
        keep = self.rng.choice([1.0, 1.0, 0.2])  # pruned
        return weight * (source.random(shape) < keep).astype(np.int32)

    def delays(self, targets: int, sources: int, *, single: bool) -> np.ndarray:
        """Delays of the sources, or unless `single` of the synapses (of a matrix)."""
        source, longest = np.random.default_rng(self.rng.getrandbits(32)), self.rng.choice([0, 1, 2, 5, 20])
        shapes = [(sources,)] if single else [(sources,), (targets, sources)]
        return source.integers(0, longest + 1, size=self.rng.choice(shapes), dtype=np.int64)

    def neurons(self, name: str, size: int, shape: tuple[int, ...], bits: int) -> QuantisedPopulation:
        rng = self.rng
        spiking = not (self.analog and name in self.silent)
        spike_bits = rng.randint(2, 4) if self.features.graded and rng.random() < 0.3 else 1
        neuron = random_neuron(rng, size, acc_bits=48, spiking=spiking, spike_bits=spike_bits)
        return QuantisedPopulation(
            name=name,
            kind="LIF" if spiking else "LI",
            shape=shape,
            neuron=neuron,
            weight_bits=bits,
            scale=np.ones(size),
            offset=np.zeros(size),
        )

    def recurrence(self) -> None:
        """Links back to populations from themselves and later ones."""
        rng = self.rng
        for number, population in enumerate(self.populations):
            for source in self.populations[max(0, number - 1) :]:
                if source.name in self.silent or rng.random() > 0.25:
                    continue
                conv = self.same_map(source.shape) if source is population else None
                self.connect(
                    source.name,
                    population.name,
                    population.size,
                    population.weight_bits,
                    conv=conv,
                    recurrent=True,
                    delayed=rng.random() < 0.4,
                )

    def same_map(self, shape: tuple[int, ...]) -> ConvParams | None:
        if len(shape) != 3 or self.rng.random() < 0.4:
            return None
        rows, columns = (
            AxisParams(size=size, outputs=size, kernel=3, padding=1, dilation=1) for size in shape[1:]
        )
        groups = self.rng.choice([1, shape[0]])
        return ConvParams(channels=shape[0], filters=shape[0], rows=rows, columns=columns, groups=groups)

    def network(self, input_max: int) -> QuantisedNetwork:
        return QuantisedNetwork(
            name="random",
            inputs=self.inputs,
            populations=tuple(self.populations),
            projections=tuple(self.projections),
            outputs=self.outputs,
            input_max=input_max,
        )


def random_network(
    rng: random.Random, *, count: int, readout: ReadoutKind, input_max: int, features: Features
) -> QuantisedNetwork:
    """Draw a network of `count` populations that `readout` can read."""
    draw = _Draw(rng, features, readout, count)
    for number in range(count):
        draw.population(number)
    draw.recurrence()
    network = draw.network(input_max)
    narrow = (
        replace(population, neuron=replace(population.neuron, acc_bits=_acc_bits(network, population.name)))
        for population in network.populations
    )
    return replace(network, populations=tuple(narrow))


def _acc_bits(network: QuantisedNetwork, name: str) -> int:
    return bits_for_signed(*accumulator_range(network, name))


def lanes_of(rng: random.Random, network: QuantisedNetwork) -> tuple[dict[str, int], dict[str, int]]:
    """Lanes and update lanes of each population that the hardware can have."""
    lanes, update_lanes = {}, {}
    for population in network.populations:
        convs = [p.conv for p in network.into(population.name) if p.conv is not None]
        most = np.gcd.reduce([conv.filters // conv.groups for conv in convs]) if convs else population.size
        fits = [n for n in range(1, int(most) + 1) if not convs or most % n == 0]
        lanes[population.name] = rng.choice(fits)
        divisors = [n for n in fits if lanes[population.name] % n == 0]
        update_lanes[population.name] = rng.choice(divisors)
    return lanes, update_lanes
