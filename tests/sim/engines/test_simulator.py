"""Icarus and Verilator on the same components as the compiled engine, cycle for cycle."""

import os
from dataclasses import replace

import numpy as np
import pytest
from spikeloom.gen.errors import MissingTool, UserError
from spikeloom.sim.bench import runner
from spikeloom.sim.engines.cxxrtl import run_cxxrtl
from spikeloom.sim.engines.run import EngineOptions
from spikeloom.sim.engines.simulator import run_simulator
from spikeloom.sim.faults import HangFault, ProtocolFault

SIMULATORS = [
    pytest.param("icarus", marks=pytest.mark.icarus),
    pytest.param("verilator", marks=pytest.mark.verilator),
]


@pytest.fixture(params=SIMULATORS)
def simulator(request):
    runner.require_simulator(request.param)
    return request.param


@pytest.mark.parametrize(
    "options",
    [
        EngineOptions(),
        EngineOptions(overlap=True),
        EngineOptions(gap=0.4, stall=0.6, shuffle=True, seed=4),
    ],
    ids=["free", "overlap", "back-pressure"],
)
def test_output_and_cycles(simulator, echo_design, samples, options):
    result = run_simulator(simulator, echo_design(), samples, options)
    np.testing.assert_array_equal(result.output, samples > 0)
    if not options.gap:
        compiled = run_cxxrtl(echo_design(), samples, replace(options, threads=1), optimise=1)
        np.testing.assert_array_equal(result.cycles, compiled.cycles)


def test_progress_counts_samples(simulator, echo_design, samples):
    told = []
    run_simulator(simulator, echo_design(), samples, EngineOptions(), progress=lambda *t: told.append(t))
    done = [count for stage, count, total in told if stage == simulator and total == len(samples)]
    assert done == sorted(done)
    assert done[-1] == len(samples)


@pytest.mark.icarus
@pytest.mark.parametrize(
    ("fault", "options", "kind", "message"),
    [
        ("hang", {}, HangFault, r"^icarus, sample 0: still running after its limit of \d+ cycles"),
        ("twice", {}, ProtocolFault, r"^out, sample 0, step \d: an index that does not ascend: \d+"),
        ("unstable", {"stall": 0.9}, ProtocolFault, r"^icarus, sample 0: out changed a token that waited"),
        ("withdraw", {"stall": 0.9}, ProtocolFault, r"^icarus, sample 0: out withdrew a token that waited"),
        ("early", {"gap": 0.5}, ProtocolFault, r"^icarus, sample 0: out ended before all input was taken"),
        ("late", {}, ProtocolFault, r"^icarus, sample 29: a token on out after the last one"),
    ],
)
def test_faults_name_the_sample(echo_design, samples, fault, options, kind, message):
    runner.require_simulator("icarus")
    with pytest.raises(kind, match=message):
        run_simulator("icarus", echo_design(fault), samples, EngineOptions(**options))


@pytest.mark.icarus
def test_interrupt_ends_the_simulation(echo_design, samples, tmp_path):
    def interrupt(stage, done, total):
        if stage == "icarus" and done:
            raise KeyboardInterrupt

    x = np.repeat(samples, 200, axis=0)
    with pytest.raises(KeyboardInterrupt):
        run_simulator("icarus", echo_design(), x, EngineOptions(), progress=interrupt)


@pytest.mark.icarus
def test_verilog_that_is_not(echo_design, samples, tmp_path):
    broken = tmp_path / "broken.v"
    broken.write_text("module accelerator(;")
    design = replace(echo_design(), verilog=(broken,))
    with pytest.raises(UserError, match=r"^icarus cannot compile .*broken.v: .*error") as error:
        run_simulator("icarus", design, samples, EngineOptions())
    assert "\n" not in str(error.value)
    design = replace(echo_design(), verilog=(tmp_path / "none.v",))
    with pytest.raises(UserError, match=r"^cannot read .*none.v: No such file"):
        run_simulator("icarus", design, samples, EngineOptions())


def test_missing_simulators(echo_design, samples, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        MissingTool, match=r"^iverilog is needed for the icarus engine: install Icarus Verilog"
    ):
        run_simulator("icarus", echo_design(), samples, EngineOptions())
    with pytest.raises(MissingTool, match=r"^a C\+\+ compiler .* is needed for the verilator engine: "):
        run_simulator("verilator", echo_design(), samples, EngineOptions())
    monkeypatch.setattr(runner.util, "find_spec", lambda name: None)
    with pytest.raises(
        MissingTool, match=r"^cocotb is needed for the icarus engine: pip install 'spikeloom\[sim\]'"
    ):
        runner.require_simulator("icarus")


def test_unknown_simulator():
    with pytest.raises(UserError, match=r"^Simulator must be one of icarus, verilator, not modelsim$"):
        runner.require_simulator("modelsim")


def test_verilator_is_the_binary_itself(tmp_path):
    """A link to the wheel's launcher would find itself on PATH, and start itself without end."""
    environment = runner._verilator_environment(tmp_path, os.environ["PATH"])
    link = tmp_path / "bin" / "verilator"
    assert environment["PATH"].startswith(str(link.parent) + os.pathsep)
    assert link.resolve().name == "verilator_bin"
    assert link.read_bytes()[:4] == b"\x7fELF"
