"""``compile``: a model to a build directory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..gen.errors import UserError
from ..sim.terminal import errors, output
from .app import Dt, Json, Model, Semantics, app, given, save

if TYPE_CHECKING:
    from ..sim.compile import CompileOptions

__all__ = ["compile_command"]


@app.command(name="compile")
def compile_command(
    model: Model,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="DIR", help="Build directory to write; MODEL_build by default."),
    ] = None,
    semantics: Semantics = None,
    dt: Dt = None,
    weight_bits: Annotated[int | None, typer.Option(help="1 .. 16.")] = None,
    state_bits: Annotated[str | None, typer.Option(help="2 .. 48 or auto.")] = None,
    lanes: Annotated[str | None, typer.Option(help="Weights added a cycle, or auto.")] = None,
    update_lanes: Annotated[str | None, typer.Option(help="Neurons updated a cycle, or auto.")] = None,
    weights: Annotated[
        str | None, typer.Option(help="initialised, or loaded at run time (spikeloom load).")
    ] = None,
    readout: Annotated[str | None, typer.Option(help="auto, spikes, membrane, counts or class.")] = None,
    target: Annotated[
        str | None, typer.Option(help="Choose lanes for latency, throughput, area or balanced.")
    ] = None,
    max_latency_us: Annotated[
        float | None, typer.Option("--max-latency-us", help="Most microseconds a sample (--target).")
    ] = None,
    max_luts: Annotated[int | None, typer.Option("--max-luts", help="Most LUTs (--target).")] = None,
    board: Annotated[str | None, typer.Option(help="Check that it fits (spikeloom boards).")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Build probe ports in.")] = False,
    count_saturations: Annotated[
        bool | None, typer.Option(help="Whether a link can count saturated states.", show_default=False)
    ] = None,
    calibrate: Annotated[Path | None, typer.Option(metavar="DATA.npz", help="Calibration set.")] = None,
    options: Annotated[Path | None, typer.Option(metavar="FILE.toml", help="Options of a file.")] = None,
    pick: Annotated[
        str | None, typer.Option(metavar="NAME", help="A pick; in place of the model: explore's DIR.")
    ] = None,
    json_file: Json = None,
) -> None:
    """Compile a model to a build directory: integers, RTL, images, manifest, vectors."""
    from ..sim.compile import compile_model
    from ..sim.progress import steps_shown
    from ..sim.screens import compile_screen

    picked = None
    if pick is not None:
        from ..sim.explore.pick import read_pick

        if options is not None:
            raise UserError("A pick brings its options: give --pick or --options, not both")
        out = out or Path(f"{pick}_build")
        model, picked, stored = read_pick(model, pick)
        calibrate = calibrate or stored
    chosen = _compile_options(
        options,
        picked,
        whole={"semantics": semantics, "dt": dt},
        formats={"weight_bits": weight_bits, "state_bits": _number(state_bits)},
        plan={
            "lanes": _number(lanes),
            "update_lanes": _number(update_lanes),
            "weights": weights,
            "readout": readout,
            "target": target,
            "max_latency_us": max_latency_us,
            "max_luts": max_luts,
            "board": board,
            "debug": debug or None,
            "count_saturations": count_saturations,
        },
    )
    with steps_shown(errors) as show:
        folder = out or Path(f"{model.stem}_build")
        result = compile_model(model, folder, options=chosen, calibration=calibrate, progress=show)
    output.print(compile_screen(result))
    save(json_file, dict(result.build.manifest))


def _compile_options(
    file: Path | None,
    picked: CompileOptions | None,
    *,
    whole: dict[str, Any],
    formats: dict[str, Any],
    plan: dict[str, Any],
) -> CompileOptions:
    """Options of a file or a pick, with what the command line gives in their place."""
    from ..sim.compile import CompileOptions
    from ..sim.compile_options import read_options

    chosen = picked or (CompileOptions() if file is None else read_options(file))
    quantise = chosen.quantise
    quantise = replace(quantise, defaults=replace(quantise.defaults, **given(formats)))
    return replace(chosen, quantise=quantise, plan=replace(chosen.plan, **given(plan)), **given(whole))


def _number(text: str | None) -> int | str | None:
    """Integer where the text is one; anything else is judged where the option is read."""
    try:
        return text if text is None else int(text)
    except ValueError:
        return text
