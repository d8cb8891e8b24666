"""Pin-level truth: the emitted Verilog behind its pins in Icarus, the host's own code on the other side."""

from __future__ import annotations

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from spikeloom.firmware.link_verilog import TOP, write_link_verilog
from spikeloom.hw.link.spi import MIN_SCK_CYCLES
from spikeloom.sim.bench.runner import build_bench, run_bench
from spikeloom.sim.bench.streams import PERIOD_NS
from spikeloom.sim.compile import CompileOptions, compile_model
from spikeloom.sim.data import load_samples
from spikeloom.sim.engines import run_engine

CLOCK_MHZ = 1000 / PERIOD_NS
EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "digits"


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits") / "build"
    calibration = EXAMPLE / "digits_calibration.npz"
    return compile_model(
        EXAMPLE / "digits.nir", folder, options=CompileOptions(), calibration=calibration
    ).build


def run_pins(build, bench, x, job, folder, **link):
    """What the cocotb module `bench` left of samples on the Verilog of a link."""
    write_link_verilog(build, folder / "link", clock_mhz=CLOCK_MHZ, **{"window": 4, **link})
    folder = folder / "link"
    np.save(folder / "x.npy", x)
    (folder / "job.json").write_text(json.dumps({"build": str(build.path), **job}))
    sources = [folder / f"{TOP}.v", folder / "accelerator.v"]
    build_bench("icarus", sources, top=TOP, folder=folder)
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    env = {"SPIKELOOM_JOB": str(folder), "PYTHONPATH": path}
    run_bench("icarus", bench, top=TOP, build=folder, folder=folder, env=env)
    with np.load(folder / "result.npz") as arrays:
        return dict(arrays), json.loads((folder / "result.json").read_text())


@pytest.mark.icarus
def test_real_digits_on_the_pins_of_the_uart(digits, tmp_path):
    """Three digits and one of them step by step, by a clock that is 1 % slow."""
    x = load_samples(EXAMPLE / "digits_test.npz", shape=(64,), limit=3).x
    baud = 25_000_000  # four cycles a bit, the fewest
    job = {"bit_ps": round(1e12 / baud * 1.01)}
    found, seen = run_pins(digits, "cocotb_uart", x, job, tmp_path, baud=baud)
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
    x = load_samples(EXAMPLE / "digits_test.npz", shape=(64,), limit=3).x
    job = {"sck_hz": 1e9 / PERIOD_NS / MIN_SCK_CYCLES}
    found, seen = run_pins(digits, "cocotb_spi", x, job, tmp_path, link="spi")
    expected = run_engine("golden", digits, x).output
    np.testing.assert_array_equal(found["output"], expected)
    counters = seen["counters"]
    assert counters["event_words"] - counters["event_ticks"] == x.sum()
    assert not counters["bad_frames"] | counters["stray_frames"] | counters["line_errors"]
    assert seen["sent_again"] == seen["polls"] == seen["bad_frames"] == 0


@pytest.mark.icarus
def test_real_digits_on_the_pins_of_aer(digits, tmp_path):
    """A sensor and a receiver that have no clock; every spike of every step."""
    x = load_samples(EXAMPLE / "digits_test.npz", shape=(64,), limit=3).x
    index_bits = (digits.plan.accelerator.output_neurons - 1).bit_length()
    found, seen = run_pins(
        digits, "cocotb_aer", x, {"tick_bit": index_bits}, tmp_path, link="aer", ticks=True
    )
    expected = run_engine("golden", digits, x).output
    assert seen == {"overrun": 0, "stray": 0, "broken": []}
    output, place = np.zeros((expected.shape[0] * expected.shape[1], expected.shape[2]), int), 0
    for word in found["received"].tolist():
        if word >> index_bits:
            assert (word >> index_bits == 3) == (place % x.shape[1] == x.shape[1] - 1)
            place += 1
        else:
            output[place, word] += 1
    assert place == len(output)
    np.testing.assert_array_equal(output.reshape(expected.shape), expected)


def test_the_command_writes_a_link(cli, small, tmp_path):
    words = ("link", small.build, "--clock-mhz", 12)
    assert cli(*words, "--link", "spi").code == 0
    assert cli(*words, "-o", tmp_path / "uart", "--baud", 115200).code == 0
    text = (tmp_path / "uart" / f"{TOP}.v").read_text()
    assert f"module {TOP}(" in text
    assert (tmp_path / "uart" / "accelerator.v").is_file()
    assert (
        cli(*words, "--link", "usb").error()
        == "Link must be one of uart, spi, axi, axi-lite, wishbone, aer, not usb"
    )
    aer = (*words, "-o", tmp_path / "aer", "--link", "aer")
    found = cli(*aer, "--steps", 7, "--step-us", 5)
    assert found.code == 0
    assert "A sample has 7 steps; a step ends every 60 cycles or by the pin step" in found.out
    assert "out_address" in (tmp_path / "aer" / f"{TOP}.v").read_text()
    assert cli(*aer, "--step-us", 0).error() == "Step of 0 us is shorter than a cycle of 12 MHz"
    unused = cli(*words, "-o", tmp_path / "axi", "--link", "axi", "--steps", 7).error()
    assert unused == "Link axi has no --steps, --step-us or --ticks: the host tells it; they are of aer"
    assert not (tmp_path / "axi").exists()
    assert cli(*words, "--baud", 9_000_000).error().startswith("A clock of 12 MHz makes 3000000 baud")
