"""Random parameters of neurons, and of whole chains and graphs of cores with their weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from spikeloom.gen.ir import Input, QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from spikeloom.hw.params import (
    INPUT,
    LATE_RESETS,
    AcceleratorParams,
    ArrayParams,
    Compare,
    CoreParams,
    DecayParams,
    Fire,
    LinkParams,
    NeuronParams,
    ReadoutKind,
    Reset,
    Rounding,
    bits_for_signed,
)

__all__ = [
    "Chain",
    "per_neuron",
    "random_array",
    "random_chain",
    "random_decay",
    "random_graph",
    "random_neuron",
    "random_weights",
    "weight_rows",
]


def per_neuron(rng, count, draw):
    """One value for all or one a neuron, alike often."""
    return draw() if rng.random() < 0.5 else tuple(draw() for _ in range(count))


def random_decay(rng, count):
    """Any factor, with the identity and zero among them."""
    frac_bits = rng.randint(1, 16)
    full = 1 << frac_bits
    factor = per_neuron(rng, count, lambda: rng.choice([0, full - 1, full, *(rng.randint(0, full),) * 5]))
    return DecayParams(factor=factor, frac_bits=frac_bits, rounding=rng.choice(list(Rounding)))


def random_neuron(rng, neurons, *, acc_bits=None, spike_bits=1, **fixed):
    """Parameters of a population; what is in `fixed` is kept (None for `synapse`: no synaptic current)."""
    state_bits = fixed.get("state_bits") or rng.choice([rng.randint(2, 6), rng.randint(7, 20)])
    limit = 1 << (state_bits - 1)
    near = 3 * limit // 2

    def state():
        return rng.randint(-limit, limit - 1)

    def small():
        return rng.randint(-near, near)

    def draw(name, otherwise):
        return fixed[name] if name in fixed else otherwise()

    synapse = draw("synapse", lambda: random_decay(rng, neurons) if rng.random() < 0.5 else None)
    membrane = draw("membrane", lambda: random_decay(rng, neurons) if rng.random() < 0.9 else None)
    spiking = fixed.get("spiking", True)
    threshold = per_neuron(rng, neurons, lambda: rng.randint(-limit // 4, limit // 2)) if spiking else None
    resets = [reset for reset in Reset if membrane is not None or reset not in LATE_RESETS]
    reset = draw("reset", lambda: rng.choice(resets))
    fire = draw("fire", lambda: rng.choice(list(Fire) if membrane is not None else [Fire.AFTER]))
    params = NeuronParams(
        neurons=neurons,
        acc_bits=acc_bits or rng.randint(1, 10),
        state_bits=state_bits,
        frac_bits=rng.choice([0, 0, rng.randint(1, 8)]),
        synapse=synapse,
        synapse_bits=rng.randint(2, 16) if synapse else 0,
        membrane=membrane,
        threshold=threshold,
        reset=reset if spiking else Reset.NONE,
        reset_value=per_neuron(rng, neurons, state),
        compare=draw("compare", lambda: rng.choice(list(Compare))),
        fire=fire if spiking else Fire.AFTER,
        bias=rng.choice([0, per_neuron(rng, neurons, small)]),
        leak=rng.choice([0, per_neuron(rng, neurons, small)]) if synapse else 0,
        v_min=rng.choice([None, per_neuron(rng, neurons, state)]),
    )
    return graded(rng, params, spike_bits) if spiking and spike_bits > 1 else params


def graded(rng, params, spike_bits):
    """The same with graded spikes, thresholds often so small that counts clip."""
    limit = (1 << (params.state_bits - 1)) - 1
    return replace(
        params,
        spike_bits=spike_bits,
        reset=Reset.SUBTRACT,
        compare=Compare.GE,
        fire=Fire.AFTER,
        threshold=per_neuron(rng, params.neurons, lambda: rng.randint(1, max(1, limit >> rng.randint(0, 6)))),
    )


def random_weights(rng, array):
    """Weights as lists, [target][source], from the whole range."""
    low, high = -(1 << (array.weight_bits - 1)), (1 << (array.weight_bits - 1)) - 1
    values = (-1, 1) if array.weight_bits == 1 else range(low, high + 1)
    return [[rng.choice(values) for _ in range(array.sources)] for _ in range(array.targets)]


def random_array(rng, *, sources, targets, lanes, weight_bits, input_max=1, most=None):
    """Array with accumulators as wide as its weights and events need; the weights.

    `most`: the most events of each source in a step; default: `input_max` of all.
    """
    array = ArrayParams(sources=sources, targets=targets, lanes=lanes, weight_bits=weight_bits, acc_bits=1)
    weights = random_weights(rng, array)
    most = most or [input_max] * sources
    low = min(sum(min(w, 0) * n for w, n in zip(row, most, strict=True)) for row in weights)
    high = max(sum(max(w, 0) * n for w, n in zip(row, most, strict=True)) for row in weights)
    bits = bits_for_signed(low, high)
    params = {"sources": sources, "targets": targets, "lanes": lanes, "weight_bits": weight_bits}
    return ArrayParams(**params, acc_bits=bits), weights


def delayed_array(rng, *, max_delay, **shape):
    """Array whose synapses have delays; its weights, delays (both [target][source]) and rows."""
    array, weights = random_array(rng, **shape)
    array = replace(array, max_delay=max_delay)
    delays = [[rng.randint(0, max_delay) for _ in row] for row in weights]
    return array, weights, delays, weight_rows(weights, array, delays)


def weight_rows(weights, array, delays=None):
    """Words of the weight memory, bit by bit as `ArrayParams.rows` and `row_bits` describe them."""
    rows = []
    for group in range(array.groups):
        for source in range(array.sources):
            word = 0
            for lane, target in enumerate(range(group * array.lanes, (group + 1) * array.lanes)):
                weight = weights[target][source] if target < array.targets else 0
                code = int(weight < 0) if array.weight_bits == 1 else weight % (1 << array.weight_bits)
                if delays and target < array.targets:
                    code |= delays[target][source] << array.weight_bits
                word |= code << (lane * array.lane_bits)
            rows.append(word)
    return rows


@dataclass(frozen=True)
class Chain:
    """Parameters of an accelerator, its weights (a list of rows a core), and the same as a network."""

    params: AcceleratorParams
    rows: list
    network: QuantisedNetwork


def random_chain(
    rng,
    *,
    sizes,
    readout,
    input_max=2,
    shapes=None,
    count_bits=16,
    debug=False,
    spike_bits=1,
    input_values=False,
):
    """Chain of populations of `sizes[1:]` behind `sizes[0]` inputs.

    `shapes`: (lanes, update lanes) of each core; default: random ones. `spike_bits`: the most of a core.
    `input_values`: input tokens carry values up to `input_max`.
    """
    analog = readout is ReadoutKind.MEMBRANE or (readout is ReadoutKind.CLASS and rng.random() < 0.5)
    cores, weights = [], []
    for k, (sources, targets) in enumerate(pairwise(sizes)):
        lanes, update_lanes = shapes[k] if shapes else random_shape(rng, targets)
        array, weight = random_array(
            rng,
            sources=sources,
            targets=targets,
            lanes=lanes,
            weight_bits=rng.randint(1, 6),
            most=[cores[-1].neuron.spike_max if k else input_max] * sources,
        )
        if input_values and not k:
            array = replace(array, value_bits=input_max.bit_length())
        spiking = not (analog and k == len(sizes) - 2)
        neuron = random_neuron(
            rng,
            targets,
            acc_bits=array.acc_bits,
            spiking=spiking,
            spike_bits=rng.randint(1, spike_bits) if spike_bits > 1 else 1,
        )
        cores.append(CoreParams(name=f"layer{k}", array=array, neuron=neuron, update_lanes=update_lanes))
        weights.append(weight)
    params = AcceleratorParams(cores=tuple(cores), readout=readout, count_bits=count_bits, debug=debug)
    rows = [weight_rows(weight, core.array) for weight, core in zip(weights, cores, strict=True)]
    return Chain(params, rows, quantised(params, weights, input_max))


def random_shape(rng, targets):
    """Lanes, and update lanes that divide them."""
    lanes = rng.randint(1, targets)
    return lanes, rng.choice([d for d in range(1, lanes + 1) if lanes % d == 0])


def random_graph(
    rng,
    *,
    readout,
    input_max=2,
    debug=False,
    spike_bits=1,
    delays=False,
    input_values=False,
    most_neurons=10,
):
    """Cores joined at random: skips, slices of the input, recurrent links, cores that nobody listens to.

    `delays`: links of any kind may have delays too, and the input may come a second time. `spikes` reads any
    cores, `membrane` several analog ones, the others the last core. `input_values`: as of `random_chain`.
    """
    inputs, count = rng.randint(1, 9), rng.randint(1, 4)
    sizes = [rng.randint(1, most_neurons) for _ in range(count)]
    outputs = random_outputs(rng, count, readout)
    silent = () if readout is ReadoutKind.SPIKES else outputs  # they feed nothing
    analog = readout is ReadoutKind.MEMBRANE or (readout is ReadoutKind.CLASS and rng.random() < 0.5)
    bits = [rng.randint(1, spike_bits) if spike_bits > 1 else 1 for _ in sizes]
    cores, weights, synapses = [], [], []
    for k, targets in enumerate(sizes):
        links = tuple(random_links(rng, k, inputs, sizes, silent))
        if delays:
            links = tuple(random_delayed(rng, links, bits, input_max))
        most = [
            input_max if link.source == INPUT else (1 << bits[link.source]) - 1
            for link in links
            for _ in range(link.channels)
        ]
        lanes, update_lanes = random_shape(rng, targets)
        shape = {"sources": len(most), "targets": targets, "lanes": lanes}
        array, weight = random_array(rng, **shape, weight_bits=rng.randint(1, 6), most=most)
        if delays and rng.random() < 0.4:  # a delay a synapse
            array = replace(array, max_delay=rng.choice([1, 3, 7]))
        if input_values and any(link.source == INPUT for link in links):
            array = replace(array, value_bits=input_max.bit_length())
        synapses.append(random_synapses(rng, array))
        spiking = not (analog and k in silent)
        neuron = random_neuron(rng, targets, acc_bits=array.acc_bits, spiking=spiking, spike_bits=bits[k])
        cores.append(
            CoreParams(name=f"core{k}", array=array, neuron=neuron, update_lanes=update_lanes, links=links)
        )
        weights.append(weight)
    params = AcceleratorParams(
        cores=tuple(cores), readout=readout, outputs=outputs, input_channels=inputs, debug=debug
    )
    rows = [weight_rows(w, core.array, d) for w, d, core in zip(weights, synapses, cores, strict=True)]
    return Chain(params, rows, quantised(params, weights, input_max, synapses))


def random_synapses(rng, array):
    """Delays [target][source] of an array with delays; None of one without."""
    if not array.max_delay:
        return None
    return [[rng.randint(0, array.max_delay) for _ in range(array.sources)] for _ in range(array.targets)]


def random_outputs(rng, count, readout):
    if readout is ReadoutKind.SPIKES:
        return tuple(rng.sample(range(count), rng.choice([1, rng.randint(1, count)])))
    if readout is ReadoutKind.MEMBRANE:
        return tuple(rng.sample(range(count), count))[: rng.randint(1, count)]
    return (count - 1,)


def random_links(rng, number, inputs, sizes, silent):
    """Links into core `number`: the first takes the input or an earlier core, as it comes."""
    speaking = [k for k in range(len(sizes)) if k not in silent]
    first = rng.choice([INPUT, *(k for k in speaking if k < number)])
    if first == INPUT:
        start = rng.choice([0, rng.randrange(inputs)])
        channels = rng.choice([inputs - start, rng.randint(1, inputs - start)])
        yield LinkParams(source=INPUT, first=start, channels=channels)
    else:
        yield LinkParams(source=first, channels=sizes[first])
    for source in speaking:
        if source < number and source != first and rng.random() < 0.4:
            yield LinkParams(source=source, channels=sizes[source])
        if rng.random() < (0.15 if source < number else 0.4):
            yield LinkParams(source=source, channels=sizes[source], recurrent=True)


def random_delayed(rng, links, spike_bits, input_max):
    """The same links, most of them delayed, and sometimes the first of them once more."""
    most = rng.choice([0, 1, 3, 3, 7])
    for place, link in enumerate(links):
        bits = input_max.bit_length() if link.source == INPUT else spike_bits[link.source]
        if rng.random() < 0.7:
            yield replace(link, delay_steps=random_delays(rng, link.channels, most), count_bits=bits)
        else:
            yield link
        if not place and rng.random() < 0.4:
            yield replace(link, delay_steps=random_delays(rng, link.channels, most), count_bits=bits)


def random_delays(rng, channels, most):
    """One for all channels, or any."""
    same = rng.randint(0, most)
    return tuple(same if same % 2 else rng.randint(0, most) for _ in range(channels))


def quantised(params, weights, input_max, delays=None):
    """The network that `params` and `weights` are the hardware of."""
    populations = tuple(
        QuantisedPopulation(
            name=core.name,
            kind="LIF" if core.neuron.spiking else "LI",
            shape=(core.neuron.neurons,),
            neuron=core.neuron,
            weight_bits=core.array.weight_bits,
            scale=np.ones(core.neuron.neurons),
            offset=np.zeros(core.neuron.neurons),
        )
        for core in params.cores
    )
    return QuantisedNetwork(
        name="random",
        inputs=(Input(name="input", shape=(params.channels,)),),
        populations=populations,
        projections=tuple(projections(params, weights, delays or [None] * len(weights))),
        outputs=tuple(params.cores[output].name for output in params.output_cores),
        input_max=input_max,
    )


def projections(params, weights, synapses):
    """A projection for every link: its columns of the core's weights."""
    for number, (core, weight) in enumerate(zip(params.cores, weights, strict=True)):
        columns = np.array(weight, np.int32)
        rest = np.array(synapses[number], np.int64) if core.array.max_delay else None
        for place, link in enumerate(params.links(number)):
            part, columns = np.split(columns, [link.channels], axis=1)
            delays = np.array(link.delay_steps, np.int64) if link.delay_steps else None
            if rest is not None:  # a synapse's own delay comes behind that of its line
                part_delays, rest = np.split(rest, [link.channels], axis=1)
                delays = part_delays if delays is None else part_delays + delays
            if link.source == INPUT:
                around = (link.first, params.channels - link.first - link.channels)
                part = np.pad(part, ((0, 0), around))
                delays = delays if delays is None else np.pad(delays, [(0, 0)] * (delays.ndim - 1) + [around])
            source = "input" if link.source == INPUT else params.cores[link.source].name
            yield QuantisedProjection(
                name=f"{source}->{core.name}.{place}",
                source=source,
                target=core.name,
                weight=part,
                recurrent=link.recurrent,
                delay_steps=delays,
            )
