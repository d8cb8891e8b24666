"""Boards with the fast iCE40: Lattice's HX8K breakout board and TinyFPGA BX (LP8K)."""

from .board import Board, Led, SpiPins
from .devices import ICE40HX8K, ICE40LP8K

__all__ = ["BOARDS"]

BOARDS = (
    Board(
        name="ice40_hx8k_evn",
        title="iCE40-HX8K breakout board",
        device=ICE40HX8K,
        package="ct256",
        clock_mhz=12.0,
        platform="ice40_hx8k_b_evn:ICE40HX8KBEVNPlatform",
        leds=tuple(Led(resource="led", number=number) for number in (0, 1, 7)),
        programmer="openFPGALoader -b ice40_generic",
    ),
    Board(
        name="tinyfpga_bx",
        title="TinyFPGA BX",
        device=ICE40LP8K,
        package="cm81",
        clock_mhz=16.0,
        platform="tinyfpga_bx:TinyFPGABXPlatform",
        leds=(Led(resource="led"),),
        programmer="tinyprog -p",
        spi=SpiPins(connector=("gpio", 0), cs_n="1", mosi="2", miso="3", sck="4", irq="5"),
        uart=None,
    ),
)
