"""Self-test: a small accelerator of our own, right and with one wrong bit."""

import itertools
import random
import re
from typing import Any

import pytest
from amaranth import Const, Elaboratable, Module, Mux, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator
from spikeloom.hw.boards.lights import StatusLights
from spikeloom.hw.selftest import SelfTest, SelfTestParams, SignatureChecker, TokenPlayer, output_signature

INDEX_BITS = 6
TICK = 1 << INDEX_BITS
LAST = TICK << 1


class Counter(wiring.Component):
    """Answers every tick with the number of events before it, then a tick; can get one word wrong or hang.

    The bits of a tick that mean nothing are never the same.
    """

    events: Any
    out: Any

    def __init__(self, *, width=12, wrong_at=None, hang_at=None):
        self.width, self.wrong_at, self.hang_at = width, wrong_at, hang_at
        super().__init__(
            {
                "events": In(stream.Signature(unsigned(INDEX_BITS + 2))),
                "out": Out(stream.Signature(unsigned(width))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        events, out = self.events, self.out
        count, sent, stall, tick = Signal(self.width - 2), Signal(16), Signal(3), Signal(2)
        hung = sent == self.hang_at if self.hang_at is not None else Const(0)
        wrong = Const(0)
        if self.wrong_at is not None:
            wrong = Mux(sent == self.wrong_at, 1 << (self.width - 3), 0)
        m.d.sync += stall.eq(stall * 5 + 3)
        with m.If(out.valid & out.ready):
            m.d.sync += sent.eq(sent + 1)
        with m.FSM():
            with m.State("COUNT"):
                m.d.comb += events.ready.eq((stall != 1) & ~hung)
                with m.If(events.valid & events.ready):
                    m.d.sync += [count.eq(count + 1), tick.eq(events.payload[-2:])]
                    with m.If(events.payload[-2]):
                        m.next = "VALUE"
            with m.State("VALUE"):
                m.d.comb += [out.valid.eq(1), out.payload.eq((count - 1) ^ wrong), out.payload[-2:].eq(0)]
                with m.If(out.ready):
                    m.d.sync += count.eq(0)
                    m.next = "TICK"
            with m.State("TICK"):
                m.d.comb += [out.valid.eq(1), out.payload.eq(sent), out.payload[-2:].eq(tick)]
                with m.If(out.ready):
                    m.next = "COUNT"
        return m


def sample(seed, *, steps=5, width=12):
    """One sample's input words and the output words of `Counter`."""
    rng = random.Random(seed)
    words, expected = [], []
    for step in range(steps):
        events = [rng.randrange(TICK) for _ in range(rng.randrange(min(6, 1 << (width - 2))))]
        last = step == steps - 1
        words += [*events, TICK | (LAST if last else 0)]
        expected += [len(events), 1 << (width - 2) | last << (width - 1)]
    return words, expected


def watch(accelerator, params, *, cycles):
    """Run the self-test; return its (passed, failed) in every cycle."""
    seen = []
    dut = SelfTest(accelerator, params)

    async def bench(ctx):
        for _ in range(cycles):
            seen.append((ctx.get(dut.passed), ctx.get(dut.failed)))
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


@pytest.mark.parametrize("width", [4, 12, 32, 33, 70])
def test_right_accelerator_passes_and_repeats(width):
    words, expected = sample(width, width=width, steps=4)
    params = SelfTestParams(
        tokens=tuple(words), signature=output_signature(w % (1 << width) for w in expected)
    )
    seen = watch(Counter(width=width), params, cycles=600)
    assert seen[0] == (0, 0)
    assert seen[-1] == (1, 0)
    assert all(failed == 0 for _, failed in seen)
    first = seen.index((1, 0))
    assert all(state == (1, 0) for state in seen[first:])


@pytest.mark.parametrize("wrong_at", [0, 4, 8, 12, 18])
def test_one_wrong_bit_fails_for_good(wrong_at):
    words, expected = sample(7)
    params = SelfTestParams(tokens=tuple(words), signature=output_signature(expected))
    seen = watch(Counter(wrong_at=wrong_at), params, cycles=700)
    assert seen[-1] == (0, 1)
    assert ((1, 0) in seen) == (wrong_at >= len(expected))  # right samples before the wrong word
    assert all(state == (0, 1) for state in seen[seen.index((0, 1)) :])


@pytest.mark.parametrize("words", [[3 << 10], [5, 3 << 10], [5, 1 << 10, 9, 7, 3 << 10]])
@pytest.mark.parametrize("gaps", [0.0, 0.5])
@pytest.mark.parametrize("wrong", [False, True])
def test_checker_takes_samples_without_a_pause(words, gaps, wrong):
    dut = SignatureChecker(width=12, expected=output_signature(words), timeout_cycles=1000)
    rng = random.Random(3)
    seen = []

    async def bench(ctx):
        for sample in range(40):
            sent = [*words[:-1], 4, words[-1]] if wrong and sample == 30 else words
            for word in sent:
                while rng.random() < gaps:
                    ctx.set(dut.i.valid, 0)
                    await ctx.tick()
                ctx.set(dut.i.valid, 1)
                ctx.set(dut.i.payload, word)
                ready = False
                while not ready:
                    *_, ready = await ctx.tick().sample(dut.i.ready)
            seen.append((ctx.get(dut.passed), ctx.get(dut.failed)))
        ctx.set(dut.i.valid, 0)
        await ctx.tick().repeat(5)
        seen.append((ctx.get(dut.passed), ctx.get(dut.failed)))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert (1, 0) in seen
    assert seen[-1] == ((0, 1) if wrong else (1, 0))


def test_missing_and_extra_words_change_the_signature():
    _, expected = sample(3)
    assert output_signature(expected) != output_signature(expected[1:])
    assert output_signature(expected) != output_signature([0, *expected])
    for word in range(len(expected)):
        for bit in range(12):
            changed = list(expected)
            changed[word] ^= 1 << bit
            assert output_signature(changed) != output_signature(expected)


def test_silent_accelerator_fails_by_timeout():
    words, expected = sample(7)
    params = SelfTestParams(tokens=tuple(words), signature=output_signature(expected), timeout_cycles=90)
    seen = watch(Counter(hang_at=14), params, cycles=400)
    assert (1, 0) in seen
    assert seen[-1] == (0, 1)


def test_long_timeout_does_not_fail_a_slow_start():
    words, expected = sample(7)
    params = SelfTestParams(tokens=tuple(words), signature=output_signature(expected), timeout_cycles=10_000)
    assert watch(Counter(hang_at=14), params, cycles=400)[-1] == (1, 0)


@pytest.mark.parametrize("ready_every", [1, 2, 5])
@pytest.mark.parametrize("count", [21, 5 * 1024 + 3])  # the latter takes banks
def test_player_repeats_in_order(ready_every, count):
    tokens = random.Random(1).choices(range(1 << 18), k=count)
    player = TokenPlayer(tokens, width=18)
    got, cycles = [], []

    async def bench(ctx):
        for cycle in range((count + 60) * ready_every + 20):
            ctx.set(player.out.ready, cycle % ready_every == 0)
            _, _, valid, ready, payload = await ctx.tick().sample(
                player.out.valid, player.out.ready, player.out.payload
            )
            if valid and ready:
                got.append(payload)
                cycles.append(cycle)

    simulator = Simulator(player)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert len(got) > count + 45
    assert got == [tokens[at % count] for at in range(len(got))]
    if ready_every == 1:
        assert cycles == list(range(cycles[0], cycles[0] + len(cycles)))  # one token a cycle, without a gap


def test_player_waits_for_its_start():
    player = TokenPlayer([1, 2], width=8)
    seen = []

    async def bench(ctx):
        ctx.set(player.out.ready, 1)
        for start in [0] * 20 + [1] * 20:
            ctx.set(player.start, start)
            *_, valid = await ctx.tick().sample(player.out.valid)
            seen.append(valid)

    simulator = Simulator(player)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert not any(seen[:20])
    assert any(seen[20:])


def test_player_memory_has_no_constant_bit():
    tokens = (3, 3, 3)
    rows = []

    class Spy(TokenPlayer):
        def elaborate(self, platform):
            m = super().elaborate(platform)
            rows.extend(m.submodules.rom.rows)
            return m

    Simulator(Spy(tokens, width=8))
    assert rows[:3] == list(tokens)
    assert all(len({row >> bit & 1 for row in rows}) == 2 for bit in range(8))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"tokens": ()}, "Self-test needs at least one token"),
        ({"signature": 1 << 32}, "Self-test signature must be between 0 and 4294967295, not 4294967296"),
        ({"timeout_cycles": 0}, "Self-test timeout must be at least 1 cycle, not 0"),
    ],
)
def test_params_are_checked(changes, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        SelfTestParams(**{"tokens": (1,), "signature": 0, "timeout_cycles": 1, **changes})


class Lit(Elaboratable):
    def __init__(self, count, *, passed, failed):
        self.lights = StatusLights(count=count, clock_hz=64)
        self.passed, self.failed = passed, failed

    def elaborate(self, platform):
        m = Module()
        m.submodules.lights = self.lights
        m.d.comb += [self.lights.passed.eq(self.passed), self.lights.failed.eq(self.failed)]
        return m


def blinks(count, *, passed, failed):
    """How often each LED changes in 4 heartbeats, or its steady value if it does not."""
    dut, seen = Lit(count, passed=passed, failed=failed), []

    async def bench(ctx):
        await ctx.tick()
        for _ in range(256):
            await ctx.tick()
            seen.append([ctx.get(dut.lights.lights) >> led & 1 for led in range(count)])

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    lines = list(zip(*seen, strict=True))
    changes = [sum(a != b for a, b in itertools.pairwise(line)) for line in lines]
    return [change or bool(line[0]) for change, line in zip(changes, lines, strict=True)]


def test_lights():
    slow = blinks(3, passed=0, failed=0)[2]
    assert 7 <= slow <= 8
    assert blinks(3, passed=1, failed=0) == [True, False, slow]
    assert blinks(4, passed=0, failed=1) == [False, True, slow, False]
    assert blinks(2, passed=1, failed=0) == [slow, False]
    assert blinks(2, passed=0, failed=1) == [False, True]
    assert blinks(2, passed=0, failed=0) == [False, False]
    assert blinks(1, passed=0, failed=0) == [False]
    assert blinks(1, passed=1, failed=0) == [slow]
    assert blinks(1, passed=0, failed=1)[0] > 6 * slow
