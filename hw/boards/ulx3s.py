"""ULX3S by Radiona: ECP5 of four sizes."""

from .board import Board, Led, SpiPins
from .device import Device
from .devices import LFE5U_12F, LFE5U_25F, LFE5U_45F, LFE5U_85F

__all__ = ["BOARDS"]


def _ulx3s(size: str, device: Device) -> Board:
    return Board(
        name=f"ulx3s_{size.lower()}",
        title=f"ULX3S {size}",
        device=device,
        package="CABGA381",
        speed="6",
        clock_mhz=25.0,
        platform=f"ulx3s:ULX3S_{size}_Platform",
        leds=(Led(resource="led", number=0), Led(resource="led", number=1), Led(resource="led", number=7)),
        programmer="openFPGALoader -b ulx3s",
        spi=SpiPins(connector=("gpio", 0), sck="0+", mosi="1+", miso="2+", cs_n="3+", irq="4+"),
    )


BOARDS = (
    _ulx3s("12F", LFE5U_12F),
    _ulx3s("25F", LFE5U_25F),
    _ulx3s("45F", LFE5U_45F),
    _ulx3s("85F", LFE5U_85F),
)
