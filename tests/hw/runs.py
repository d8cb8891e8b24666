"""Run a chain of cores on samples: its tokens, cycles and probes, and what the golden model expects."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np
from spikeloom.hw.params import ReadoutKind
from spikeloom.sim.engines.run import settle_cycles

from .drivers import Bench, coin, token

__all__ = ["Run", "expected_tokens", "random_samples", "run_samples"]


@dataclass
class Run:
    """Tokens of a sample as (index, value, tick, last), its cycles; of a core its probes and traffic."""

    tokens: list = field(default_factory=list)
    cycles: list = field(default_factory=list)
    probes: list = field(default_factory=list)
    traffic: list = field(default_factory=list)


def random_samples(rng, chain, *, samples, steps):
    """(samples, steps, inputs) event counts, up to the network's `input_max`."""
    source = np.random.default_rng(rng.getrandbits(32))
    shape = (samples, steps, chain.params.channels)
    rate = rng.choice([0.02, 0.2, 0.6, 0.95])
    return source.binomial(chain.network.input_max, rate, size=shape).astype(np.uint8)


def sample_tokens(sample, rng=None, *, value_bits=0):
    """Tokens of one sample, the events of a step ascending, or with `rng` in any order.

    With `value_bits` a count is a value; with `rng` it may come in two parts.
    """
    for step, counts in enumerate(sample):
        if value_bits:
            events = list(valued_events(counts, rng))
        else:
            events = [(index, None) for index, count in enumerate(counts) for _ in range(count)]
        if rng is not None:
            rng.shuffle(events)
        yield from (token(index, value) for index, value in events)
        yield token(tick=1, last=int(step == len(sample) - 1), value=0 if value_bits else None)


def valued_events(counts, rng):
    """(channel, value) of the counts that are not zero."""
    for index, count in enumerate(counts.tolist()):
        first = rng.randint(0, count) if rng is not None and rng.random() < 0.2 else count
        yield from ((index, value) for value in (first, count - first) if value)


