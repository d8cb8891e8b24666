"""A board's top with a PLL, synthesised: one PLL cell, which clocks everything."""

import json

import pytest
from spikeloom.gen.emit import emit_rtlil
from spikeloom.gen.plan import PlanOptions, make_plan
from spikeloom.gen.toolchain.build import _write_top  # pyright: ignore[reportPrivateUsage]
from spikeloom.gen.toolchain.clocks import with_clock
from spikeloom.gen.toolchain.flows import FLOWS
from spikeloom.gen.toolchain.synthesis import synthesise
from spikeloom.hw.boards.registry import BOARDS
from spikeloom.hw.boards.top import LinkTop
from spikeloom.hw.emitted import EmittedAccelerator
from spikeloom.hw.link.params import HostLinkParams
from spikeloom.hw.link.uart_link import UartLink

from ..chains import quantised_chain

pytestmark = pytest.mark.build


@pytest.mark.parametrize(
    ("name", "cell"),
    [("icebreaker", "SB_PLL40_PAD"), ("ice40_hx8k_evn", "SB_PLL40_CORE"), ("ulx3s_12f", "EHXPLLL")],
)
def test_the_pll_clocks_everything(tmp_path, name, cell):
    board = with_clock(BOARDS[name], 40.0)
    qnet = quantised_chain((4, 3, 2))
    plan = make_plan(qnet, PlanOptions())
    (tmp_path / "accelerator.il").write_text(emit_rtlil(plan, qnet))
    params = HostLinkParams(
        bit_cycles=40, clock_hz=round(board.design_mhz * 1e6), build_id=bytes(16), window=2
    )
    _write_top(LinkTop(board, UartLink(EmittedAccelerator(plan.accelerator), params)), board, tmp_path)
    netlist = synthesise(["accelerator.il", "top.il"], top="top", device=board.device, cwd=tmp_path)
    assert netlist.cells[cell] == 1
    cells = json.loads(netlist.netlist.read_text())["modules"]["top"]["cells"].values()
    (pll,) = (c for c in cells if c["type"] == cell)
    output = pll["connections"]["CLKOP" if cell == "EHXPLLL" else "PLLOUTGLOBAL"]
    ports = ("CLK", "C", "RCLK", "WCLK", "CLKA", "CLKB")
    flops = [c for c in cells if c["type"].startswith(("SB_DFF", "TRELLIS_FF", "SB_RAM", "DP16KD"))]
    clocks = [c["connections"][port] for c in flops for port in ports if port in c["connections"]]
    assert len(clocks) > 100
    assert all(clock in (output, ["0"]) for clock in clocks)
    if cell == "EHXPLLL":
        assert f"{board.design_mhz * 1e6:.0f}" in (
            tmp_path / FLOWS[board.family].constraints
        ).read_text().replace(".0", "")
