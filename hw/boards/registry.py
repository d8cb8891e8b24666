"""All boards by name."""

from . import colorlight, ecpix5, ice40_hx8k, icebreaker, icesugar, orangecrab, tang, ulx3s
from .board import Board

__all__ = ["BOARDS"]

_FAMILIES = (ulx3s, orangecrab, colorlight, ecpix5, icebreaker, icesugar, ice40_hx8k, tang)

BOARDS: dict[str, Board] = {board.name: board for family in _FAMILIES for board in family.BOARDS}
