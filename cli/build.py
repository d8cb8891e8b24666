"""``build`` and ``boards``: bitstreams."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..gen.errors import UserError
from ..sim.terminal import FOUND, errors, output
from .app import Dir, Json, app, save

__all__ = ["boards", "build", "link"]


@app.command()
def build(
    directory: Dir,
    board: Annotated[str | None, typer.Option(help="Default: the one it was compiled for.")] = None,
    link: Annotated[
        str | None,
        typer.Option(
            help="uart: a host feeds it (spikeloom run); spi: a controller does. Default: a self-test."
        ),
    ] = None,
    baud: Annotated[int, typer.Option(min=1, help="Of the UART.")] = 1_000_000,
    clock_mhz: Annotated[
        str | None,
        typer.Option(help="auto: as fast as it goes, by the PLL; or a number. Default: the board's."),
    ] = None,
    synth_only: Annotated[bool, typer.Option("--synth-only", help="Count the accelerator alone.")] = False,
    seed: Annotated[int, typer.Option(help="Of place and route.")] = 1,
    json_file: Json = None,
) -> None:
    """Synthesise, place and route: a bitstream with a self-test or a link around the accelerator."""
    from ..gen.build_dir import read_build
    from ..gen.toolchain.build import build as run
    from ..sim.progress import lines_shown
    from ..sim.screens import build_screen

    read = read_build(directory)
    target = board or read.plan.options.board
    if target is None:
        raise UserError("No board: give --board NAME here or at compile; `spikeloom boards` lists them")
    with lines_shown(errors) as show:
        result = run(
            read,
            board=target,
            link=link,
            baud=baud,
            clock=clock_mhz,
            synth_only=synth_only,
            seed=seed,
            progress=show,
        )
    output.print(build_screen(result))
    save(json_file, result.as_json())
    raise typer.Exit(FOUND if result.timing_met is False else 0)


@app.command()
def link(
    directory: Dir,
    clock_mhz: Annotated[float, typer.Option(min=0.1, max=1000, help="Of its clock.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="OUT", help="Default: link in DIR.")
    ] = None,
    link: Annotated[str, typer.Option(help="uart, spi, axi, axi-lite, wishbone or aer.")] = "uart",
    baud: Annotated[int, typer.Option(min=1, help="Of the UART.")] = 1_000_000,
    steps: Annotated[
        int | None, typer.Option(min=1, help="AER: of a sample. Default: as the stored samples.")
    ] = None,
    step_us: Annotated[
        float | None, typer.Option(min=0, help="AER: of a step. Default: only the pin step ends one.")
    ] = None,
    ticks: Annotated[bool, typer.Option("--ticks", help="AER: send ends of steps too.")] = False,
) -> None:
    """Write the accelerator behind its link as plain Verilog, for a board and a flow of your own."""
    from ..firmware.link_verilog import AER, TOP, aer_params, write_link_verilog
    from ..gen.build_dir import read_build

    read = read_build(directory)
    path = write_link_verilog(
        read,
        out,
        link=link,
        clock_mhz=clock_mhz,
        baud=baud,
        steps=steps,
        step_us=step_us,
        ticks=ticks,
    )
    output.print(f"Verilog of {TOP} and what it reads -> {path}", highlight=False)
    if link == AER:
        params = aer_params(read, clock_mhz=clock_mhz, steps=steps, step_us=step_us, ticks=ticks)
        ended = f"every {params.step_cycles} cycles or by" if params.step_cycles else "by"
        output.print(f"A sample has {params.steps} steps; a step ends {ended} the pin step", highlight=False)


@app.command()
def boards(json_file: Json = None) -> None:
    """List the boards that there are bitstreams for."""
    from dataclasses import asdict

    from ..hw.boards.registry import BOARDS
    from ..sim.screens import boards_screen

    output.print(boards_screen(BOARDS.values()))
    save(json_file, {name: asdict(board) for name, board in BOARDS.items()})
