"""``run``: data on a board."""

from __future__ import annotations

from typing import Annotated

import typer

from ..sim.terminal import errors, output
from .app import BinUs, Data, Dir, Json, Limit, Steps, app, save

__all__ = ["run_command"]


@app.command(name="run")
def run_command(
    directory: Dir,
    data: Data,
    port: Annotated[str, typer.Option(help="Such as /dev/ttyUSB0; sim simulates board and cable.")],
    baud: Annotated[int, typer.Option(min=1, help="Of the UART.")] = 1_000_000,
    limit: Limit = None,
    bin_us: BinUs = None,
    steps: Steps = None,
    json_file: Json = None,
) -> None:
    """Run data on a board, over its cable."""
    from ..firmware.host.run import connect, run_on_board
    from ..gen.build_dir import read_build
    from ..sim.data import load_samples
    from ..sim.progress import counts_shown, samples_shown
    from ..sim.tables import facts_table

    read = read_build(directory)
    samples = load_samples(data, shape=read.qnet.input_shape, bin_us=bin_us, steps=steps, limit=limit)
    with counts_shown(errors) as compiling:
        link = connect(read, port, baud=baud, progress=compiling)
    with link, samples_shown(errors) as show:
        result = run_on_board(link, samples.x, samples.y, progress=show)
    output.print(facts_table(f"Run {read.network.name}", result.facts()))
    save(json_file, result.to_json())
