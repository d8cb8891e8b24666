"""A link around the accelerator as plain Verilog, for a board and a flow of one's own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ..gen.atomic_dir import replace_directory
from ..gen.build_dir import Build
from ..gen.errors import UserError
from ..gen.manifest import build_id
from ..gen.rtl import convert
from ..gen.toolchain.tops import DEFAULT_BAUD
from ..hw.emitted import EmittedAccelerator
from ..hw.link.aer import AerLink, AerParams
from ..hw.link.bus_link import AxiLink, AxiLiteLink, WishboneLink
from ..hw.link.params import MIN_BIT_CYCLES, HostLinkParams, bit_cycles_for
from ..hw.link.spi_link import SpiLink
from ..hw.link.uart_link import UartLink
from ..hw.load_bus import loaded_shapes

__all__ = ["AER", "FOLDER", "LINKS", "TOP", "aer_params", "write_link_verilog"]

FOLDER = "link"
"""Folder of the build directory that it is written to by default."""
TOP = "spikeloom_link"
AER = "aer"
"""Address-event representation: parallel pins without a host."""
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
    steps: int | None = None,
    step_us: float | None = None,
    ticks: bool = False,
) -> Path:
    """Write the top level `TOP`, the accelerator and its memory images; everything or nothing.

    Parameters
    ----------
    build : Build
    out : Path, optional
        New, empty, or an earlier one, which is replaced. Default: ``link`` in the build directory.
    link : str
        One of `LINKS`, or `AER`.
    clock_mhz : float
        Frequency of its clock.
    baud : int
        Of a UART.
    window : int
        Frames each way, a power of two up to 64; a bus has none.
    steps : int, optional
        Of AER, of a sample; default: those of the stored samples.
    step_us : float, optional
        Of AER, microseconds of a step; default: only the pin `step` ends one.
    ticks : bool
        Of AER, whether ends of steps are sent too.

    Returns
    -------
    Path
        What was written.

    Raises
    ------
    UserError
        No such link, or an option that is another's; a rate that the clock cannot make; it cannot be written
        there.
    """
    if link not in (*LINKS, AER):
        raise UserError(f"Link must be one of {', '.join((*LINKS, AER))}, not {link}")
    if link != AER and (steps is not None or step_us is not None or ticks):
        raise UserError(
            f"Link {link} has no --steps, --step-us or --ticks: the host tells it; they are of {AER}"
        )
    clock_hz = round(clock_mhz * 1e6)
    try:
        if link == AER:
            shape = build.plan.accelerator
            params = aer_params(build, clock_mhz=clock_mhz, steps=steps, step_us=step_us, ticks=ticks)
            top: Any = AerLink(EmittedAccelerator(shape), shape, params)
        else:
            top = _host_link(build, clock_hz, link=link, baud=baud, window=window)
    except ValueError as error:
        raise UserError(str(error)) from None
    path = build.path / FOLDER if out is None else Path(out)
    with replace_directory(path, ours=_is_ours, what="the link") as folder:
        for file in (build.verilog, *build.images):
            shutil.copyfile(file, folder / file.name)
        (folder / _MARK).write_text(convert(top, name=TOP).verilog(), encoding="utf-8", newline="\n")
    return path


def _host_link(build: Build, clock_hz: int, *, link: str, baud: int, window: int) -> Any:
    params = HostLinkParams(
        bit_cycles=bit_cycles_for(clock_hz, baud) if link == "uart" else MIN_BIT_CYCLES,
        window=window,
        clock_hz=clock_hz,
        build_id=build_id(build.path),
        memories=loaded_shapes(build.plan.accelerator),
    )
    return LINKS[link](EmittedAccelerator(build.plan.accelerator), params)


def aer_params(
    build: Build, *, clock_mhz: float, steps: int | None, step_us: float | None, ticks: bool
) -> AerParams:
    """Steps and samples of an AER link, as `write_link_verilog` is asked for them.

    Raises
    ------
    UserError
        Weights that are loaded at run time; no steps; a step of no time.
    """
    if loaded_shapes(build.plan.accelerator):
        raise UserError("The weights of this build are loaded at run time, which AER cannot do")
    if step_us is not None and step_us * clock_mhz < 1:
        raise UserError(f"Step of {step_us:g} us is shorter than a cycle of {clock_mhz:g} MHz")
    vectors = build.vectors()
    if steps is None and vectors is not None:
        steps = vectors.x.shape[1]
    if steps is None:
        raise UserError(f"{build.path}: has no stored samples that tell the steps of one; give --steps")
    step_cycles = 0 if step_us is None else round(step_us * clock_mhz)
    return AerParams(steps=steps, step_cycles=step_cycles, ticks=ticks)


def _is_ours(path: Path) -> bool:
    return (path / _MARK).is_file()
