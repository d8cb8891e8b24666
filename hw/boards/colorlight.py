"""Colorlight 5A-75B rev. 7.0: an LED panel driver with an ECP5 and one LED."""

from .board import Board, Led
from .devices import LFE5U_25F

__all__ = ["BOARDS"]

BOARDS = (
    Board(
        name="colorlight_5a75b",
        title="Colorlight 5A-75B rev. 7.0",
        device=LFE5U_25F,
        package="CABGA256",
        speed="6",
        clock_mhz=25.0,
        platform="colorlight_5a75b_r7_0:Colorlight_5A75B_R70Platform",
        leds=(Led(resource="led"),),
        programmer="openFPGALoader -b colorlight",
    ),
)
