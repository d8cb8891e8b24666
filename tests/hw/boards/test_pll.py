"""PLL settings: as fast as allowed, within the device's limits; and what a board's top makes of them."""

from dataclasses import replace
from typing import Any

import pytest
from spikeloom.gen.errors import UserError
from spikeloom.gen.toolchain.build import BuildResult, _as_fast_as_it_goes  # pyright: ignore[reportPrivateUsage]
from spikeloom.gen.toolchain.clocks import AUTO, MARGIN, faster, first_try, parse_clock, with_clock
from spikeloom.hw.boards.pll import choose_pll
from spikeloom.hw.boards.registry import BOARDS

DETECTOR_MHZ = {"tang_nano_9k": (3, 400), "tang_primer_20k": (3, 500)}
OSCILLATOR_MHZ = {"tang_nano_9k": (400, 1200), "tang_primer_20k": (500, 1250)}


@pytest.mark.parametrize("name", BOARDS)
@pytest.mark.parametrize("most", [17.0, 33.4, 47.9, 60.0, 91.3, 150.0])
def test_settings(name, most):
    board = BOARDS[name]
    pll = choose_pll(board.device, board.clock_mhz, most)
    assert pll is not None
    assert 0.9 * most <= pll.output_mhz <= most
    s = pll.settings
    if pll.cell == "EHXPLLL":
        assert pll.output_mhz == pytest.approx(board.clock_mhz * s["CLKFB_DIV"] / s["CLKI_DIV"])
        assert 400 <= pll.output_mhz * s["CLKOP_DIV"] <= 800
        assert board.clock_mhz / s["CLKI_DIV"] >= 3.125
    elif pll.cell == "rPLL":
        divided, times = s["IDIV_SEL"] + 1, s["FBDIV_SEL"] + 1
        assert pll.output_mhz == pytest.approx(board.clock_mhz * times / divided)
        assert max(divided, times) <= 64
        assert between(DETECTOR_MHZ[name], board.clock_mhz / divided)
        assert between(OSCILLATOR_MHZ[name], pll.output_mhz * s["ODIV_SEL"])
        assert s["ODIV_SEL"] in (2, 4, 8, *range(16, 129, 16))
    else:
        vco = board.clock_mhz / (s["DIVR"] + 1) * (s["DIVF"] + 1)
        assert pll.output_mhz == pytest.approx(vco / 2 ** s["DIVQ"])
        assert 533 <= vco <= 1066
        assert s["FILTER_RANGE"] in range(1, 7)


def between(limits, value):
    return limits[0] <= value <= limits[1]


def test_no_setting():
    ice40, gowin = BOARDS["icebreaker"], BOARDS["tang_nano_9k"]
    assert choose_pll(ice40.device, 12.0, 15.9) is None
    assert choose_pll(gowin.device, 27.0, 3.12) is None
    assert choose_pll(gowin.device, 2.9, 100.0) is None  # too slow for the phase detector
    fastest = choose_pll(gowin.device, 27.0, 1000.0)
    assert fastest is not None
    assert fastest.output_mhz == 594  # 22 times 27: no larger multiple is below 600
    with pytest.raises(UserError, match="Board icebreaker makes no clock of 5 MHz or less out of its 12 MHz"):
        with_clock(ice40, 5.0)
    assert with_clock(ice40, 12.0) is ice40
    assert faster(ice40, 13.0) is None


@pytest.mark.parametrize("text", ["fast", "0", "-3", "nan", "1e9"])
def test_what_is_no_clock(text):
    with pytest.raises(UserError, match=r"^Clock must be auto or a number of MHz up to 1000, not "):
        parse_clock(text)


def test_what_is_a_clock():
    assert (parse_clock("33.5"), parse_clock(AUTO), parse_clock(None)) == (33.5, AUTO, None)


RESULT = BuildResult(
    board="b", device="d", top="board", luts=0, ffs=0, lut_rams=0, block_rams=0, dsps=0, sprams=0,
    fmax_mhz=None, clock_mhz=25.0, timing_met=None, critical_path=None, seed=1, passes=(), bitstream=None,
    programmer="", tools={}, wall_s=0.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("reached", "attempts"),
    [
        ([80.0, 79.0], 2),
        ([80.0, 70.0, 66.0], 3),
        ([26.0], 1),
        ([80.0, 110.0, 105.0], 3),
        ([80.0, 110.0, 90.0, 79.0], 4),
        ([80.0, 50.0, 40.0, 30.0, 80.0], 5),
    ],
)
def test_as_fast_as_it_goes(reached, attempts):
    """The clock is below what was reached, with a margin; when it is missed, below what that reached."""
    board, seen = BOARDS["ulx3s_85f"], []
    assert first_try(board).design_mhz == 120.0

    def attempt(tried: Any) -> BuildResult:
        fmax = reached[len(seen)]
        seen.append(tried.design_mhz)
        return replace(RESULT, fmax_mhz=fmax, clock_mhz=tried.design_mhz, timing_met=fmax >= tried.design_mhz)

    result = _as_fast_as_it_goes(board, attempt)
    assert len(seen) == attempts
    assert result.timing_met
    for before, clock in zip(reached, seen[1:], strict=False):
        assert clock in (25.0, seen[1]) or 0.9 * MARGIN * before < clock <= MARGIN * before
