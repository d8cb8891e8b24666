"""The spike router's parts: multicast, channel slice, step queue, step merge."""

import random
from collections import Counter

import numpy as np
import pytest
from amaranth import signed
from spikeloom.hw.accelerator import Accelerator
from spikeloom.hw.channel_slice import ChannelSlice
from spikeloom.hw.multicast import Multicast
from spikeloom.hw.params import (
    AcceleratorParams,
    ArrayParams,
    CoreParams,
    LinkParams,
    NeuronParams,
    ReadoutKind,
)
from spikeloom.hw.router import follows
from spikeloom.hw.signatures import event_layout, value_layout
from spikeloom.hw.step_merge import StepMerge
from spikeloom.hw.step_queue import StepQueue

from .drivers import Bench, coin, token
from .randoms import random_graph
from .runs import run_samples

LATE = StepMerge.LATENCY_CYCLES


def fields(payload):
    return {name: getattr(payload, name) for name in payload.shape().members}


def carry(block, sends, takes, *, gap=0.0, stall=0.0):
    """Send `sends` (stream, tokens), take `takes` (stream, count); the tokens and cycles of every output."""
    bench = Bench(block)
    taken = [[] for _ in sends]
    found, sent = [[] for _ in takes], [[] for _ in takes]

    def sender(k, stream, tokens):
        async def send(ctx):
            await bench.put(ctx, stream, tokens, gap=coin(gap, f"gap {k}"), taken=taken[k])

        return send

    def taker(k, stream, count):
        async def take(ctx):
            left = iter(range(count - 1, -1, -1))
            waits = coin(stall, f"stall {k}")
            payloads = await bench.get(
                ctx, stream, done=lambda _: next(left) == 0, stall=waits, taken=sent[k]
            )
            found[k].extend(map(fields, payloads))

        return take

    bench.run(
        *(sender(k, *send) for k, send in enumerate(sends)),
        *(taker(k, *take) for k, take in enumerate(takes)),
    )
    return found, taken, sent


def random_steps(rng, channels, steps, *, value=None):
    """The tokens of each step: ascending events, a tick; in a sample's last step all carry `last`."""
    result = []
    for step in range(steps):
        last = int(step % 3 == 2)
        events = sorted(rng.sample(range(channels), rng.randint(0, channels)))
        values = [
            None if value is None else rng.randint(-(1 << (value - 1)), (1 << (value - 1)) - 1)
        ] * channels
        filler = None if value is None else 0
        result.append(
            [token(k, values[k], last=last) for k in events] + [token(0, filler, tick=1, last=last)]
        )
    return result


def flat(steps):
    return [t for step in steps for t in step]


@pytest.mark.parametrize("ways", [1, 2, 4])
@pytest.mark.parametrize(("gap", "stall"), [(0, 0), (0, 0.5), (0.4, 0.7)])
def test_multicast_gives_each_token_to_each_once(ways, gap, stall):
    tokens = flat(random_steps(random.Random(ways), 6, 8))
    block = Multicast(event_layout(6), ways=ways)
    takes = [(stream, len(tokens)) for stream in block.outputs]
    found, taken, sent = carry(block, [(block.i, tokens)], takes, gap=gap, stall=stall)
    assert found == [tokens] * ways
    if not (gap or stall):
        assert sent == [[cycle + Multicast.LATENCY_CYCLES for cycle in taken[0]]] * ways
        assert taken[0] == list(range(taken[0][0], taken[0][0] + len(tokens)))


def test_multicast_lets_the_fast_run_ahead_by_two_tokens():
    block = Multicast(event_layout(4), ways=2)
    bench = Bench(block)

    async def check(ctx):
        fast, slow = block.outputs
        ctx.set(block.i.valid, 1)
        ctx.set(fast.ready, 1)
        seen = []
        for index in range(4):
            ctx.set(block.i.payload, token(index))
            seen.append((ctx.get(block.i.ready), ctx.get(fast.valid), ctx.get(slow.valid)))
            await ctx.tick()
        assert seen == [(1, 0, 0), (1, 1, 1), (0, 1, 1), (0, 0, 1)]
        assert ctx.get(slow.payload.index) == 0
        ctx.set(slow.ready, 1)
        await ctx.tick()
        assert (ctx.get(slow.payload.index), ctx.get(block.i.ready)) == (1, 1)

    bench.run(check)


