"""The application, and the options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..sim.json_file import check_json, write_json
from ..sim.terminal import output

__all__ = [
    "BinUs",
    "Data",
    "Dir",
    "Dt",
    "Json",
    "Limit",
    "Model",
    "Rule",
    "Semantics",
    "Steps",
    "app",
    "given",
    "save",
]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Trained spiking networks (.nir) to verified RTL and bitstreams.",
)

Model = Annotated[Path, typer.Argument(metavar="MODEL.nir", show_default=False)]
Dir = Annotated[Path, typer.Argument(metavar="DIR", help="A build directory.", show_default=False)]
Data = Annotated[Path, typer.Argument(metavar="DATA.npz", show_default=False)]
Json = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", help="Write the figures here too.", callback=check_json),
]
Semantics = Annotated[str | None, typer.Option(help="auto or NAME, then ,field=value (docs/semantics.md).")]
Dt = Annotated[float | None, typer.Option(help="Seconds a step, where the file does not tell.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Only so many samples.")]
BinUs = Annotated[float | None, typer.Option(help="Microseconds a step; event lists need it.")]
Steps = Annotated[int | None, typer.Option(min=1, help="Steps a sample.")]
Rule = Annotated[str | None, typer.Option(help="How a class is decided: count; sum, last or max.")]


def _version(asked: bool) -> None:
    if asked:
        from .. import __version__

        output.print(f"spikeloom {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def save(path: Path | None, table: Any) -> None:
    """Write the figures of ``--json``, where it was given."""
    if path is not None:
        write_json(path, table)


def given(options: dict[str, Any]) -> dict[str, Any]:
    """Return what the command line was given of `options`."""
    return {name: value for name, value in options.items() if value is not None}
