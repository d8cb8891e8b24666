"""iCESugar by MuseLab: iCE40 UltraPlus, three LEDs in one."""

from .board import Board, Led, SpiPins
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
        spi=SpiPins(connector=("pmod", 1), cs_n="1", mosi="2", miso="3", sck="4", irq="7"),
    ),
)