@pytest.mark.parametrize(("of", "first", "channels"), [(1, 0, 1), (9, 0, 4), (9, 5, 4), (9, 3, 1), (8, 2, 5)])
@pytest.mark.parametrize("stall", [0, 0.5])
def test_channel_slice_renumbers_its_range(of, first, channels, stall):
    tokens = flat(random_steps(random.Random(of), of, 12))
    block = ChannelSlice(of=of, first=first, channels=channels)
    expected = [
        {**t, "index": t["index"] - first}
        for t in tokens
        if t["tick"] or first <= t["index"] < first + channels
    ]
    (found,), *_ = carry(block, [(block.i, tokens)], [(block.o, len(expected))], gap=stall, stall=stall)
    assert [t if not t["tick"] else {**t, "index": 0} for t in found] == [
        t if not t["tick"] else {**t, "index": 0} for t in expected
    ]


@pytest.mark.parametrize("waits", [0, 0.5])
@pytest.mark.parametrize("channels", [1, 5, 20])
def test_step_queue_carries_all(channels, waits):
    tokens = flat(random_steps(random.Random(channels), channels, 9))
    block = StepQueue(event_layout(channels), events=channels)
    (found,), taken, sent = carry(
        block, [(block.i, tokens)], [(block.o, len(tokens))], gap=waits, stall=waits
    )
    assert found == tokens
    if not waits:
        assert sent[0][0] == taken[0][0] + block.latency


@pytest.mark.parametrize("waits", [0, 0.5])
@pytest.mark.parametrize("channels", [1, 5])
def test_recurrent_queue_is_a_step_late_and_forgets_the_last_step(channels, waits):
    steps = random_steps(random.Random(channels), channels, 9)  # samples of three steps
    block = StepQueue(event_layout(channels), events=channels, recurrent=True)
    expected = [token(tick=1)]
    for number, step in enumerate(steps):
        events = [] if number % 3 == 2 else [{**t, "last": 0} for t in step[:-1]]
        expected += [*events, token(tick=1)]
    (found,), *_ = carry(block, [(block.i, flat(steps))], [(block.o, len(expected))], gap=waits, stall=waits)
    assert [{**t, "index": 0} if t["tick"] else t for t in found] == expected


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("channels", [1, 2, 7, 33])
def test_step_queue_holds_whole_steps_unread(channels, steps, recurrent):
    block = StepQueue(event_layout(channels), events=channels, recurrent=recurrent, steps=steps)
    full = [*(token(k) for k in range(channels)), token(tick=1)] * steps
    bench = Bench(block)
    taken = []

    async def send(ctx):
        await bench.put(ctx, block.i, full, taken=taken)

    bench.run(send, limit_cycles=4 * len(full) + 20)
    assert len(taken) == len(full)


@pytest.mark.parametrize(("tokens", "cycles"), [(4, 2), (17, 2), (18, 3), (129, 3), (130, 2)])
def test_step_queue_latency(tokens, cycles):
    assert StepQueue(event_layout(tokens - 1), events=tokens - 1).latency == cycles


@pytest.mark.parametrize("waits", [0, 0.8])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 16, 17])
def test_step_queue_that_is_never_full_takes_a_whole_step_at_once(channels, waits):
    """The next step comes when all of the one before is taken."""
    block = StepQueue(event_layout(channels), events=channels, recurrent=True, never_full=True)
    step = [*(token(k) for k in range(channels)), token(tick=1)]
    bench = Bench(block)
    found, taken = [], []

    async def run(ctx):
        await take(ctx, 1)  # the tick that it starts with
        for _ in range(3):
            await bench.put(ctx, block.i, step, taken=taken)
            await take(ctx, len(step))

    async def take(ctx, count):
        left = iter(range(count - 1, -1, -1))
        stall = coin(waits, "stall")
        found.extend(map(fields, await bench.get(ctx, block.o, done=lambda _: next(left) == 0, stall=stall)))

    bench.run(run)
    assert [{**t, "index": 0} if t["tick"] else t for t in found] == [token(tick=1), *step * 3]
    for first in range(0, len(taken), len(step)):
        assert taken[first : first + len(step)] == list(range(taken[first], taken[first] + len(step)))


def test_a_source_follows_the_cores_that_lead_to_it():
    """Only then its recurrent link into such a core always has room."""
    outcomes = Counter()
    for seed in range(60):
        params = random_graph(random.Random(seed), readout=ReadoutKind.SPIKES).params
        numbers = range(len(params.cores))
        leads = np.eye(len(numbers) + 1, dtype=bool)  # the last is the input
        for number in numbers:
            leads[[link.source for link in params.links(number) if not link.recurrent], number] = True
        leads = np.linalg.matrix_power(leads, len(numbers))
        for number in numbers:
            for link in params.links(number):
                expected = link.recurrent and link.source >= number and leads[number, link.source]
                assert follows(params, number, link) == expected
                outcomes[link.recurrent and link.source - number > 0, expected] += 1
    assert len(outcomes) == 4  # not recurrent or of the core itself; back to one that leads to it or does not


