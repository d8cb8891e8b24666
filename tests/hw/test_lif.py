"""The LIF core equals the golden step: every kind of neuron, reset and readout tally."""

import itertools
import random

import numpy as np
import pytest
from spikeloom.hw.lif import LifCore, accs_slack_cycles, update_latency
from spikeloom.hw.params import LATE_RESETS, Compare, DecayParams, Fire, NeuronParams, Reset, Rounding
from spikeloom.sim.golden.neuron import initial_state, neuron_arrays, step

from .drivers import Bench
from .randoms import random_decay, random_neuron

SIZES = [(1, 1), (3, 3), (5, 2), (6, 3), (7, 7), (4, 1), (2, 1), (9, 4)]  # neurons, lanes
SAMPLES, STEPS = 2, 6


def kinds():
    """Every combination that `NeuronParams` allows of reset, fire, synaptic current and membrane."""
    for reset, fire, synapse, membrane in itertools.product(Reset, Fire, (False, True), (False, True)):
        if membrane or not (reset in LATE_RESETS or fire is Fire.BEFORE):
            yield True, reset, fire, synapse, membrane
    for synapse, membrane in itertools.product((False, True), (False, True)):
        yield False, Reset.NONE, Fire.AFTER, synapse, membrane


def name(kind):
    spiking, reset, fire, synapse, membrane = kind
    spikes = f"{reset}-{fire}" if spiking else "analog"
    return "-".join([spikes, *["synapse"] * synapse, *["membrane"] * membrane])


KINDS = list(kinds())


