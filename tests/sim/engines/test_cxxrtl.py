"""The compiled engine on a component that is its own golden model, and on one that breaks every rule."""

import threading
import time
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from spikeloom.gen.errors import MissingTool, UserError
from spikeloom.gen.rtl import convert
from spikeloom.sim.engines import cxxrtl_build
from spikeloom.sim.engines.cxxrtl import run_cxxrtl
from spikeloom.sim.engines.run import Design, EngineOptions
from spikeloom.sim.faults import HangFault, ProtocolFault

from .echo import Echo, echo_params


def run(design, x, **options):
    progress = options.pop("progress", None)
    return run_cxxrtl(design, x, EngineOptions(**options), optimise=1, progress=progress)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"threads": 1},
        {"threads": 7},
        {"overlap": True},
        {"shuffle": True, "seed": 3},
        {"gap": 0.6},
        {"stall": 0.8},
        {"gap": 0.3, "stall": 0.5, "shuffle": True, "seed": 9},
        {"gap": 0.3, "stall": 0.5, "overlap": True},
    ],
)
def test_output_does_not_depend_on_how_the_streams_are_driven(echo_design, samples, options):
    result = run(echo_design(), samples, **options)
    np.testing.assert_array_equal(result.output, samples > 0)
    assert result.cycles is not None
    assert result.cycles.shape == (len(samples),)


def echo_cycles(x):
    """Cycles of an `Echo`: one an event and tick, then one a channel and one for the tick, every step."""
    return x.sum((1, 2), dtype=np.int64) + x.shape[1] * (1 + x.shape[2] + 1)


@pytest.mark.parametrize("threads", [1, 3])
def test_cycles_are_exact(echo_design, samples, threads):
    np.testing.assert_array_equal(run(echo_design(), samples, threads=threads).cycles, echo_cycles(samples))


def ones(*numbers):
    """Bits that change from each number to the next."""
    return sum((a ^ b).bit_count() for a, b in pairwise(numbers))


def test_toggles_are_those_of_the_registers(echo_design, samples):
    """Of an `Echo`: a bit of the bitmap for each channel that fires, `sending`, `last` and the scan."""
    steps, channels = samples.shape[0] * samples.shape[1], samples.shape[2]
    bitmap = 2 * int((samples > 0).sum())
    last = 2 * len(samples) - 1
    scan = ones(*list(range(channels + 1)) * steps)
    once = run(echo_design(), samples, threads=1, toggles=True)
    assert once.toggles == {"accelerator": bitmap + 2 * steps + last + scan}
    np.testing.assert_array_equal(once.output, samples > 0)
    np.testing.assert_array_equal(once.cycles, echo_cycles(samples))
    assert run(echo_design(), samples).toggles == {}


def test_back_pressure_costs_cycles_and_repeats(echo_design, samples):
    once, again, other = (
        run(echo_design(), samples, threads=threads, gap=0.5, stall=0.5, seed=seed).cycles
        for seed, threads in [(1, 1), (1, 3), (2, 2)]
    )
    assert np.all(once > echo_cycles(samples))
    np.testing.assert_array_equal(once, again)
    assert np.any(once != other)


@pytest.mark.parametrize(
    ("fault", "options", "kind", "message"),
    [
        ("hang", {}, HangFault, r"cxxrtl, sample 0, cycle \d+: still running, .* the design hangs"),
        ("no_last", {}, HangFault, r"cxxrtl, sample 0, cycle \d+: still running"),
        ("twice", {}, ProtocolFault, r"out, sample 0, step \d: an index that does not ascend: \d+"),
        ("unstable", {"stall": 0.9}, ProtocolFault, r"cxxrtl, sample 0, cycle \d+: out changed or withdrew"),
        ("withdraw", {"stall": 0.9}, ProtocolFault, r"cxxrtl, sample 0, cycle \d+: out changed or withdrew"),
        ("early", {"gap": 0.5}, ProtocolFault, r"cxxrtl, sample 0, cycle \d+: out ended before all input"),
        ("late", {}, ProtocolFault, r"cxxrtl, sample 29: a token on out after the last one"),
        ("flood", {}, ProtocolFault, r"cxxrtl, sample 0, cycle \d+: more output tokens"),
    ],
)
def test_faults_name_the_first_sample(echo_design, samples, fault, options, kind, message):
    threads = 1 if fault == "late" else 2
    with pytest.raises(kind, match=message):
        run(echo_design(fault), samples, threads=threads, **options)


def test_limit_of_cycles(echo_design, samples):
    with pytest.raises(HangFault, match="cxxrtl, sample 0, cycle 101: "):
        run(echo_design(), samples, limit_cycles=100)


