"""The expander: every event becomes the rows of its taps, a row a cycle and without a pause."""

import random
from dataclasses import replace

import pytest
from spikeloom.hw.expander import ROOM_CYCLES, Expander
from spikeloom.hw.params import INPUT, ArrayParams, CoreParams, LinkParams, NeuronParams
from spikeloom.hw.row_decode import SMALL_TABLE
from spikeloom.hw.row_walk import TICK_CYCLES

from .convolutions import conv_lanes, event_rows, random_conv
from .drivers import Bench, coin, token


def core_of(conv, lanes, *, dense=(), weight_bits=4):
    """A core that a convolution and, from further sources, matrices feed."""
    links = [LinkParams(source=INPUT, channels=conv.sources, conv=conv)]
    links += [LinkParams(source=k, channels=channels) for k, channels in enumerate(dense)]
    array = ArrayParams(
        sources=sum(link.channels for link in links),
        targets=conv.targets,
        lanes=lanes,
        weight_bits=weight_bits,
        acc_bits=24,
    )
    neuron = NeuronParams(neurons=conv.targets, acc_bits=24, state_bits=8, threshold=1)
    return CoreParams(name="core", array=array, neuron=neuron, update_lanes=1, links=tuple(links))


def listed(rng, core):
    """The same core, its dense links sometimes row lists: any number of words, none too."""
    lists = {"none": (0,), "any": range(core.array.groups + 1), "one": (1,), "two": (0, 1)}
    links = []
    for link in core.links:
        counts = rng.choices(lists[rng.choice(list(lists))], k=link.channels)
        if link.conv is None and core.array.weight_bits > 1 and any(counts):
            link = replace(link, lists=tuple(counts))
        links.append(link)
    return replace(core, links=tuple(links))


def expected_rows(core, channels_last, index):
    """(weight word, accumulator word or None where that is in a memory) of the rows of an event."""
    bases = core.link_bases
    for base, link, order in zip(bases, core.links, channels_last, strict=True):
        if index >= link.channels:
            index -= link.channels
        elif link.lists:
            first = base + sum(link.lists[:index])
            yield from ((first + place, None) for place in range(link.lists[index]))
            return
        elif link.conv is not None:
            lanes = core.array.lanes
            for row, group in event_rows(link.conv, lanes, index, channels_last=order):
                yield base + row, group
            return
        else:
            for group in range(core.array.groups):
                yield base + group * link.channels + index, group
            return


def run(expander, tokens, *, gap=None, stall=None):
    """Rows, and cycles in which tokens and rows were taken."""
    bench, rows, taken, given = Bench(expander), [], [], []

    async def send(ctx):
        await bench.put(ctx, expander.events, tokens, gap=gap, taken=taken)

    async def take(ctx):
        payloads = await bench.get(
            ctx, expander.rows, done=lambda p: p.tick and p.last, stall=stall, taken=given
        )
        rows.extend(payloads)

    bench.run(send, take, limit_cycles=20_000)
    return rows, taken, given


@pytest.mark.parametrize("seed", range(40))
def test_rows_of_every_event(seed):
    """Any geometry; sometimes beside matrices and row lists; even seeds: nothing waits."""
    rng = random.Random(f"expander {seed}")
    conv = random_conv(rng)
    dense = [rng.randint(1, 5) for _ in range(rng.choice([0, 0, 1, 2]))]
    dense += [SMALL_TABLE + 8] if rng.random() < 0.1 else []
    weight_bits = rng.choice([1, 4])
    core = core_of(conv, rng.choice(conv_lanes(conv, weight_bits)), dense=dense, weight_bits=weight_bits)
    core = listed(rng, core)
    channels_last = [rng.random() < 0.5, *(False for _ in dense)]
    events = list(range(core.array.sources))
    rng.shuffle(events)
    events = events[:120]
    tokens = [token(event) for event in events]
    tokens.insert(len(tokens) // 2, token(index=rng.randrange(core.array.sources), tick=1))
    tokens.append(token(tick=1, last=1))
    waits = {"gap": coin(0.3, seed), "stall": coin(0.4, -seed)} if seed % 2 else {}
    expander = Expander(core, channels_last)
    rows, taken, given = run(expander, tokens, **waits)
    expected = []
    for sent in tokens:
        if sent["tick"]:
            expected.append((None, None, 1, sent["last"]))
        else:
            pairs = expected_rows(core, channels_last, sent["index"])
            expected += [(row, group, 0, 0) for row, group in pairs]
    found = [
        (None, None, 1, p.last) if p.tick else (p.row, None if p.row < core.listed_rows else p.group, 0, 0)
        for p in rows
    ]
    assert found == expected
    if not waits:
        check_timing(expander, core, channels_last, tokens, taken, given)


def check_timing(expander, core, channels_last, tokens, taken, given):
    """A FIFO of `depth`, passed in `latency`, and a walk of as many cycles as rows, for a tick two."""
    read = []
    free, at = 0, 0
    for number, sent in enumerate(tokens):
        offered = taken[0] if not number else taken[number - 1] + 1
        room = read[number - expander.depth] + ROOM_CYCLES if number >= expander.depth else 0
        assert taken[number] == max(offered, room)
        read.append(max(taken[number] + expander.latency, free))
        rows = 1 if sent["tick"] else len(list(expected_rows(core, channels_last, sent["index"])))
        first = read[-1] + (TICK_CYCLES if sent["tick"] else 1)
        assert given[at : at + rows] == list(range(first, first + rows))
        at += rows
        free = read[-1] + (TICK_CYCLES if sent["tick"] else max(1, rows))
    assert at == len(given)
