"""The clock of a board build: the oscillator's, one that was asked for, or as fast as the design allows."""

from __future__ import annotations

from dataclasses import replace

from ...hw.boards.board import Board
from ...hw.boards.device import Family
from ...hw.boards.pll import choose_pll
from ..errors import UserError

__all__ = ["AUTO", "GAIN", "MARGIN", "TRIES", "faster", "first_try", "parse_clock", "with_clock"]

AUTO = "auto"
MARGIN = 0.9
"""Share of the highest clock that is taken: placing again moves it by some percent."""
GAIN = 1.15
"""By how much a clock has to be faster than one that was met to be tried."""
TRIES = 3
"""Times that a faster clock is tried."""
_MOST_MHZ = 1000.0
_FIRST_MHZ = {Family.ECP5: 120.0, Family.ICE40: 48.0, Family.GOWIN: 81.0}
"""What is first asked of an accelerator beside a link."""


def parse_clock(text: str | float | None) -> float | str | None:
    """Read what ``--clock-mhz`` takes: a number, `AUTO`, or None for the oscillator.

    Raises
    ------
    UserError
        It is something else.
    """
    if text is None or text == AUTO:
        return text
    try:
        mhz = float(text)
    except ValueError:
        mhz = 0.0
    if not 0 < mhz <= _MOST_MHZ:
        raise UserError(f"Clock must be auto or a number of MHz up to {_MOST_MHZ:g}, not {text}")
    return mhz


def with_clock(board: Board, mhz: float) -> Board:
    """The board with its PLL set to `mhz`, or the fastest clock below that it can make.

    Raises
    ------
    UserError
        It cannot make any.
    """
    if mhz == board.clock_mhz:
        return board
    pll = choose_pll(board.device, board.clock_mhz, mhz)
    if pll is None:
        raise UserError(
            f"Board {board.name} makes no clock of {mhz:g} MHz or less out of its {board.clock_mhz:g} MHz;"
            " leave --clock-mhz out"
        )
    return replace(board, pll=pll)


def faster(board: Board, fmax_mhz: float) -> Board | None:
    """The board with the fastest clock that a design of `fmax_mhz` leaves a margin at; None: its own."""
    pll = choose_pll(board.device, board.clock_mhz, MARGIN * fmax_mhz)
    if pll is None or pll.output_mhz <= board.clock_mhz:
        return None
    return replace(board, pll=pll)


def first_try(board: Board) -> Board:
    """The board to begin with where the design has a link.

    With the oscillator alone the link and the accelerator have one clock, and what they reach is the link's.
    """
    asked = _FIRST_MHZ.get(board.family)
    pll = None if asked is None else choose_pll(board.device, board.clock_mhz, max(asked, board.clock_mhz))
    return board if pll is None or pll.output_mhz <= board.clock_mhz else replace(board, pll=pll)
