"""``inspect``: what a model holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..sim.json_file import check_json, write_text
from ..sim.terminal import output
from .app import Dt, Json, Model, Semantics, app, save

__all__ = ["inspect"]


@app.command()
def inspect(
    model: Model,
    semantics: Semantics = None,
    dt: Dt = None,
    svg: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the graph here.", callback=check_json)
    ] = None,
    json_file: Json = None,
) -> None:
    """Show what a model holds, what each node becomes, and what has to be assumed."""
    from ..gen.describe import describe
    from ..gen.importer import import_model
    from ..gen.picture import draw_svg
    from ..sim.screens import inspect_screen

    imported = import_model(model, semantics=semantics or "auto", dt=dt)
    description = describe(imported.network, graph=imported.graph)
    chosen = imported.network.semantics
    output.print(inspect_screen(description, f"{chosen.name}, {chosen.dt:g} s a step"))
    save(json_file, description.as_dict())
    if svg is not None:
        write_text(svg, draw_svg(description))
