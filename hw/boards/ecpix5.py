"""ECPIX-5 85F by LambdaConcept: the large ECP5 with four RGB LEDs."""

from .board import Board, Led, SpiPins
from .devices import LFE5UM5G_85F

__all__ = ["BOARDS"]

BOARDS = (
    Board(
        name="ecpix5_85f",
        title="ECPIX-5 85F",
        device=LFE5UM5G_85F,
        package="CABGA554",
        speed="8",
        clock_mhz=100.0,
        platform="ecpix5:ECPIX585Platform",
        leds=(
            Led(resource="rgb_led", number=0, colour="g"),
            Led(resource="rgb_led", number=1, colour="r"),
            Led(resource="rgb_led", number=2, colour="b"),
        ),
        programmer="openFPGALoader -b ecpix5",
        spi=SpiPins(connector=("pmod", 0), cs_n="1", mosi="2", miso="3", sck="4", irq="7"),
    ),
)
