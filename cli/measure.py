"""``simulate`` and ``verify``: data through an engine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..sim.terminal import FOUND, errors, output
from .app import BinUs, Data, Dir, Json, Limit, Rule, Steps, app, save

__all__ = ["simulate", "verify"]


@app.command()
def simulate(
    directory: Dir,
    data: Data,
    engine: Annotated[str, typer.Option(help="golden, cxxrtl, icarus or verilator.")] = "cxxrtl",
    limit: Limit = None,
    rule: Rule = None,
    bin_us: BinUs = None,
    steps: Steps = None,
    json_file: Json = None,
) -> None:
    """Run data through an engine and measure it."""
    reading = {"bin_us": bin_us, "steps": steps, "limit": limit}
    _run("simulate", directory, data, engine, rule, reading, json_file)


@app.command()
def verify(
    directory: Dir,
    data: Data,
    engine: Annotated[str, typer.Option(help="cxxrtl, icarus or verilator.")] = "cxxrtl",
    limit: Limit = None,
    rule: Rule = None,
    bin_us: BinUs = None,
    steps: Steps = None,
    json_file: Json = None,
) -> None:
    """Check that the RTL gives what the golden model gives, value for value and cycle for cycle."""
    reading = {"bin_us": bin_us, "steps": steps, "limit": limit}
    _run("verify", directory, data, engine, rule, reading, json_file)


def _run(
    verb: str,
    directory: Path,
    data: Path,
    engine: str,
    rule: str | None,
    reading: dict[str, Any],
    json_file: Path | None,
) -> None:
    from ..gen.build_dir import read_build
    from ..sim.data import load_samples
    from ..sim.engines.select import check_engine
    from ..sim.progress import counts_shown
    from ..sim.screens import run_screen
    from ..sim.verify import simulate, verify

    check_engine(engine)
    build = read_build(directory)
    samples = load_samples(data, shape=build.qnet.input_shape, **reading)
    with counts_shown(errors) as show:
        run = verify if verb == "verify" else simulate
        result = run(build, samples.x, samples.y, engine=engine, rule=rule, progress=show)
    title = f"{verb.capitalize()} {build.network.name}"
    output.print(run_screen(result, title, dropped_events=samples.dropped_events))
    save(json_file, result.to_json())
    raise typer.Exit(0 if result.ok else FOUND)
