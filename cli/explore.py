"""``explore``: number formats and lanes of a model on a board."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ..gen.errors import UserError
from ..sim.terminal import errors, output
from .app import Dt, Json, Limit, Model, Semantics, app, given, save

__all__ = ["explore_command"]


@app.command(name="explore")
def explore_command(
    model: Model,
    board: Annotated[str, typer.Option(help="What it is to fit on (spikeloom boards).")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Directory of the results.")],
    data: Annotated[
        Path | None, typer.Argument(metavar="[DATA.npz]", help="For accuracies.", show_default=False)
    ] = None,
    weight_bits: Annotated[str, typer.Option(help="Numbers with commas, 1 .. 16.")] = "4,6,8",
    state_bits: Annotated[str, typer.Option(help="Numbers with commas, 2 .. 48, or auto.")] = "auto",
    calibrate: Annotated[
        Path | None, typer.Option(metavar="DATA.npz", help="Calibration set; default: DATA.npz.")
    ] = None,
    semantics: Semantics = None,
    dt: Dt = None,
    options: Annotated[Path | None, typer.Option(metavar="FILE.toml", help="Options of a file.")] = None,
    limit: Limit = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; default: one a core.")] = None,
    json_file: Json = None,
) -> None:
    """Find the best plans over weight bits, state bits and lanes; picks compile by name."""
    from ..gen.toolchain.build import board_named
    from ..sim.compile import CompileOptions
    from ..sim.compile_options import read_options
    from ..sim.explore.run import explore
    from ..sim.explore.screen import explore_screen
    from ..sim.progress import counts_shown

    board_named(board)
    chosen = CompileOptions() if options is None else read_options(options)
    chosen = replace(
        chosen, plan=replace(chosen.plan, board=board), **given({"semantics": semantics, "dt": dt})
    )
    with counts_shown(errors) as show:
        found = explore(
            model,
            out,
            options=chosen,
            weight_bits=[_whole("weight-bits", text) for text in weight_bits.split(",")],
            state_bits=[
                text if text == "auto" else _whole("state-bits", text) for text in state_bits.split(",")
            ],
            data=data,
            calibration=calibrate,
            limit=limit,
            jobs=jobs,
            progress=show,
        )
    output.print(explore_screen(found))
    save(json_file, dict(found.table))


def _whole(option: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        auto = " or auto" if option == "state-bits" else ""
        raise UserError(f"Option --{option} must be whole numbers{auto} with commas, not {text!r}") from None
