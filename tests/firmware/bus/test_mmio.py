"""The C driver on the registers of the emitted Verilog, under sanitizers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from spikeloom.firmware.c_project import write_c_project
from spikeloom.gen.build_dir import read_build
from spikeloom.sim.data import load_samples
from spikeloom.sim.decision import decide_output
from spikeloom.sim.engines import run_engine
from spikeloom.sim.golden.model import run_golden

from ..c.test_driver import SANITIZED, STRICT
from .test_bus_pins import CLOCK_MHZ, EXAMPLE, digits, loaded, simulate

__all__ = ["digits", "loaded"]

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler on PATH")


def compile_c(build, folder, main):
    """A program with the driver on registers in the place of the one on a line."""
    project = write_c_project(build, folder / "c")
    names = ("spikeloom_mmio.c", "spikeloom.c", "spikeloom_build.c")
    sources = [Path(__file__).with_name(main), *(project / name for name in names)]
    slots = ["-DSPIKELOOM_SEND_SLOTS=1", "-DSPIKELOOM_RECEIVE_SLOTS=1"]
    command = ["cc", *STRICT.split(), *SANITIZED.split(), *slots, f"-I{project}"]
    done = subprocess.run(
        [*command, "-o", folder / "program", *sources], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "program"


def exercise(build, x, folder, *extra):
    """What the exercise said of samples, but for their results, which are checked here."""
    program = compile_c(build, folder, "mmio_exercise.c")
    x.tofile(folder / "counts")
    words = (program, len(x), x.shape[1], folder / "counts", *extra)
    job = {"command": [str(word) for word in words]}
    found = simulate(build, folder / "link", "wishbone", "cocotb_wishbone", "run_driver", job)
    said = [" ".join(words) for words in found["said"]]
    assert (found["code"], found["trouble"]) == (0, ""), said[-1]
    expected = run_engine("golden", build, x).output
    winners = decide_output(build.qnet, build.plan.accelerator.readout, expected)
    scores = expected.sum(1, dtype=np.int64)
    runs = [*range(len(x)), 0, 0]
    wanted = [f"run {n} winner {winners[n]} scores {' '.join(map(str, scores[n]))}" for n in runs]
    assert [line for line in said if line.startswith("run")] == wanted
    return [line for line in said if not line.startswith("run")]


@pytest.mark.icarus
def test_real_digits(digits, tmp_path):
    x = load_samples(EXAMPLE / "digits_test.npz", shape=(64,), limit=3).x
    said = exercise(digits, x, tmp_path)
    saturations = sum(run_golden(digits.qnet, x).saturations.values())
    ticks = len(x) * x.shape[1]
    spikes = run_engine("golden", digits, x).output.sum()
    assert said == [
        "closed -1",
        f"clock {CLOCK_MHZ * 1_000_000}",
        f"counters {x.sum() + ticks} {ticks} {spikes + ticks} {ticks} {saturations} 0 0 0",
        "echo ok",
        "full 1",
        "stalled -2 -2",
    ]


@pytest.mark.icarus
def test_memories(loaded, tmp_path):
    """Through the commands of the link, which become accesses to registers."""
    x = (np.random.default_rng(3).random((2, 6, 9)) < 0.5).astype(np.uint8)
    (tmp_path / "memories").write_bytes(loaded.load_image().data)
    said = exercise(loaded, x, tmp_path, tmp_path / "memories")
    assert said[2:7] == ["refused -10", "outside 2 0 0", "nameless 0", "named 1", "name 1 8"]
    assert said[-3:] == ["echo ok", "full 1", "stalled -2 -2"]


def test_what_is_not_this_accelerator(small, tmp_path):
    """Nothing there, tokens through streams, another build, another map."""
    program = compile_c(read_build(small.build), tmp_path, "mmio_words.c")
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    lines = ["nothing -1", "right 0 -10 1 1 -5", "streams 0 -4 1", "other -6", "newer -1"]
    assert done.stdout.splitlines() == lines
