"""Accelerators of many shapes for the resource model: parameters only, weights are drawn at random.

Every build is a function of its name, so the same names give the same designs on every machine.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from spikeloom.hw.conv_params import AxisParams, ConvParams
from spikeloom.hw.kinds import WeightStore
from spikeloom.hw.params import (
    INPUT,
    AcceleratorParams,
    ArrayParams,
    Compare,
    CoreParams,
    DecayParams,
    LinkParams,
    NeuronParams,
    ReadoutKind,
    Reset,
    Rounding,
    bits_for_unsigned,
)

__all__ = ["builds", "random_rows"]

Kind = str
"""Of a population: "lif", "if", "cuba", "li", "alif" (a decay of its own for each neuron) or "graded"."""
KINDS = ("lif", "if", "cuba", "alif")


def builds() -> dict[str, AcceleratorParams]:
    """All builds by name."""
    return {f"{kind}_{k:02}": params for kind, some in _SETS.items() for k, params in enumerate(some())}


def random_rows(params: AcceleratorParams) -> list[list[int]]:
    """Words of every core's weight memory, drawn from all that fit; groups of row lists are in range."""
    rng = random.Random(0)
    rows = []
    for core in params.cores:
        groups = core.array.groups
        listed = [
            rng.randrange(groups) << core.array.row_bits | rng.getrandbits(core.array.row_bits)
            for _ in range(core.listed_rows)
        ]
        plain = [rng.getrandbits(core.array.row_bits) for _ in range(core.rows - core.listed_rows)]
        rows.append([*listed, *plain])
    return rows