def run_samples(
    component,
    x,
    *,
    gap=0.0,
    stall=0.0,
    overlap=False,
    shuffle=True,
    pause: int | None = 0,
    seed=0,
    probes=0,
    cut_after=None,
    prepare=None,
):
    """Send samples one at a time (or, with `overlap`, without a pause) and take what comes out.

    `shuffle`: the events of a step in any order. `pause`: cycles after each sample, for cores that are
    still busy when the output is done (None: until every probe has all of the sample's records, or without
    probes as many as that takes in small graphs). `probes`: number of debug probes to record. `cut_after`:
    a reset after that many cycles of a sample that is not finished; then the samples as usual. `prepare`:
    what is done before all else, a function of the context and the bench.
    """
    bench, run = Bench(component), Run(probes=[[] for _ in range(probes)])
    value_bits = component.params.input_value_bits
    watched = pause is None and probes > 0
    if pause is None:
        params = component.params
        sent = 20 + max(params.step_events(k) for k in range(len(params.cores)))  # what was updated last
        pause = params.rest_cycles + sent if probes else min(1000, settle_cycles(params))
    rng = random.Random(f"order {seed}")
    offered, ended = [], []
    started = [cut_after is None]

    def busy(samples):
        """Whether a core has not updated its last group of so many samples."""
        steps = samples * len(x[0]) if watched else 0
        return any(
            len(records) < steps * -(-core.neuron.neurons // core.update_lanes)
            for records, core in zip(run.probes, component.params.cores if steps else (), strict=False)
        )

    async def send(ctx):
        if prepare is not None:
            await prepare(ctx, bench)
        if cut_after is not None:
            await cut(ctx)
        for _ in range(component.params.clear_cycles):
            await ctx.tick()
        for number, sample in enumerate(x):
            while not overlap and len(ended) < number:
                await ctx.tick()
            while not overlap and busy(number):
                await ctx.tick()
            for _ in range(0 if overlap or not number else pause):
                await ctx.tick()
            offered.append(ctx.get(bench.cycle))
            waits = coin(gap, f"gap {seed} {number}")
            tokens = sample_tokens(sample, rng if shuffle else None, value_bits=value_bits)
            await bench.put(ctx, component.events, tokens, gap=waits)

    async def cut(ctx):
        assert cut_after is not None
        tokens = list(sample_tokens(x[0], rng, value_bits=value_bits))[:-1]
        ctx.set(component.out.ready, rng.random() < 0.7)
        for _ in range(cut_after):
            if tokens:
                ctx.set(component.events.payload, tokens[0])
            ctx.set(component.events.valid, bool(tokens))
            _, _, ready = await ctx.tick().sample(component.events.ready)
            if ready and tokens:
                tokens.pop(0)
        ctx.set(component.events.valid, 0)
        await bench.reset(ctx)
        for records in run.probes:
            records.clear()
        started[0] = True

    async def take(ctx):
        while not started[0]:
            await ctx.tick()
        for number in range(len(x)):
            taken = []
            waits = coin(stall, f"stall {seed} {number}")
            payloads = await bench.get(
                ctx, component.out, done=lambda p: p.tick and p.last, stall=waits, taken=taken
            )
            assert not any(payload.last and not payload.tick for payload in payloads), "an event with last"
            run.tokens.append([fields(payload) for payload in payloads])
            run.cycles.append(taken[-1] - offered[number] + 1)
            ended.append(number)
        ctx.set(component.out.ready, 1)
        while busy(len(x)):
            await ctx.tick()
        for _ in range(20 + pause):
            _, _, valid = await ctx.tick().sample(component.out.valid)
            assert not valid, "a token after the last one"
        for ports in (getattr(component, f"traffic_{k}") for k in range(probes)):
            run.traffic.append({name: ctx.get(getattr(ports, name)) for name in ports.signature.members})

    watches = []
    for k, records in enumerate(run.probes):
        probe = getattr(component, f"probe_{k}")
        names = [name for name in probe.signature.members if name != "valid"]
        values = [getattr(probe, name) for name in names]
        watches.append(bench.watch(probe.valid, values, recorder(records, names)))
    bench.run(send, take, background=watches, limit_cycles=50_000 + 2 * pause * len(x))
    return run


def recorder(records, names):
    return lambda row: records.append(dict(zip(names, row[1:], strict=True)))


def fields(payload):
    """(index, value, tick, last); None for what the token does not carry, and 0 for `last` of an event."""
    if payload.tick:
        return None, None, 1, payload.last
    value = payload.value if "value" in payload.shape().members else None
    return payload.index, value, 0, 0


def expected_tokens(params, golden, sample):
    """What the readout sends for a sample of a golden run."""
    arrays = golden.membranes if params.readout is ReadoutKind.MEMBRANE else golden.spikes
    names = [params.cores[output].name for output in params.output_cores]
    if params.readout is ReadoutKind.CLASS:
        arrays = {**golden.membranes, **golden.spikes}
    output = np.concatenate([arrays[name][sample] for name in names], axis=1).astype(np.int64)
    steps = len(output)
    if params.readout is ReadoutKind.SPIKES:
        for step, spikes in enumerate(output):
            yield from ((int(index), None, 0, 0) for index in np.repeat(np.arange(len(spikes)), spikes))
            yield (None, None, 1, int(step == steps - 1))
    elif params.readout is ReadoutKind.MEMBRANE:
        for step, membranes in enumerate(output):
            yield from ((index, int(value), 0, 0) for index, value in enumerate(membranes))
            yield (None, None, 1, int(step == steps - 1))
    else:
        tally = tallied(output, params.cores[params.output_cores[0]].neuron, params.count_bits)
        if params.readout is ReadoutKind.COUNTS:
            yield from ((index, int(count), 0, 0) for index, count in enumerate(tally))
        else:
            yield (int(tally.argmax()), None, 0, 0)
        yield (None, None, 1, 1)


def tallied(output, neuron, count_bits):
    """Sum over the steps of a sample, which saturates: counts unsigned, sums of membranes signed."""
    low, high = 0, (1 << count_bits) - 1
    if not neuron.spiking:
        high = (1 << (neuron.state_bits + count_bits - 1)) - 1
        low = ~high
    tally = np.zeros(neuron.neurons, np.int64)
    for values in output:
        tally = np.clip(tally + values, low, high)
    return tally
