"""iCEBreaker by 1BitSquared: iCE40 UltraPlus, a green and a red LED."""

from .board import Board, Led, SpiPins
from .devices import ICE40UP5K

__all__ = ["BOARDS"]

BOARDS = (
    Board(
        name="icebreaker",
        title="iCEBreaker",
        device=ICE40UP5K,
        package="sg48",
        clock_mhz=12.0,
        platform="icebreaker:ICEBreakerPlatform",
        leds=(Led(resource="led_g"), Led(resource="led_r")),
        programmer="openFPGALoader -b ice40_generic",
        spi=SpiPins(connector=("pmod", 0), cs_n="1", mosi="2", miso="3", sck="4", irq="7"),
    ),
)
