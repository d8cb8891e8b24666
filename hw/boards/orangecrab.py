"""OrangeCrab r0.2 by Good Stuff Department: ECP5 of two sizes, one RGB LED, USB bootloader."""

from .board import Board, Led, SpiPins
from .device import Device
from .devices import LFE5U_25F, LFE5U_85F

__all__ = ["BOARDS"]


def _orangecrab(name: str, size: str, device: Device) -> Board:
    return Board(
        name=name,
        title=f"OrangeCrab r0.2 {size}",
        device=device,
        package="CSFBGA285",
        speed="8",
        clock_mhz=48.0,
        platform=f"orangecrab_r0_2:OrangeCrabR0_2_{size}Platform",
        leds=tuple(Led(resource="rgb_led", colour=colour) for colour in "grb"),
        programmer="openFPGALoader -b orangeCrab",
        spi=SpiPins(connector=("io", 0), sck="5", mosi="6", miso="9", cs_n="10", irq="11"),
        uart=None,
    )


BOARDS = (
    _orangecrab("orangecrab", "25F", LFE5U_25F),
    _orangecrab("orangecrab_85f", "85F", LFE5U_85F),
)
