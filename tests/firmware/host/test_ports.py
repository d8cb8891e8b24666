"""The board on a serial port: a pseudo-terminal with the simulated board behind it; and `spikeloom run`."""

from __future__ import annotations

import json

import numpy as np
import pytest
from spikeloom.firmware.host.board import BoardLink
from spikeloom.firmware.host.faults import LinkError
from spikeloom.firmware.host.ports import SerialPort
from spikeloom.gen.build_dir import read_build
from spikeloom.gen.manifest import build_id
from spikeloom.hw.link.params import HostLinkParams
from spikeloom.sim.data import load_samples
from spikeloom.sim.engines import run_engine
from spikeloom.sim.link.pins import SimulatedBoard

from ..terminals import terminal

pytest.importorskip("serial", reason="pyserial is not installed")


def test_a_serial_port(small):
    build = read_build(small.build)
    params = HostLinkParams(bit_cycles=4, window=4, clock_hz=25_000_000, build_id=build_id(build.path))
    x = load_samples(small.data, shape=(6,)).x
    with (
        terminal(SimulatedBoard(build, params, optimise=1)) as path,
        BoardLink(SerialPort(path, baud=1_000_000), build) as board,
    ):
        np.testing.assert_array_equal(board.run(x), run_engine("golden", build, x).output)
        assert board.echo(bytes(range(200))) == bytes(range(200))


def test_a_port_that_is_not_there(cli, small):
    words = ("run", small.build, small.data, "--port")
    text = cli(*words, "/dev/ttyNOWHERE").error()
    assert text.startswith("/dev/ttyNOWHERE: cannot be opened (No such file or directory)")
    with pytest.raises(LinkError, match="cannot be opened"):
        SerialPort("/dev/null", baud=9600)


def test_run_on_a_simulated_board(cli, small, tmp_path):
    words = ("run", small.build, small.data, "--port", "sim", "--baud", 6_250_000, "--limit", 5)
    outcome = cli(*words, "--json", tmp_path / "run.json")
    assert outcome.code == 0
    assert "samples a second" in outcome.out
    found = json.loads((tmp_path / "run.json").read_text())
    with np.load(small.data) as data:
        x, y = data["x"][:5], data["y"][:5]
    golden = run_engine("golden", read_build(small.build), x).output
    assert found["accuracy"] == np.mean(golden.sum(1).argmax(1) == y)
    assert (found["samples"], found["counters"]["out_ticks"]) == (5, 5 * x.shape[1])
    assert found["counters"]["event_words"] == x.sum() + 5 * x.shape[1]
    assert found["link"]["sent_again"] == 0


def test_a_rate_that_no_clock_makes(cli, small):
    text = cli("run", small.build, small.data, "--port", "sim", "--baud", 9_000_000).error()
    assert text == "A clock of 25 MHz makes 6250000 baud, not 9000000; at most 6250000"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--link", "usb"), "Link must be uart or spi, not usb"),
        (
            ("--link", "spi", "--board", "colorlight_5a75b"),
            "Board colorlight_5a75b has no pins chosen for SPI; ",
        ),
        (("--link", "uart", "--baud", 20_000_000), "Board ulx3s_85f: A clock of 25 MHz makes 6250000 baud"),
        (("--link", "uart", "--synth-only"), "Only a whole board has a link"),
        (("--link", "uart", "--board", "tinyfpga_bx"), "Board tinyfpga_bx has no UART; ulx3s_12f, "),
    ],
)
def test_links_that_cannot_be_built(cli, small, options, text):
    board = () if "--board" in options else ("--board", "ulx3s_85f")
    assert cli("build", small.build, *board, *options).error().startswith(text)