def random_inputs(rng, params, lanes):
    """(samples, steps, padded neurons) of accumulators, and which sweeps come without an event."""
    groups = -(-params.neurons // lanes)
    limit = 1 << (params.acc_bits - 1)
    values = [-limit, limit - 1, 0, *(rng.randint(-limit, limit - 1) for _ in range(5))]
    shape = (SAMPLES, STEPS, groups * lanes)
    accs = np.array([rng.choice(values) for _ in range(np.prod(shape))]).reshape(shape)
    return accs, np.array([rng.random() < 0.2 for _ in range(SAMPLES * STEPS)]).reshape(SAMPLES, STEPS)


def golden(params, accs, zero, tally_bits):
    """What each step must give, by name of the port."""
    arrays = neuron_arrays(params)
    for sample in range(SAMPLES):
        state = initial_state(arrays, 1)
        tally = np.zeros(params.neurons, np.int64)
        for t in range(STEPS):
            acc = accs[sample, t, : params.neurons] * (not zero[sample, t])
            result = step(arrays, state, acc[np.newaxis])
            state = result.state
            tally = tally + (state.v[0] if result.spikes is None else result.spikes[0])
            if tally_bits is not None:
                tally = np.clip(tally, *tally_range(params, tally_bits))
            expected = {"spikes": None, "membranes": state.v[0].tolist(), "saturations": result.saturations}
            if result.spikes is not None:
                expected["spikes"] = result.spikes[0].astype(int).tolist()
            if state.i is not None:
                expected["currents"] = state.i[0].tolist()
            if tally_bits is not None:
                expected["tallies"] = tally.tolist()
            yield expected


def tally_range(params, bits):
    if params.spiking:
        return 0, (1 << bits) - 1
    return -(1 << (params.state_bits + bits - 1)), (1 << (params.state_bits + bits - 1)) - 1


def garbage(core, rng):
    return {"accs": [rng.choice([-1, 0]) for _ in range(core.lanes)], "zero": rng.getrandbits(1)}


def run(core, accs, zero, rng, *, wait):
    """Sweep all steps with garbage in between; cycles of the strobes, updates as dicts, saturations."""
    bench = Bench(core)
    strobes, updates, saturations = [], [], []
    way = [garbage(core, rng) for _ in range(core.accs_late)]

    async def cycle(ctx, fields, late):
        """A cycle; what comes with the accumulators is on its way for `accs_late` more."""
        way.append(late)
        for port, value in (fields | way.pop(0)).items():
            ctx.set(getattr(core.sweep, port), value)
        return (await ctx.tick().sample(bench.cycle))[-1]

    async def sweep(ctx):
        for sample, t in np.ndindex(SAMPLES, STEPS):
            for g in range(core.groups):
                lanes = accs[sample, t, g * core.lanes :][: core.lanes].tolist()
                final, last = g == core.groups - 1, t == STEPS - 1
                fields = {"strobe": 1, "group": g, "final": final, "last": last}
                strobes.append(await cycle(ctx, fields, {"accs": lanes, "zero": int(zero[sample, t])}))
            for _ in range(core.gap_cycles - core.groups + wait()):
                fields = {port: rng.getrandbits(8) for port in ("group", "final", "last")}
                await cycle(ctx, {"strobe": 0, **fields}, garbage(core, rng))
        for _ in range(core.latency + 8):
            await cycle(ctx, {"strobe": 0}, garbage(core, rng))

    ports = [name for name in core.update.signature.members if name != "strobe"]
    values = [getattr(core.update, name) for name in ports]
    record = bench.watch(
        core.update.strobe, values, lambda row: updates.append(dict(zip(["cycle", *ports], row, strict=True)))
    )
    some = bench.watch(core.saturations.any(), [core.saturations], lambda row: saturations.append(row[1]))
    bench.run(sweep, background=[record, some])
    return strobes, updates, sum(saturations)


def check(params, lanes, tally_bits, seed, *, wait=lambda: 0):
    rng = random.Random(seed)
    late = rng.randint(0, 5)
    core = LifCore(params, lanes=lanes, tally_bits=tally_bits, count_saturations=True, accs_late=late)
    accs, zero = random_inputs(rng, params, lanes)
    strobes, updates, saturations = run(core, accs, zero, rng, wait=wait)
    assert [update["cycle"] for update in updates] == [cycle + core.latency for cycle in strobes]
    for k, expected in enumerate(golden(params, accs, zero, tally_bits)):
        saturations -= expected.pop("saturations")
        sweep = updates[k * core.groups : (k + 1) * core.groups]
        where = f"{{}} of sample {k // STEPS}, step {k % STEPS}"
        assert [update["group"] for update in sweep] == list(range(core.groups)), where.format("groups")
        assert [u["final"] for u in sweep] == [0] * (core.groups - 1) + [1], where.format("final")
        assert {update["last"] for update in sweep} == {k % STEPS == STEPS - 1}, where.format("last")
        silent = [0] * (core.groups * lanes - params.neurons)
        width, mask = params.spike_bits, params.spike_max
        counts = [update["spikes"] >> lane * width & mask for update in sweep for lane in range(lanes)]
        assert counts == (expected.pop("spikes") or [0] * params.neurons) + silent, where.format("spikes")
        for name, values in expected.items():
            found = [value for update in sweep for value in update[name]]
            assert found[: params.neurons] == values, where.format(name)
    assert saturations == 0, "saturations that were counted, less those that were"


@pytest.mark.parametrize("k", range(len(KINDS)), ids=[name(kind) for kind in KINDS])
@pytest.mark.parametrize("compare", Compare, ids=["gt", "ge"])
def test_every_kind(k, compare):
    spiking, reset, fire, synapse, membrane = KINDS[k]
    rng = random.Random(f"{k} {compare}")
    neurons, lanes = SIZES[(2 * k + (compare is Compare.GE)) % len(SIZES)]
    params = random_neuron(
        rng,
        neurons,
        spiking=spiking,
        reset=reset,
        fire=fire,
        compare=compare,
        synapse=random_decay(rng, neurons) if synapse else None,
        membrane=random_decay(rng, neurons) if membrane else None,
    )
    tally_bits = rng.choice([None, 1, 2, 16])
    check(params, lanes, tally_bits, k, wait=rng.choice([lambda: 0, lambda: rng.randint(0, 3)]))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("spike_bits", range(1, 9))
def test_graded_spikes(spike_bits, seed):
    """Thresholds shared or not, membranes of less than one and of more thresholds than are counted."""
    rng = random.Random(f"graded {spike_bits} {seed}")
    neurons, lanes = SIZES[(spike_bits + seed) % len(SIZES)]
    params = random_neuron(rng, neurons, spike_bits=spike_bits, acc_bits=rng.randint(6, 14))
    check(params, lanes, rng.choice([None, 1, 3, 16]), f"{spike_bits} {seed}")


@pytest.mark.parametrize("spike_bits", [2, 8])
def test_graded_spikes_of_the_widest_membrane(spike_bits):
    limit = 1 << 47
    fields = {"neurons": 3, "acc_bits": 48, "state_bits": 48, "frac_bits": 16, "spike_bits": spike_bits}
    membrane = DecayParams(factor=65535, frac_bits=16)
    resets = {"reset": Reset.SUBTRACT, "compare": Compare.GE, "membrane": membrane}
    params = NeuronParams(**fields, **resets, threshold=(limit - 1, 1, 1 << 40))
    check(params, 2, 32, 0)


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("factors", [65535, (65535, 65536, 1)], ids=["shared", "each"])
def test_widest_formats(rounding, factors):
    decay = DecayParams(factor=factors, frac_bits=16, rounding=rounding)
    limit = 1 << 47
    params = NeuronParams(
        neurons=3,
        acc_bits=48,
        state_bits=48,
        frac_bits=16,
        synapse=decay,
        synapse_bits=48,
        membrane=decay,
        threshold=(limit - 1, -limit, 1 << 40),
        reset=Reset.SUBTRACT,
        bias=limit - 1,
        leak=-limit,
        v_min=-limit,
    )
    check(params, 2, 32, 0)


def decays(factor):
    return DecayParams(factor=factor, rounding=Rounding.TRUNC0)


CURRENT = {"synapse": decays(3000), "synapse_bits": 14, "bias": 3, "leak": 2, "v_min": -100}


@pytest.mark.parametrize(
    ("kind", "cycles"),
    [
        ({}, 3),
        ({"membrane": decays(4096), "reset": Reset.VALUE}, 5),
        ({"membrane": decays(4096), "reset": Reset.SUBTRACT}, 5),
        ({"membrane": decays(3840), "reset": Reset.VALUE}, 7),
        ({"membrane": decays((3686,) * 4), "reset": Reset.VALUE}, 8),
        ({"membrane": decays(3686), "reset": Reset.VALUE, **CURRENT}, 12),
        ({"membrane": decays(4096), "reset": Reset.SUBTRACT, "compare": Compare.GE, "spike_bits": 4}, 12),
    ],
)
def test_latencies_that_the_documentation_names(kind, cycles):
    """docs/blocks/lif-core.md."""
    params = NeuronParams(neurons=4, acc_bits=10, state_bits=16, frac_bits=4, threshold=5, **kind)
    assert update_latency(params, lanes=1) == cycles


@pytest.mark.parametrize(
    ("kind", "cycles"),
    [
        ({}, 1),
        ({"membrane": decays(3840), "reset": Reset.VALUE}, 3),
        ({"membrane": decays(3840), "reset": Reset.VALUE, "bias": 7}, 2),
        ({"membrane": decays(3686), "reset": Reset.VALUE, **CURRENT, "bias": 0}, 4),
    ],
)
def test_accumulators_may_come_late(kind, cycles):
    """By what it takes to read the state and to decay it."""
    params = NeuronParams(neurons=4, acc_bits=10, state_bits=16, frac_bits=4, threshold=5, **kind)
    assert accs_slack_cycles(params, lanes=1, most=9) == cycles
    assert accs_slack_cycles(params, lanes=1, most=1) == 1
    latency = update_latency(params, lanes=1)
    late = [update_latency(params, lanes=1, accs_late=cycles + k) for k in range(3)]
    assert late == [latency, latency + 1, latency + 2]


def test_state_in_block_ram_takes_a_cycle_more():
    params = NeuronParams(neurons=64, acc_bits=10, state_bits=16, threshold=5)
    assert update_latency(params, lanes=1) == update_latency(params, lanes=2) + 1


@pytest.mark.parametrize("seed", range(12))
def test_tightest_formats(seed):
    """Two bits of state, one bit of accumulator: everything saturates."""
    rng = random.Random(f"tight {seed}")
    params = random_neuron(rng, 3, acc_bits=1, state_bits=2, spiking=seed % 3 > 0)
    check(params, 1, rng.choice([None, 1]), seed)
