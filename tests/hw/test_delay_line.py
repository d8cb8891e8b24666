"""Delay line: every spike in the step it is for, nothing in the next sample, nothing waits without end."""

import random

import pytest
from spikeloom.hw.delay_line import DelayLine

from .drivers import token
from .test_router import carry, flat


def random_delays(rng, channels, most):
    return rng.choice([[most] * channels, [rng.randint(0, most) for _ in range(channels)]])


def random_samples(rng, channels, *, samples, steps, rate):
    """Steps of (events in any order, last)."""
    for _ in range(samples):
        count = rng.randint(1, steps)
        for step in range(count):
            events = [k for k in range(channels) if rng.random() < rate]
            rng.shuffle(events)
            yield events, step == count - 1


def delayed(steps, delays, recurrent):
    """Tokens that leave, sample by sample."""
    due, now = {}, 0
    if recurrent:
        yield token(tick=1)
    for events, last in steps:
        for channel in events:
            due.setdefault(now + delays[channel] + recurrent, []).append(channel)
        now += recurrent
        if recurrent and last:
            due, now = {}, 0
        ends = int(last and not recurrent)
        yield from (token(channel, last=ends) for channel in sorted(due.pop(now, [])))
        yield token(tick=1, last=ends)
        now += not recurrent
        if ends:
            due, now = {}, 0


def sent(steps):
    for events, last in steps:
        yield [token(channel, last=int(last)) for channel in events] + [token(tick=1, last=int(last))]


def check(delays, steps, *, recurrent, gap=0.0, stall=0.0):
    block = DelayLine(delays, recurrent=recurrent)
    expected = list(delayed(steps, delays, recurrent))
    sends, takes = [(block.i, flat(sent(steps)))], [(block.o, len(expected))]
    (found,), taken, left = carry(block, sends, takes, gap=gap, stall=stall)
    assert [{**t, "index": 0} if t["tick"] else t for t in found] == expected
    return taken[0], left[0]


@pytest.mark.parametrize("recurrent", [False, True], ids=["forward", "recurrent"])
@pytest.mark.parametrize("waits", [(0, 0), (0.4, 0), (0, 0.7), (0.3, 0.4)], ids=str)
@pytest.mark.parametrize("seed", range(8))
def test_random_delays(seed, waits, recurrent):
    """Samples are shorter and longer than the ring, so that every slot holds spikes that nobody takes."""
    rng = random.Random(f"{seed} {waits} {recurrent}")
    channels = rng.choice([1, 2, 5, 16, 17, 40])
    delays = random_delays(rng, channels, rng.choice([0, 1, 2, 5, 9]))
    steps = list(random_samples(rng, channels, samples=9, steps=rng.choice([1, 4, 12]), rate=rng.random()))
    check(delays, steps, recurrent=recurrent, gap=waits[0], stall=waits[1])


@pytest.mark.parametrize("recurrent", [False, True], ids=["forward", "recurrent"])
def test_longest_delay(recurrent):
    rng = random.Random(255)
    delays = [255, 0, 254, 128]
    steps = [(rng.sample(range(4), rng.randint(0, 4)), step in (270, 280)) for step in range(290)]
    check(delays, steps, recurrent=recurrent)
