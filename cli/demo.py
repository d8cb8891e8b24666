"""``demo``: the digits network, the whole way."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..sim.terminal import FOUND, errors, output
from .app import Json, app, save

__all__ = ["demo"]


@app.command()
def demo(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR")] = Path("demo"),
    board: Annotated[str, typer.Option(help="Board of the bitstream.")] = "ulx3s_85f",
    json_file: Json = None,
) -> None:
    """Take the digits network the whole way: compile, verify on all test digits, bitstream."""
    from ..sim.demo import run_demo
    from ..sim.progress import steps_shown
    from ..sim.screens import demo_screen

    with steps_shown(errors) as show:
        result = run_demo(out, board=board, progress=show)
    output.print(demo_screen(result))
    save(json_file, result.to_json())
    raise typer.Exit(0 if result.ok else FOUND)
