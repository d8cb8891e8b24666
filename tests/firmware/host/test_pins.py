"""Pin-level truth: the emitted Verilog behind its pins in Icarus, the host's own code on the other side."""

from __future__ import annotations

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from spikeloom.gen.manifest import build_id
from spikeloom.gen.rtl import convert
from spikeloom.hw.emitted import EmittedAccelerator
from spikeloom.hw.link.params import HostLinkParams
from spikeloom.hw.link.spi import MIN_SCK_CYCLES
from spikeloom.hw.link.spi_link import SpiLink
from spikeloom.hw.link.uart_link import UartLink
from spikeloom.sim.bench.runner import build_bench, run_bench
from spikeloom.sim.bench.streams import PERIOD_NS
from spikeloom.sim.compile import CompileOptions, compile_model
from spikeloom.sim.data import load_samples
from spikeloom.sim.engines import run_engine

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "digits"


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits") / "build"
    calibration = EXAMPLE / "digits_calibration.npz"
    return compile_model(
        EXAMPLE / "digits.nir", folder, options=CompileOptions(), calibration=calibration
    ).build


def run_pins(link, build, bench, x, job, folder):
    """What the cocotb module `bench` left of samples on the Verilog of `link`."""
    (folder / "board.v").write_text(convert(link, name="board").verilog())
    for image in build.images:
        (folder / image.name).write_bytes(image.read_bytes())
    np.save(folder / "x.npy", x)
    (folder / "job.json").write_text(json.dumps({"build": str(build.path), **job}))
    build_bench("icarus", [folder / "board.v", build.verilog], top="board", folder=folder)
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    env = {"SPIKELOOM_JOB": str(folder), "PYTHONPATH": path}
    run_bench("icarus", bench, top="board", build=folder, folder=folder, env=env)
    with np.load(folder / "result.npz") as arrays:
        return dict(arrays), json.loads((folder / "result.json").read_text())


@pytest.mark.icarus
def test_real_digits_on_the_pins_of_the_uart(digits, tmp_path):
    """Three digits and one of them step by step, by a clock that is 1 % slow."""
    params = HostLinkParams(bit_cycles=4, window=4, clock_hz=100_000_000, build_id=build_id(digits.path))
    link = UartLink(EmittedAccelerator(digits.plan.accelerator), params)
    x = load_samples(EXAMPLE / "digits_test.npz", shape=(64,), limit=3).x
    job = {"bit_ps": round(params.bit_cycles * PERIOD_NS * 1000 * 1.01)}
    found, seen = run_pins(link, digits, "cocotb_uart", x, job, tmp_path)
    expected = run_engine("golden", digits, x).output
    np.testing.assert_array_equal(found["output"], expected)
    np.testing.assert_array_equal(found["again"], expected[:1])
    counters = seen["counters"]
    assert counters["event_words"] - counters["event_ticks"] == x.sum() + x[0].sum()
    assert not counters["bad_frames"] | counters["stray_frames"] | counters["line_errors"]
    assert seen["sent_again"] == seen["polls"] == seen["framing_errors"] == 0


@pytest.mark.icarus
def test_real_digits_on_the_pins_of_spi(digits, tmp_path):
    """The same from a controller that somebody else wrote, at the fastest rate there is."""
    if not find_spec("cocotbext") or not find_spec("cocotbext.spi"):
        pytest.skip("cocotbext-spi is not installed")
    params = HostLinkParams(window=4, clock_hz=100_000_000, build_id=build_id(digits.path))
    link = SpiLink(EmittedAccelerator(digits.plan.accelerator), params)
    x = load_samples(EXAMPLE / "digits_test.npz", shape=(64,), limit=3).x
    job = {"sck_hz": 1e9 / PERIOD_NS / MIN_SCK_CYCLES}
    found, seen = run_pins(link, digits, "cocotb_spi", x, job, tmp_path)
    expected = run_engine("golden", digits, x).output
    np.testing.assert_array_equal(found["output"], expected)
    np.testing.assert_array_equal(found["again"], expected[:1])
    counters = seen["counters"]
    assert counters["event_words"] - counters["event_ticks"] == x.sum() + x[0].sum()
    assert not counters["bad_frames"] | counters["stray_frames"] | counters["line_errors"]
    assert seen["sent_again"] == seen["polls"] == seen["bad_frames"] == 0
