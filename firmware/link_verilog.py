"""A link around the accelerator as plain Verilog, for a board and a flow of one's own."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..gen.atomic_dir import replace_directory
from ..gen.build_dir import Build
from ..gen.errors import UserError
from ..gen.manifest import build_id
from ..gen.rtl import convert
from ..gen.toolchain.tops import DEFAULT_BAUD
from ..hw.emitted import EmittedAccelerator
from ..hw.link.bus_link import AxiLink, AxiLiteLink, WishboneLink
from ..hw.link.params import MIN_BIT_CYCLES, HostLinkParams, bit_cycles_for
from ..hw.link.spi_link import SpiLink
from ..hw.link.uart_link import UartLink
from ..hw.load_bus import loaded_shapes

__all__ = ["FOLDER", "LINKS", "TOP", "write_link_verilog"]

FOLDER = "link"
"""Folder of the build directory that it is written to by default."""
TOP = "spikeloom_link"
LINKS = {
    "uart": UartLink,
    "spi": SpiLink,
    "axi": AxiLink,
    "axi-lite": AxiLiteLink,
    "wishbone": WishboneLink,
}
"""What can be around the accelerator: pins of a line to a host, or ports of a bus in a system on a chip."""
_MARK = f"{TOP}.v"


def write_link_verilog(
    build: Build,
    out: Path | None = None,
    *,
    link: str = "uart",
    clock_mhz: float,
    baud: int = DEFAULT_BAUD,
    window: int = 8,
) -> Path:
    """Write the top level `TOP`, the accelerator and its memory images; everything or nothing.

    Parameters
    ----------
    build : Build
    out : Path, optional
        New, empty, or an earlier one, which is replaced. Default: ``link`` in the build directory.
    link : str
        One of `LINKS`.
    clock_mhz : float
        Frequency of its clock.
    baud : int
        Of a UART.
    window : int
        Frames each way, a power of two up to 64; a bus has none.

    Returns
    -------
    Path
        What was written.

    Raises
    ------
    UserError
        No such link; a rate that the clock cannot make; it cannot be written there.
    """
    if link not in LINKS:
        raise UserError(f"Link must be one of {', '.join(LINKS)}, not {link}")
    clock_hz = round(clock_mhz * 1e6)
    try:
        params = HostLinkParams(
            bit_cycles=bit_cycles_for(clock_hz, baud) if link == "uart" else MIN_BIT_CYCLES,
            window=window,
            clock_hz=clock_hz,
            build_id=build_id(build.path),
            memories=loaded_shapes(build.plan.accelerator),
        )
    except ValueError as error:
        raise UserError(str(error)) from None
    top = LINKS[link](EmittedAccelerator(build.plan.accelerator), params)
    path = build.path / FOLDER if out is None else Path(out)
    with replace_directory(path, ours=_is_ours, what="the link") as folder:
        for file in (build.verilog, *build.images):
            shutil.copyfile(file, folder / file.name)
        (folder / _MARK).write_text(convert(top, name=TOP).verilog(), encoding="utf-8", newline="\n")
    return path


def _is_ours(path: Path) -> bool:
    return (path / _MARK).is_file()
