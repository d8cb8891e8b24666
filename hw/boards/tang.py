"""Sipeed's Tang boards: Gowin's small GW1N and middle GW2A."""

from .board import Board, Led, SpiPins
from .devices import GW1NR_9C, GW2A_18

__all__ = ["BOARDS"]

_LEDS = tuple(Led(resource="led", number=number) for number in (0, 1, 5))

BOARDS = (
    Board(
        name="tang_nano_9k",
        title="Tang Nano 9K",
        device=GW1NR_9C,
        package="GW1NR-LV9QN88PC6/I5",  # nextpnr takes the part number, which has package and speed
        clock_mhz=27.0,
        platform="tang_nano_9k:TangNano9kPlatform",
        leds=_LEDS,
        programmer="openFPGALoader -b tangnano9k",
    ),
    Board(
        name="tang_primer_20k",
        title="Tang Primer 20K with dock",
        device=GW2A_18,
        package="GW2A-LV18PG256C8/I7",
        clock_mhz=27.0,
        platform="tang_primer_20k:TangPrimer20kDockPlatform",
        leds=_LEDS,
        programmer="openFPGALoader -b tangprimer20k",
        spi=SpiPins(connector=("pmod", 0), cs_n="1", mosi="2", miso="3", sck="4", irq="7"),
    ),
)
