"""The command line as a process of its own: interrupts, pipes, a failing disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from .cli_runner import Small
from .gen.nir_files import affine, chain, lif, write

SPIKELOOM = [sys.executable, "-m", "spikeloom"]
WAIT_S = 120


def start(*words: object, folder: Path, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*SPIKELOOM, *map(str, words)], cwd=folder, stdout=stdout, stderr=subprocess.PIPE, text=True
    )


def test_python_m_is_the_same_command(tmp_path: Path) -> None:
    process = start("inspect", "none.nir", folder=tmp_path)
    out, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, out) == (2, "")
    assert err == "spikeloom: none.nir: no such file; expected a .nir file\n"


@pytest.fixture(scope="module")
def slow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose RTL takes a second or more to write."""
    weight = np.random.default_rng(0).normal(0, 0.05, (500, 1000))
    path = tmp_path_factory.mktemp("slow") / "model.nir"
    return write(path, chain(affine(weight), lif(500), inputs=(1000,), outputs=(500,)))


@pytest.mark.parametrize(
    ("sent", "code", "line"),
    [(signal.SIGINT, 130, "spikeloom: interrupted\n"), (signal.SIGTERM, 143, "")],
    ids=["Ctrl-C", "terminate"],
)
def test_an_interrupt_leaves_nothing(
    tmp_path: Path, slow_model: Path, sent: signal.Signals, code: int, line: str
) -> None:
    process = start("compile", slow_model, "-o", "out", folder=tmp_path)
    wait_until_it_writes(process, tmp_path)
    process.send_signal(sent)
    out, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, out, err) == (code, "", line)
    assert os.listdir(tmp_path) == []


def wait_until_it_writes(process: subprocess.Popen[str], folder: Path) -> None:
    end = time.monotonic() + WAIT_S
    while not any(folder.iterdir()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "nothing was written"
        time.sleep(0.01)


def test_a_reader_that_left_is_no_error(tmp_path: Path, small: Small) -> None:
    """As in ``spikeloom inspect MODEL.nir | head``: no traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    process = start("inspect", small.model, folder=tmp_path, stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, err) == (1, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_one_line(tmp_path: Path, small: Small) -> None:
    with open("/dev/full", "w") as full:
        process = start("inspect", small.model, folder=tmp_path, stdout=full.fileno())
        _, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, err) == (2, "spikeloom: No space left on device\n")


def test_json_to_a_device_that_is_full(tmp_path: Path, small: Small) -> None:
    process = start("boards", "--json", "/dev/full", folder=tmp_path)
    _, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, err) == (2, "spikeloom: Cannot write /dev/full: No space left on device\n")