class _Draw:
    """Parameters of one build."""

    def __init__(self, name: str) -> None:
        self.rng = random.Random(name)

    def neuron(self, kind: Kind, neurons: int, acc_bits: int) -> NeuronParams:
        """Population of a kind, in formats as the quantiser gives them."""
        rng = self.rng
        frac = rng.choice([0, 2, 4, 6])
        state = min(acc_bits + frac + rng.choice([0, 1, 2]), 30)
        limit = 1 << (state - 2)
        each = rng.random() < 0.6
        threshold = self.words(neurons, limit // 4, limit - 1, each=each)
        params = NeuronParams(
            neurons=neurons,
            acc_bits=acc_bits,
            state_bits=state,
            frac_bits=frac,
            membrane=None if kind == "if" else self.decay(),
            threshold=threshold,
            reset=rng.choice([Reset.SUBTRACT, Reset.VALUE]),
            bias=rng.choice([0, self.words(neurons, -limit // 8, limit // 8, each=True)]),
        )
        if kind == "if":
            return replace(params, membrane=DecayParams(factor=4096))
        if kind == "cuba":
            return replace(params, synapse=self.decay(), synapse_bits=state)
        if kind == "li":
            return replace(params, threshold=None, reset=Reset.NONE)
        if kind == "alif":
            factor = tuple(rng.randrange(3000, 4096) for _ in range(neurons))
            return replace(params, membrane=DecayParams(factor=factor))
        if kind == "graded":
            return replace(params, reset=Reset.SUBTRACT, compare=Compare.GE, spike_bits=rng.choice([2, 3]))
        return params

    def words(self, count: int, low: int, high: int, *, each: bool) -> int | tuple[int, ...]:
        """One value, or one for each neuron."""
        if not each:
            return self.rng.randint(low, high)
        return tuple(self.rng.randint(low, high) for _ in range(count))

    def decay(self) -> DecayParams:
        """Shared decay, as a shift or of several digits."""
        factor = self.rng.choice([4096 - 256, 4096 - 64, *(self.rng.randrange(3000, 4090) for _ in range(4))])
        return DecayParams(factor=factor, rounding=self.rng.choice(list(Rounding)))

    def core(
        self,
        name: str,
        kind: Kind,
        links: Sequence[LinkParams],
        targets: int,
        lanes: int,
        update_lanes: int,
        *,
        weight_bits: int | None = None,
        max_delay: int = 0,
        value_bits: int = 0,
    ) -> CoreParams:
        """Core whose accumulators are as wide as those of a trained network of its size."""
        sources = sum(link.channels for link in links)
        bits = weight_bits or self.rng.choice([4, 5, 6, 8])
        acc_bits = bits + bits_for_unsigned(sources) // 2 + 2 + value_bits
        array = ArrayParams(
            sources=sources,
            targets=targets,
            lanes=lanes,
            weight_bits=bits,
            acc_bits=acc_bits,
            max_delay=max_delay,
            value_bits=value_bits,
        )
        neuron = self.neuron(kind, targets, acc_bits)
        return CoreParams(
            name=name, array=array, neuron=neuron, update_lanes=update_lanes, links=tuple(links)
        )


def _chains() -> Iterator[AcceleratorParams]:
    """Dense layers behind each other, from one lane to the whole fan-out."""
    shapes: list[tuple[Sequence[int], Sequence[tuple[int, int]]]] = [
        ((64, 32, 10), ((32, 1), (10, 1))),
        ((64, 32, 10), ((8, 1), (10, 2))),
        ((64, 48, 10), ((1, 1), (1, 1))),
        ((100, 64, 10), ((64, 2), (10, 1))),
        ((100, 64, 32, 5), ((16, 4), (32, 8), (5, 1))),
        ((256, 128, 10), ((128, 4), (10, 1))),
        ((256, 128, 10), ((32, 4), (10, 1))),
        ((256, 128, 10), ((4, 1), (2, 1))),
        ((784, 128, 10), ((32, 8), (10, 2))),
        ((784, 128, 10), ((128, 8), (10, 2))),
        ((200, 96, 96, 20), ((24, 2), (48, 8), (20, 4))),
        ((500, 200, 10), ((50, 10), (10, 1))),
        ((40, 250, 12), ((25, 5), (12, 3))),
        ((128, 80, 80), ((20, 1), (16, 16))),
        ((784, 128, 10), ((1, 1), (2, 1))),
        ((784, 128, 10), ((64, 8), (10, 1))),
        ((400, 200, 20), ((2, 1), (1, 1))),
        ((300, 128, 10), ((16, 2), (5, 1))),
        ((784, 128, 10), ((8, 4), (8, 1))),
        ((784, 128, 10), ((16, 4), (10, 1))),
        ((784, 128, 10), ((4, 4), (4, 1))),
        ((784, 256, 10), ((16, 4), (10, 1))),
        ((1000, 200, 20), ((8, 2), (4, 1))),
    ]
    readouts = [ReadoutKind.SPIKES, ReadoutKind.CLASS, ReadoutKind.COUNTS, ReadoutKind.MEMBRANE]
    for k, (sizes, lanes) in enumerate(shapes):
        draw, cores = _Draw(f"chain {k}"), []
        readout = readouts[k % 4]
        for number, (layer, update) in enumerate(lanes):
            last = number == len(lanes) - 1
            kind = "li" if last and readout is ReadoutKind.MEMBRANE else draw.rng.choice(KINDS)
            links = [LinkParams(source=number - 1, channels=sizes[number])]
            cores.append(draw.core(f"layer{number}", kind, links, sizes[number + 1], layer, update))
        yield AcceleratorParams(cores=tuple(cores), readout=readout)


def _recurrent() -> Iterator[AcceleratorParams]:
    """A hidden layer that feeds itself, and a readout."""
    for k, (inputs, hidden, classes, lanes, update) in enumerate(
        [
            (12, 40, 7, 40, 2),
            (12, 40, 7, 20, 2),
            (40, 96, 10, 32, 4),
            (64, 64, 4, 8, 1),
            (100, 128, 10, 64, 8),
        ]
    ):
        draw = _Draw(f"recurrent {k}")
        links = [
            LinkParams(source=INPUT, channels=inputs),
            LinkParams(source=0, channels=hidden, recurrent=True),
        ]
        first = draw.core("hidden", draw.rng.choice(["cuba", "lif"]), links, hidden, lanes, update)
        second = draw.core("out", "li" if k % 2 else "cuba", [_whole(0, hidden)], classes, classes, 1)
        yield AcceleratorParams(
            cores=(first, second), readout=ReadoutKind.CLASS if k % 2 else ReadoutKind.SPIKES
        )


def _whole(source: int, channels: int) -> LinkParams:
    return LinkParams(source=source, channels=channels)


def _branches() -> Iterator[AcceleratorParams]:
    """Two populations behind the input, one behind both; several outputs."""
    for k, (inputs, left, right, lanes, update) in enumerate([(50, 40, 24, 8, 2), (120, 64, 64, 32, 4)]):
        draw = _Draw(f"branches {k}")
        cores = (
            draw.core("left", "lif", [_whole(INPUT, inputs)], left, lanes, update),
            draw.core("right", "cuba", [_whole(INPUT, inputs)], right, lanes, update),
            draw.core("both", "lif", [_whole(0, left), _whole(1, right)], 16, 16, 1),
        )
        yield AcceleratorParams(cores=cores, outputs=(1, 2) if k else ())


def _maps() -> Iterator[AcceleratorParams]:
    """Convolution, pool and a matrix over the flattened map."""
    for k, (channels, side, filters, kernel, lanes, update, classes) in enumerate(
        [
            (1, 12, 8, 3, 8, 4, 10),
            (2, 16, 8, 5, 4, 2, 10),
            (2, 16, 16, 3, 16, 8, 11),
            (1, 20, 12, 5, 12, 4, 10),
            (3, 10, 24, 3, 24, 8, 10),
            (2, 14, 16, 3, 8, 4, 4),
        ]
    ):
        draw = _Draw(f"maps {k}")
        axis = AxisParams(size=side, outputs=side, kernel=kernel, padding=kernel // 2)
        conv = ConvParams(channels=channels, filters=filters, rows=axis, columns=axis)
        pool = 4 if side % 4 == 0 else 2
        inner = AxisParams(size=side, outputs=1, kernel=side // pool, pool=pool)
        flat = ConvParams(channels=filters, filters=classes, rows=inner, columns=inner)
        kind = ("if", "lif", "graded")[k % 3]
        cores = (
            draw.core(
                "conv",
                kind,
                [LinkParams(source=INPUT, channels=conv.sources, conv=conv)],
                conv.targets,
                lanes,
                update,
            ),
            draw.core(
                "dense",
                "lif",
                [LinkParams(source=0, channels=conv.targets, conv=flat)],
                classes,
                classes,
                1,
            ),
        )
        yield AcceleratorParams(cores=cores)


def _sparse() -> Iterator[AcceleratorParams]:
    """A matrix of row lists and a dense readout."""
    for k, (inputs, hidden, lanes, update, share) in enumerate(
        [(100, 96, 4, 4, 0.1), (200, 128, 8, 8, 0.2), (64, 250, 2, 2, 0.05), (300, 64, 1, 1, 0.1)]
    ):
        draw = _Draw(f"sparse {k}")
        groups = -(-hidden // lanes)
        lists = tuple(sum(draw.rng.random() < share for _ in range(groups)) for _ in range(inputs))
        cores = (
            draw.core(
                "sparse",
                "lif",
                [LinkParams(source=INPUT, channels=inputs, lists=lists)],
                hidden,
                lanes,
                update,
            ),
            draw.core("out", "lif", [_whole(0, hidden)], 10, 10, 1),
        )
        yield AcceleratorParams(cores=cores)


def _delays() -> Iterator[AcceleratorParams]:
    """Delays beside the weights, or on lines."""
    for k, (inputs, hidden, lanes, update, longest, in_array) in enumerate(
        [
            (40, 48, 16, 2, 7, True),
            (40, 64, 32, 4, 15, True),
            (24, 20, 20, 1, 3, True),
            (40, 64, 32, 4, 15, False),
            (100, 32, 8, 2, 31, False),
        ]
    ):
        draw = _Draw(f"delays {k}")
        delays = () if in_array else tuple(draw.rng.randrange(longest + 1) for _ in range(inputs))
        link = LinkParams(source=INPUT, channels=inputs, delay_steps=delays)
        first = draw.core(
            "hidden", "lif", [link], hidden, lanes, update, max_delay=longest if in_array else 0
        )
        yield AcceleratorParams(cores=(first, draw.core("out", "lif", [_whole(0, hidden)], 10, 10, 1)))


def _values() -> Iterator[AcceleratorParams]:
    """Input tokens that carry values: a multiplier a lane."""
    for k, (inputs, hidden, lanes, update, bits) in enumerate(
        [(64, 32, 8, 2, 8), (100, 64, 32, 4, 4), (196, 48, 16, 2, 8)]
    ):
        draw = _Draw(f"values {k}")
        first = draw.core("hidden", "lif", [_whole(INPUT, inputs)], hidden, lanes, update, value_bits=bits)
        yield AcceleratorParams(cores=(first, draw.core("out", "lif", [_whole(0, hidden)], 10, 5, 1)))


def _loaded() -> Iterator[AcceleratorParams]:
    """Dense layers whose weights and parameters come over the load bus."""
    for k, (inputs, hidden, lanes, update) in enumerate([(64, 32, 8, 2), (200, 96, 24, 4), (100, 64, 64, 2)]):
        draw, cores = _Draw(f"loaded {k}"), []
        for number, link in enumerate([_whole(INPUT, inputs), _whole(0, hidden)]):
            shape = (10, 5, 1) if number else (hidden, lanes, update)
            core = draw.core(f"layer{number}", draw.rng.choice(["lif", "cuba"]), [link], *shape)
            neuron = replace(core.neuron, loaded_period=core.neuron.neurons)
            array = replace(core.array, store=WeightStore.LOADED)
            cores.append(replace(core, neuron=neuron, array=array))
        yield AcceleratorParams(cores=tuple(cores))


_SETS: dict[str, Callable[[], Iterator[AcceleratorParams]]] = {
    "chain": _chains,
    "recurrent": _recurrent,
    "branches": _branches,
    "maps": _maps,
    "sparse": _sparse,
    "delays": _delays,
    "values": _values,
    "loaded": _loaded,
}
