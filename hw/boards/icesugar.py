"""iCESugar by MuseLab: iCE40 UltraPlus, three LEDs in one."""

from .board import Board, Led
from .devices import ICE40UP5K

__all__ = ["BOARDS"]

BOARDS = (
    Board(
        name="icesugar",
        title="iCESugar",
        device=ICE40UP5K,
        package="sg48",
        clock_mhz=12.0,
        platform="icesugar:ICESugarPlatform",
        leds=tuple(Led(resource=f"led_{colour}") for colour in "grb"),
        programmer="icesprog",
    ),
)
