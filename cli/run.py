"""``flash``, ``load`` and ``run``: a board on a cable."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from ..sim.terminal import errors, output
from .app import BinUs, Data, Dir, Json, Limit, Steps, app, save

__all__ = ["flash", "load_command", "run_command"]

Port = Annotated[str, typer.Option(help="Such as /dev/ttyUSB0; sim simulates board and cable.")]
Baud = Annotated[int, typer.Option(min=1, help="Of the UART.")]


@app.command()
def flash(
    directory: Dir,
    board: Annotated[str | None, typer.Option(help="Which bitstream, where there are several.")] = None,
    link: Annotated[str | None, typer.Option(help="As board.")] = None,
    persistent: Annotated[
        bool, typer.Option("--persistent", help="Into the flash: it stays without power.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the command only.")] = False,
) -> None:
    """Load a bitstream into its board."""
    from ..firmware.host.flash import find_bitstream, load, loader_command
    from ..gen.build_dir import read_build

    bitstream = find_bitstream(read_build(directory), board=board, link=link)
    command = loader_command(bitstream, persistent=persistent)
    output.print(shlex.join(command), highlight=False, soft_wrap=True)
    if not dry_run:
        load(command)


@app.command(name="run")
def run_command(
    directory: Dir,
    data: Data,
    port: Port,
    baud: Baud = 1_000_000,
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
    with counts_shown(errors) as starting:
        link = connect(read, port, baud=baud, progress=starting)
    with link, samples_shown(errors) as show:
        result = run_on_board(link, samples.x, samples.y, progress=show)
    output.print(facts_table(f"Run {read.network.name}", result.facts()))
    save(json_file, result.to_json())


@app.command(name="load")
def load_command(directory: Dir, port: Port, baud: Baud = 1_000_000, json_file: Json = None) -> None:
    """Load weights and parameters into a board that holds a design of the same shape."""
    from ..firmware.host.run import connect, load_board
    from ..gen.build_dir import read_build
    from ..sim.progress import counts_shown
    from ..sim.tables import facts_table

    read = read_build(directory)
    with counts_shown(errors) as show, connect(read, port, baud=baud, load=False, progress=show) as link:
        result = load_board(link, progress=show)
    output.print(facts_table(f"Load {read.network.name}", result.facts()))
    save(json_file, result.to_json())