class OneWord(wiring.Component):
    """An `Echo` whose output tokens pass through a memory of one word."""

    events: Any
    out: Any

    def __init__(self, params):
        self.echo = Echo(params)
        super().__init__(self.echo.signature)

    def elaborate(self, platform):
        m = Module()
        m.submodules.echo = self.echo
        m.submodules.memory = memory = Memory(shape=6, depth=1, init=[])
        write, read = memory.write_port(), memory.read_port(domain="comb")
        wiring.connect(m, wiring.flipped(self.events), self.echo.events)
        full = Signal()
        m.d.comb += [
            self.echo.out.ready.eq(~full),
            write.en.eq(self.echo.out.valid & ~full),
            write.data.eq(self.echo.out.payload.as_value()),
            self.out.valid.eq(full),
            self.out.payload.as_value().eq(read.data),
        ]
        with m.If(write.en):
            m.d.sync += full.eq(1)
        with m.Elif(self.out.ready):
            m.d.sync += full.eq(0)
        return m


def test_memory_of_one_word(tmp_path):
    """CXXRTL's runtime would read its address, which has no bits, from whatever is there."""
    params = echo_params(10)
    (tmp_path / "one.il").write_text(convert(OneWord(params)).rtlil())
    x = (np.random.default_rng(0).random((40, 3, 10)) < 0.3).astype(np.uint8)
    for _ in range(5):
        design, options = Design(params=params, rtlil=tmp_path / "one.il"), EngineOptions(threads=8)
        result = run_cxxrtl(design, x, options, optimise=0)
        np.testing.assert_array_equal(result.output, x)


def test_a_design_is_compiled_once(echo_design, samples, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    stages = []
    for _ in range(2):
        run(echo_design(), samples, progress=lambda *told: stages.append(told))
    assert [told[0] for told in stages].count("compiling RTL") == 2  # its beginning and its end
    assert stages[-1] == ("cxxrtl", 30, 30)
    kept = [path.name for path in (tmp_path / "spikeloom" / "cxxrtl").rglob("*")]
    assert len(kept) == 2
    assert "design.so" in kept


def test_interrupt_ends_the_threads_soon(echo_design, samples):
    def interrupt(stage, done, total):
        if stage == "cxxrtl":
            raise KeyboardInterrupt

    x = np.zeros((4, 200_000, samples.shape[2]), np.uint8)
    run(echo_design(), samples)
    before, started = threading.active_count(), time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(echo_design("hang"), x, progress=interrupt, limit_cycles=1 << 60)
    assert time.monotonic() - started < 20
    assert threading.active_count() == before


def test_no_compiler(echo_design, samples, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler -O3")
    with pytest.raises(
        MissingTool, match=r"^a C\+\+ compiler \(no-such-compiler\) is needed for CXXRTL simul"
    ):
        run(echo_design(), samples)
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingTool, match=r"^a C\+\+ compiler \(c\+\+, g\+\+ or clang\+\+\) is needed"):
        run(echo_design(), samples)


def test_compiler_that_fails_leaves_nothing(echo_design, samples, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CXX", "false")
    with pytest.raises(UserError, match=r"^CXXRTL simulation: \S*false stopped: no message$"):
        run(echo_design(), samples)
    assert not list((tmp_path / "spikeloom" / "cxxrtl").iterdir())


def test_unreadable_rtl(echo_design, samples, tmp_path):
    design = replace(echo_design(), rtlil=tmp_path / "none.il")
    with pytest.raises(UserError, match=r"^CXXRTL simulation: cannot read .*none.il: No such file"):
        run(design, samples)
    design.rtlil.write_text("this is not RTLIL")
    with pytest.raises(UserError, match=r"^CXXRTL simulation: .* stopped: ") as error:
        run(design, samples)
    assert "\n" not in str(error.value)


def test_two_evaluations_a_cycle_give_the_same(echo_design, samples, monkeypatch, tmp_path):
    """What a design with combinational feedback gets: slower, with the same outputs in the same cycles."""
    fast = run(echo_design(), samples, gap=0.3, stall=0.3)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(cxxrtl_build, "has_feedback", lambda code: True)
    slow = run(echo_design(), samples, gap=0.3, stall=0.3)
    np.testing.assert_array_equal(slow.output, fast.output)
    np.testing.assert_array_equal(slow.cycles, fast.cycles)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gap": 1.0}, "gap must be at least 0 and less than 1, not 1.0"),
        ({"stall": -0.1}, "stall must be at least 0 and less than 1, not -0.1"),
        ({"threads": 0}, "threads must be 1 or more, not 0"),
        ({"limit_cycles": 0}, "limit of cycles must be 1 or more, not 0"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(UserError, match=f"^{message}$"):
        EngineOptions(**options)
