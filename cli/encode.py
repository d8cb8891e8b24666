"""``encode``: values to spikes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..gen.errors import UserError
from ..sim.terminal import output
from .app import Limit, Steps, app, given

__all__ = ["encode"]


@app.command()
def encode(
    in_file: Annotated[Path, typer.Argument(metavar="IN.npz", show_default=False)],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DATA.npz")],
    rate: Annotated[bool, typer.Option("--rate", help="Spikes at random, as many as the value.")] = False,
    latency: Annotated[bool, typer.Option("--latency", help="One spike, the sooner the larger.")] = False,
    threshold: Annotated[float | None, typer.Option(help="A spike in each step above it.")] = None,
    direct: Annotated[bool, typer.Option("--direct", help="The value itself in each step.")] = False,
    steps: Steps = None,
    seed: Annotated[int | None, typer.Option(help="Of --rate.")] = None,
    max_rate: Annotated[
        float | None, typer.Option(help="Spikes a step of the largest value (--rate).")
    ] = None,
    even: Annotated[bool, typer.Option("--even", help="Evenly spaced instead of random (--rate).")] = False,
    max_value: Annotated[
        int | None, typer.Option(help="What the largest value becomes, up to 255 (--direct).")
    ] = None,
    frames: Annotated[bool, typer.Option("--frames", help="Values are (samples, steps, ...).")] = False,
    key: Annotated[str, typer.Option(help="Array of the values.")] = "x",
    label_key: Annotated[str | None, typer.Option(help="Array of the labels.")] = None,
    limit: Limit = None,
) -> None:
    """Turn values into spikes."""
    from ..sim.encode_file import encode_file

    methods = {"rate": rate, "latency": latency, "threshold": threshold is not None, "direct": direct}
    named = [name for name, given in methods.items() if given]
    if len(named) != 1:
        raise UserError("Give one encoding: --rate, --latency, --threshold VALUE or --direct")
    if steps is None and not frames:
        raise UserError("Give --steps N, or --frames where the values bring their own steps")
    options = {"seed": seed, "max_rate": max_rate, "even": even or None, "frames": frames or None}
    options = given({**options, "threshold": threshold, "max_value": max_value})
    keys = {"key": key, "label_key": label_key}
    samples = encode_file(in_file, out, named[0], steps=steps, limit=limit, **keys, **options)
    spikes = samples.x.reshape(len(samples.x), -1).sum(1, dtype=int)
    shape = "x".join(map(str, samples.x.shape[2:]))
    output.print(
        f"{len(samples.x)} samples of {samples.x.shape[1]} steps, {shape} channels, "
        f"{spikes.mean():.1f} spikes a sample (most: {spikes.max()}) -> {out}"
    )
