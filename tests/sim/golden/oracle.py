"""The number contract a second time, written from the document: one neuron at a time, Python integers.

Nothing here is shared with `spikeloom.sim.golden`; it is what the golden model is tested against.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import floor, trunc
from typing import Any

from spikeloom.hw.params import NeuronParams

__all__ = ["Neuron", "run_network", "synapses_of"]


def one(value, k) -> Any:
    """Parameter of neuron `k`."""
    return value[k] if isinstance(value, tuple) else value


@dataclass
class Neuron:
    """Neuron `k` of a population with parameters `p`."""

    p: NeuronParams
    k: int
    v: int = 0
    i: int = 0
    saturations: int = 0
    spiked: int = 0

    def decay(self, x, params):
        exact = Fraction(x * one(params.factor, self.k), 2**params.frac_bits)
        return trunc(exact) if params.rounding == "trunc0" else floor(exact)

    def saturate(self, x, bits):
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        result = low if x < low else high if x > high else x
        self.saturations += result != x
        return result

    def cmp(self, x):
        threshold = one(self.p.threshold, self.k)
        return x > threshold if self.p.compare == ">" else x >= threshold

    def step(self, acc):
        p, k = self.p, self.k
        x = acc * 2**p.frac_bits + one(p.bias, k)
        if p.synapse is not None:
            self.i = self.saturate(self.decay(self.i, p.synapse) + x, p.synapse_bits)
            x = self.i
        v_old = self.v
        v1 = (0 if p.membrane is None else self.decay(v_old, p.membrane)) + x + one(p.leak, k)
        if p.threshold is not None:
            v1 = self.fire_and_reset(v_old, v1)
        if p.v_min is not None:
            v1 = max(v1, one(p.v_min, k))
        self.v = self.saturate(v1, p.state_bits)
        return self.spiked

    def fire_and_reset(self, v_old, v1):
        p, threshold, value = self.p, one(self.p.threshold, self.k), one(self.p.reset_value, self.k)
        if p.spike_bits > 1:
            self.spiked = 0 if v1 < threshold else min(trunc(Fraction(v1, threshold)), 2**p.spike_bits - 1)
            return v1 - self.spiked * threshold
        if p.reset == "late_value" and self.cmp(v_old):
            v1 = value
        if p.reset in ("late_subtract", "two_stage_subtract") and self.cmp(v_old):
            v1 -= threshold
        s = self.cmp(v1)
        self.spiked = self.cmp(v_old) if p.fire == "before" else s
        if p.reset == "value" and s:
            v1 = value
        if p.reset == "subtract" and s:
            v1 -= threshold
        if p.reset == "two_stage_subtract":
            v1 -= (int(s) - int(self.cmp(v_old))) * threshold
        return v1


def synapses_of(projection):
    """(target, source, weight, delay) of every synapse."""
    delay = projection.delay_steps
    for k, j, weight in taps_of(projection) if projection.conv else entries_of(projection):
        late = 0 if delay is None else delay[j] if delay.ndim == 1 else delay[k, j]
        yield k, j, int(weight), int(late)


def entries_of(projection):
    for k, row in enumerate(projection.weight):
        for j, weight in enumerate(row):
            yield k, j, weight


def taps_of(projection):
    conv, shape = projection.conv, projection.conv.target_shape
    filters, channels = conv.filters // conv.groups, conv.channels // conv.groups
    for source, (channel, row, column) in enumerate(product(*map(range, conv.source_shape))):
        group = channel // channels
        for f in range(group * filters, (group + 1) * filters):
            for r, kr in conv.rows.taps(row):
                for c, kc in conv.columns.taps(column):
                    target = (f * shape[1] + r) * shape[2] + c
                    yield target, source, projection.weight[f, channel % channels, kr, kc]


def run_network(network, sample):
    """One sample, (steps, channels) counts; by population and step the acc, spikes, v and i."""
    neurons = {p.name: [Neuron(p.neuron, k) for k in range(p.size)] for p in network.populations}
    synapses = {p.name: list(synapses_of(p)) for p in network.projections}
    past = []  # by step: events and spikes of every source
    trace = {p.name: [] for p in network.populations}
    for step, row in enumerate(sample):
        values, at = {}, 0
        past.append(values)
        for node in network.inputs:
            values[node.name] = [int(count) for count in row[at : at + node.size]]
            at += node.size
        for population in network.populations:
            name = population.name
            acc = [0] * population.size
            for projection in network.projections:
                if projection.target == name:
                    for k, j, weight, delay in synapses[projection.name]:
                        sent = step - delay - projection.recurrent
                        acc[k] += weight * past[sent][projection.source][j] if sent >= 0 else 0
            values[name] = [int(neuron.step(a)) for neuron, a in zip(neurons[name], acc, strict=True)]
            trace[name].append(
                (acc, values[name], [n.v for n in neurons[name]], [n.i for n in neurons[name]])
            )
    saturations = {name: sum(n.saturations for n in group) for name, group in neurons.items()}
    return trace, saturations
