"""A board's top with a PLL, synthesised: one PLL cell, which clocks everything, or the accelerator alone."""

import json
import re

import pytest
from spikeloom.gen.emit import emit_rtlil
from spikeloom.gen.plan import PlanOptions, make_plan
from spikeloom.gen.toolchain.build import _write_top  # pyright: ignore[reportPrivateUsage]
from spikeloom.gen.toolchain.clocks import with_clock
from spikeloom.gen.toolchain.flows import FLOWS
from spikeloom.gen.toolchain.synthesis import synthesise
from spikeloom.hw.boards.registry import BOARDS
from spikeloom.hw.boards.top import LinkTop
from spikeloom.hw.clocked_accelerator import ClockedAccelerator
from spikeloom.hw.emitted import EmittedAccelerator
from spikeloom.hw.link.params import HostLinkParams
from spikeloom.hw.link.uart_link import UartLink

from ..chains import quantised_chain

pytestmark = pytest.mark.build


OUTPUTS = ("CLKOUT", "CLKOP", "PLLOUTGLOBAL", "PLLOUTGLOBALB")
PORTS = ("CLK", "C", "RCLK", "WCLK", "CLKA", "CLKB")
REGISTERS = ("SB_DFF", "TRELLIS_FF", "SB_RAM", "DP16KD", "DFF", "SDP", "RAM16S")


def clocked_cells(tmp_path, board, *, split):
    """The PLL's cell, and clocks of registers and RAMs: inside the accelerator, and outside of it."""
    qnet = quantised_chain((4, 3, 2))
    plan = make_plan(qnet, PlanOptions())
    (tmp_path / "accelerator.il").write_text(emit_rtlil(plan, qnet))
    params = HostLinkParams(
        bit_cycles=40, clock_hz=round(board.design_mhz * 1e6), build_id=bytes(16), window=2
    )
    accelerator = EmittedAccelerator(plan.accelerator)
    if split:
        accelerator = ClockedAccelerator(accelerator)
    _write_top(LinkTop(board, UartLink(accelerator, params)), board, tmp_path)
    netlist = synthesise(["accelerator.il", "top.il"], top="top", device=board.device, cwd=tmp_path)
    module = json.loads(netlist.netlist.read_text())["modules"]["top"]
    cells = module["cells"]
    (pll,) = (c for c in cells.values() if "PLL" in c["type"])
    derive = FLOWS[board.family].pll_clocks
    if derive is not None:
        (tmp_path / "top.sdc").write_text(derive(module, board))
    inside, outside = [], []
    for name, cell in cells.items():
        if cell["type"].startswith(REGISTERS):
            clocks = [cell["connections"][port] for port in PORTS if port in cell["connections"]]
            (inside if ".emitted." in name else outside).extend(clocks)
    assert min(len(inside), len(outside)) > 50
    return pll, inside, outside


def output_of(pll):
    return next(pll["connections"][name] for name in OUTPUTS if name in pll["connections"])


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("icebreaker", "SB_PLL40_PAD"),
        ("ice40_hx8k_evn", "SB_PLL40_CORE"),
        ("ulx3s_12f", "EHXPLLL"),
        ("tang_nano_9k", "rPLL"),
    ],
)
def test_the_pll_clocks_everything(tmp_path, name, cell):
    board = with_clock(BOARDS[name], 40.0)
    pll, inside, outside = clocked_cells(tmp_path, board, split=False)
    assert pll["type"] == cell
    assert all(clock in (output_of(pll), ["0"]) for clock in inside + outside)
    if cell == "rPLL":
        check_sdc(tmp_path, board)
        return
    # the oscillator's clock, out of which nextpnr derives the others
    text = (tmp_path / FLOWS[board.family].constraints).read_text()
    assert len(re.findall(r"^(?:set_frequency|FREQUENCY PORT)", text, re.MULTILINE)) == 1


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("icebreaker", "SB_PLL40_2_PAD"),
        ("ice40_hx8k_evn", "SB_PLL40_CORE"),
        ("ecpix5_85f", "EHXPLLL"),
        ("tang_primer_20k", "rPLL"),
    ],
)
def test_the_pll_clocks_the_accelerator_beside_a_link(tmp_path, name, cell):
    """The link has the oscillator's clock, or one that it closes where that is a fast one."""
    board = with_clock(BOARDS[name], 80.0)
    pll, inside, outside = clocked_cells(tmp_path, board, split=True)
    assert pll["type"] == cell
    assert all(clock in (output_of(pll), ["0"]) for clock in inside)
    others = {tuple(clock) for clock in outside} - {("0",), tuple(output_of(pll))}
    assert len(others) == 1
    if cell == "rPLL":
        assert list(*others) == pll["connections"]["CLKIN"]
        check_sdc(tmp_path, board)
    if name == "ecpix5_85f":
        assert list(*others) == pll["connections"]["CLKOS"]
        assert 50 < board.link_mhz <= 60


def check_sdc(folder, board):
    """The oscillator's clock and the PLL's, on the nets that have them."""
    periods = re.findall(
        r"^create_clock -name \w+ -period ([\d.]+) \[get_nets \{(\S+)\}\]$",
        (folder / "top.sdc").read_text(),
        re.MULTILINE,
    )
    assert [float(period) for period, _ in periods] == pytest.approx(
        [1000 / board.clock_mhz, 1000 / board.design_mhz], rel=1e-4
    )
    assert len({net for _, net in periods}) == 2
