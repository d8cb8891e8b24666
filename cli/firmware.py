"""``firmware``: a C driver for a build."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..sim.terminal import output
from .app import Dir, app

__all__ = ["firmware"]


@app.command()
def firmware(
    directory: Dir,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="OUT", help="Default: firmware in DIR.")
    ] = None,
    classes: Annotated[str | None, typer.Option(help="Names of the classes, separated by commas.")] = None,
    baud: Annotated[int, typer.Option(min=1, help="Of the UART.")] = 1_000_000,
) -> None:
    """Write a C driver for this build: portable C99, and an example for a Raspberry Pi Pico."""
    from ..firmware.c_project import write_c_project
    from ..gen.build_dir import read_build

    names = None if classes is None else [name.strip() for name in classes.split(",")]
    path = write_c_project(read_build(directory), out, classes=names, baud=baud)
    output.print(f"C driver and headers for {directory} -> {path}", highlight=False)