@pytest.mark.parametrize("waits", [0, 0.5])
@pytest.mark.parametrize("channels", [(3,), (1, 1), (4, 2, 5)])
def test_step_merge_takes_the_streams_in_turn(channels, waits):
    rng = random.Random(f"{channels}")
    steps = [random_steps(rng, n, 9) for n in channels]
    block = StepMerge([event_layout(n) for n in channels], event_layout(sum(channels)), channels)
    expected = []
    for number in range(9):
        offset = 0
        for k, n in enumerate(channels):
            events = steps[k][number][:-1]
            expected += [{**t, "index": t["index"] + offset, "last": 0} for t in events]
            offset += n
        expected.append(token(tick=1, last=int(number % 3 == 2)))
    sends = [(stream, flat(s)) for stream, s in zip(block.inputs, steps, strict=True)]
    (found,), *_ = carry(block, sends, [(block.o, len(expected))], gap=waits, stall=waits)
    assert [{**t, "index": 0} if t["tick"] else t for t in found] == expected


def test_step_merge_latency_and_rate():
    """A token a cycle; a tick that is not the last stream's costs one too."""
    block = StepMerge([event_layout(4), event_layout(2)], event_layout(6), [4, 2])
    tokens = [[token(0), token(3), token(tick=1)], [token(1), token(tick=1)]]
    sends = list(zip(block.inputs, tokens, strict=True))
    (found,), taken, sent = carry(block, sends, [(block.o, 4)])
    first = taken[0][0]
    assert taken == [[first, first + 1, first + 2], [first + 3, first + 4]]
    assert sent == [[first + LATE, first + 1 + LATE, first + 3 + LATE, first + 4 + LATE]]
    assert [t["index"] for t in found[:3]] == [0, 3, 5]


def test_step_merge_sets_last_if_any_stream_does():
    block = StepMerge([event_layout(2)] * 3, event_layout(6), [2, 2, 2])
    sends = [(stream, [token(tick=1, last=k == 1)] * 2) for k, stream in enumerate(block.inputs)]
    sends[1] = (block.inputs[1], [token(tick=1, last=1), token(tick=1, last=0)])
    (found,), *_ = carry(block, sends, [(block.o, 2)])
    assert [(t["tick"], t["last"]) for t in found] == [(1, 1), (1, 0)]


def test_step_merge_extends_the_sign_of_values():
    block = StepMerge(
        [value_layout(2, signed(3)), value_layout(1, signed(6))], value_layout(3, signed(6)), [2, 1]
    )
    sends = [
        (block.inputs[0], [token(0, -4), token(1, 3), token(0, 0, tick=1)]),
        (block.inputs[1], [token(0, -32), token(0, 0, tick=1)]),
    ]
    (found,), *_ = carry(block, sends, [(block.o, 4)])
    assert [(t["index"], t["value"]) for t in found[:3]] == [(0, -4), (1, 3), (2, -32)]
    assert found[3]["tick"] == 1


def test_a_link_both_forward_and_delayed_does_not_deadlock():
    """The consumer takes the source's step t while step t - 1 still waits in the delayed link."""
    neuron = NeuronParams(neurons=6, acc_bits=8, state_bits=8, threshold=-100)  # everything fires
    links = (LinkParams(source=0, channels=6), LinkParams(source=0, channels=6, recurrent=True))
    arrays = [
        ArrayParams(sources=sources, targets=6, lanes=3, weight_bits=2, acc_bits=8) for sources in (2, 12)
    ]
    cores = (
        CoreParams(name="first", array=arrays[0], neuron=neuron, update_lanes=1),
        CoreParams(name="second", array=arrays[1], neuron=neuron, update_lanes=1, links=links),
    )
    params = AcceleratorParams(cores=cores)
    block = Accelerator(params, weights=[[0] * array.rows for array in arrays])
    run = run_samples(block, np.zeros((1, 5, 2), np.uint8))
    step = [(k, None, 0, 0) for k in range(6)]
    ticks = [(None, None, 1, int(t == 4)) for t in range(5)]
    assert run.tokens == [[t for tick in ticks for t in [*step, tick]]]
