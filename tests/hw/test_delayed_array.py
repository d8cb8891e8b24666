"""The delayed array: every weight in its step, nothing in the next sample, its rate and its latency."""

import random

import pytest
from spikeloom.hw.accumulators import most_late_cycles
from spikeloom.hw.delayed_array import DelayedArray

from .drivers import coin
from .randoms import delayed_array
from .test_accumulators import SHAPES
from .test_dense import Run, random_steps


def check(rng, *, sources, max_delay, weight_bits, shape, **run):
    params, weights, delays, rows = delayed_array(
        rng,
        sources=sources,
        max_delay=max_delay,
        weight_bits=weight_bits,
        targets=shape[0],
        lanes=shape[1],
        input_max=8,
    )
    most = most_late_cycles(params, -(-params.targets // shape[2]))
    late = rng.choice([0, most, rng.randint(0, most)])
    array = DelayedArray(params, rows, update_lanes=shape[2], accs_late=late)
    steps = random_steps(rng, sources, count=rng.choice([3, 9, 14]))
    samples = [steps, random_steps(rng, sources, count=4), [[]] * (max_delay + 2)]
    found = Run(array, samples, **run)
    sums = iter(found.sums())
    for sample in samples:
        for now in range(len(sample)):
            expected = [
                sum(
                    weights[target][source]
                    for before in range(max(0, now - max_delay), now + 1)
                    for source in sample[before]
                    if delays[target][source] == now - before
                )
                for target in range(params.targets)
            ]
            assert next(sums) == expected, f"step {now} of {sample}"
    return found


@pytest.mark.parametrize("waiting", [False, True], ids=["straight", "waiting"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_shape(shape, waiting):
    rng = random.Random(f"{shape}")
    run = {"gap": coin(0.4, 1), "ready": 0.3} if waiting else {}
    sources, delay = rng.choice([1, 2, 5, 8]), rng.choice([1, 2, 3, 7])
    check(rng, sources=sources, max_delay=delay, weight_bits=rng.randint(1, 8), shape=shape, **run)


def test_longest_delay():
    rng = random.Random(255)
    check(rng, sources=3, max_delay=255, weight_bits=3, shape=(3, 2, 1), limit_cycles=10_000)


@pytest.mark.parametrize(("targets", "lanes"), [(4, 4), (4, 2), (7, 3)])
def test_an_event_and_a_tick_take_a_cycle_a_group(targets, lanes):
    found = check(random.Random(0), sources=5, max_delay=3, weight_bits=3, shape=(targets, lanes, lanes))
    array = found.array
    groups = array.params.groups
    events = len(found.steps[0])
    start = found.taken[0] - groups + 1
    assert found.taken[: events + 1] == [start + (k + 1) * groups - 1 for k in range(events + 1)]
    assert found.sweep[0][0] == found.taken[events] + array.latency
