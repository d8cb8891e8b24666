"""``activity``: operations, memory traffic and changing bits."""

from __future__ import annotations

import typer

from ..sim.terminal import FOUND, errors, output
from .app import BinUs, Data, Dir, Json, Limit, Steps, app, save

__all__ = ["activity"]


@app.command()
def activity(
    directory: Dir,
    data: Data,
    limit: Limit = None,
    bin_us: BinUs = None,
    steps: Steps = None,
    json_file: Json = None,
) -> None:
    """Count what data makes the RTL do: additions, memory bits, bits that change."""
    from ..gen.build_dir import read_build
    from ..sim.activity import measure_activity
    from ..sim.activity_screen import activity_screen
    from ..sim.data import load_samples
    from ..sim.progress import counts_shown

    read = read_build(directory)
    samples = load_samples(data, shape=read.qnet.input_shape, bin_us=bin_us, steps=steps, limit=limit)
    with counts_shown(errors) as show:
        result = measure_activity(read, samples.x, progress=show)
    output.print(activity_screen(result, f"Activity of {read.network.name}"))
    save(json_file, result.to_json())
    raise typer.Exit(FOUND if result.mismatches else 0)
