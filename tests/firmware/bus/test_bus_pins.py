"""Pin-level truth for a system on a chip: the emitted Verilog behind AXI and Wishbone, masters of others."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from spikeloom.firmware.link_verilog import TOP, write_link_verilog
from spikeloom.gen.build_dir import read_build, write_build
from spikeloom.gen.manifest import build_id
from spikeloom.gen.plan import PlanOptions, make_plan
from spikeloom.hw.link.register_map import MAGIC, MAP_VERSION
from spikeloom.sim.bench.runner import build_bench, run_bench
from spikeloom.sim.compile import CompileOptions, compile_model
from spikeloom.sim.data import load_samples
from spikeloom.sim.engines import run_engine
from spikeloom.sim.golden.model import run_golden
from spikeloom.sim.tokens import Tokens, events_format, input_tokens, out_format, read_output

from ...gen.chains import float_chain, quantised_chain

CLOCK_MHZ = 100
EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "digits"
BENCHES = {
    "axi": ("cocotb_axi", "run_streams"),
    "axi-lite": ("cocotb_axi", "run_registers"),
    "wishbone": ("cocotb_wishbone", "run_classic"),
    "wishbone pipelined": ("cocotb_wishbone", "run_pipelined"),
}


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits") / "build"
    calibration = EXAMPLE / "digits_calibration.npz"
    return compile_model(
        EXAMPLE / "digits.nir", folder, options=CompileOptions(), calibration=calibration
    ).build


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    qnet = quantised_chain(sizes=(9, 12, 5), seed=1)
    plan = make_plan(qnet, PlanOptions(weights="loaded", lanes=6))
    folder = tmp_path_factory.mktemp("loaded") / "build"
    return write_build(folder, network=float_chain(qnet), qnet=qnet, plan=plan)


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """Tokens of several bytes: 300 channels, and membranes of 40 bits out."""
    qnet = quantised_chain(sizes=(300, 6, 5), seed=4, analog=True)
    last = qnet.populations[-1]
    neuron = replace(last.neuron, state_bits=40)
    qnet = replace(qnet, populations=(*qnet.populations[:-1], replace(last, neuron=neuron)))
    folder = tmp_path_factory.mktemp("wide") / "build"
    return write_build(folder, network=float_chain(qnet), qnet=qnet, plan=make_plan(qnet, PlanOptions()))


def run_bus(build, link, x, folder, **job):
    """What the bench of `link` left of samples."""
    tokens = input_tokens(x.reshape(*x.shape[:2], -1), events_format(build.plan.accelerator))
    bounds = zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True)
    samples = [tokens.words[first:end, 0].tolist() for first, end in bounds]
    tick = 1 << events_format(build.plan.accelerator).tick_bit
    piece = samples[0][: [word >= tick for word in samples[0]].index(True) + 4]
    job |= {"samples": samples, "piece": piece, "last_bit": out_format(build.plan.accelerator).tick_bit + 1}
    return simulate(build, folder / "link", link.split()[0], *BENCHES[link], job)


def simulate(build, path, link, bench, case, job):
    """What the test `case` of a bench left of a job."""
    for module in ("cocotbext.axi", "cocotbext.wishbone"):
        if not find_spec("cocotbext") or not find_spec(module):
            pytest.skip(f"{module} is not installed")
    write_link_verilog(build, path, clock_mhz=CLOCK_MHZ, link=link)
    (path / "job.json").write_text(json.dumps(job))
    build_bench("icarus", [path / f"{TOP}.v", path / "accelerator.v"], top=TOP, folder=path)
    places = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    env = {"SPIKELOOM_JOB": str(path), "PYTHONPATH": places, "COCOTB_TEST_FILTER": f"{case}$"}
    run_bench("icarus", bench, top=TOP, build=path, folder=path, env=env)
    return json.loads((path / "result.json").read_text())


def read(build, samples, steps):
    """Output of token words, its protocol checked."""
    words = np.array([word for sample in samples for word in sample], np.uint64).reshape(-1, 1)
    tokens = Tokens(words=words, offsets=np.cumsum([0, *map(len, samples)]))
    params = build.plan.accelerator
    return read_output(tokens, out_format(params), params.readout, steps=steps)


def check(build, x, found):
    """Output, counters and identity against what is known without the device."""
    expected = run_engine("golden", build, x).output
    np.testing.assert_array_equal(read(build, found["output"], x.shape[1]), expected)
    np.testing.assert_array_equal(read(build, found["again"], x.shape[1]), expected[:1])
    if "restarted" in found:
        np.testing.assert_array_equal(read(build, found["restarted"], x.shape[1]), expected[:1])
    facts, before, after = found["facts"], found["before"], found["after"]
    assert (facts["magic"], facts["version"]) == (MAGIC, MAP_VERSION)
    assert facts["clock_hz"] == CLOCK_MHZ * 1_000_000
    assert facts["build_id"] == build_id(build.path).hex()
    params = build.plan.accelerator
    assert facts["event_bits"] == events_format(params).payload_bits
    assert facts["out_bits"] == out_format(params).payload_bits
    ticks = len(x) * x.shape[1]
    assert after["event_ticks"] - before["event_ticks"] == ticks
    assert after["event_words"] - before["event_words"] == x.sum() + ticks
    assert after["out_ticks"] - before["out_ticks"] == ticks
    assert after["out_words"] - before["out_words"] == sum(map(len, found["output"]))
    assert after["cycles"] > before["cycles"]
    saturations = sum(run_golden(build.qnet, x).saturations.values())
    assert after["saturations"] - before["saturations"] == saturations


@pytest.mark.icarus
@pytest.mark.parametrize("link", BENCHES)
def test_real_digits(digits, link, tmp_path):
    x = load_samples(EXAMPLE / "digits_test.npz", shape=(64,), limit=3).x
    found = run_bus(digits, link, x, tmp_path)
    check(digits, x, found)
    assert found["facts"]["memories"] == 0
    assert found["facts"]["streams"] == (link == "axi")


@pytest.mark.icarus
def test_saturations(saturating, tmp_path):
    build = read_build(saturating.build)
    x = load_samples(saturating.data, shape=(6,), limit=3).x
    found = run_bus(build, "wishbone", x, tmp_path)
    check(build, x, found)
    assert found["after"]["saturations"] - found["before"]["saturations"] > 5


@pytest.mark.icarus
@pytest.mark.parametrize("link", ["axi", "axi-lite"])
def test_tokens_of_several_bytes(wide, link, tmp_path):
    """TDATA of 2 and 8 bytes; OUT of two words."""
    x = (np.random.default_rng(5).random((2, 6, 300)) < 0.1).astype(np.uint8)
    found = run_bus(wide, link, x, tmp_path)
    check(wide, x, found)
    assert (found["facts"]["event_bits"], found["facts"]["out_bits"]) == (11, 45)


@pytest.mark.icarus
@pytest.mark.parametrize("link", ["axi", "axi-lite", "wishbone"])
def test_weights_that_are_loaded(loaded, link, tmp_path):
    x = (np.random.default_rng(3).random((2, 6, 9)) < 0.5).astype(np.uint8)
    image = loaded.load_image()
    found = run_bus(loaded, link, x, tmp_path, slices=[words.ravel().tolist() for words in image.slices()])
    check(loaded, x, found)
    assert found["facts"]["memories"] == len(image.shapes)


def test_the_command_writes_every_bus(cli, small, tmp_path):
    ports = {
        "axi": ("s_axi_awaddr", "s_axis_events_tdata", "m_axis_out_tlast", "aresetn"),
        "axi-lite": ("s_axi_rdata", "irq"),
        "wishbone": ("wb_adr_i", "wb_dat_o", "wb_stall_o", "irq"),
    }
    for link, names in ports.items():
        folder = tmp_path / link
        assert cli("link", small.build, "--clock-mhz", 100, "--link", link, "-o", folder).code == 0
        text = (folder / f"{TOP}.v").read_text()
        head = text[text.index(f"module {TOP}(") :].split(";")[0]
        assert all(name in head for name in names)
        assert (folder / "accelerator.v").is_file()
