"""The command line: one verb a step; exit codes 0 good, 1 mismatch or shortfall found, 2 unusable input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .gen.errors import UserError
from .sim.json_file import check_json, write_json, write_text
from .sim.terminal import FOUND, errors, output, run_app

if TYPE_CHECKING:
    from .sim.compile import CompileOptions

__all__ = ["app", "main"]

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


def main() -> None:
    """Run the command line; bad input ends in one line on stderr and exit code 2."""
    run_app(app)


def _version(asked: bool) -> None:
    if asked:
        from . import __version__

        output.print(f"spikeloom {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def _save(path: Path | None, table: Any) -> None:
    if path is not None:
        write_json(path, table)


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
    from .gen.describe import describe
    from .gen.importer import import_model
    from .gen.picture import draw_svg
    from .sim.screens import inspect_screen

    imported = import_model(model, semantics=semantics or "auto", dt=dt)
    description = describe(imported.network, graph=imported.graph)
    chosen = imported.network.semantics
    output.print(inspect_screen(description, f"{chosen.name}, {chosen.dt:g} s a step"))
    _save(json_file, description.as_dict())
    if svg is not None:
        write_text(svg, draw_svg(description))


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
    readout: Annotated[str | None, typer.Option(help="auto, spikes, membrane, counts or class.")] = None,
    board: Annotated[str | None, typer.Option(help="Check that it fits (spikeloom boards).")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Build probe ports in.")] = False,
    calibrate: Annotated[Path | None, typer.Option(metavar="DATA.npz", help="Calibration set.")] = None,
    options: Annotated[Path | None, typer.Option(metavar="FILE.toml", help="Options of a file.")] = None,
    json_file: Json = None,
) -> None:
    """Compile a model to a build directory: integers, RTL, images, manifest, vectors."""
    from .sim.compile import compile_model
    from .sim.progress import steps_shown
    from .sim.screens import compile_screen

    chosen = _compile_options(
        options,
        whole={"semantics": semantics, "dt": dt},
        formats={"weight_bits": weight_bits, "state_bits": _number(state_bits)},
        plan={
            "lanes": _number(lanes),
            "update_lanes": _number(update_lanes),
            "readout": readout,
            "board": board,
            "debug": debug or None,
        },
    )
    with steps_shown(errors) as show:
        folder = out or Path(f"{model.stem}_build")
        result = compile_model(model, folder, options=chosen, calibration=calibrate, progress=show)
    output.print(compile_screen(result))
    _save(json_file, dict(result.build.manifest))


def _compile_options(
    file: Path | None, *, whole: dict[str, Any], formats: dict[str, Any], plan: dict[str, Any]
) -> CompileOptions:
    """Options of a file, with what the command line gives in their place."""
    from .sim.compile import CompileOptions
    from .sim.compile_options import read_options

    chosen = CompileOptions() if file is None else read_options(file)
    quantise = chosen.quantise
    quantise = replace(quantise, defaults=replace(quantise.defaults, **_given(formats)))
    return replace(chosen, quantise=quantise, plan=replace(chosen.plan, **_given(plan)), **_given(whole))


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _number(text: str | None) -> int | str | None:
    """Integer where the text is one; anything else is judged where the option is read."""
    try:
        return text if text is None else int(text)
    except ValueError:
        return text


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
    from .gen.build_dir import read_build
    from .sim.data import load_samples
    from .sim.engines.select import check_engine
    from .sim.progress import counts_shown
    from .sim.screens import run_screen
    from .sim.verify import simulate, verify

    check_engine(engine)
    build = read_build(directory)
    samples = load_samples(data, shape=build.qnet.input_shape, **reading)
    with counts_shown(errors) as show:
        run = verify if verb == "verify" else simulate
        result = run(build, samples.x, samples.y, engine=engine, rule=rule, progress=show)
    title = f"{verb.capitalize()} {build.network.name}"
    output.print(run_screen(result, title, dropped_events=samples.dropped_events))
    _save(json_file, result.to_json())
    raise typer.Exit(0 if result.ok else FOUND)


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
    from .firmware.host.run import connect, run_on_board
    from .gen.build_dir import read_build
    from .sim.data import load_samples
    from .sim.progress import counts_shown, samples_shown
    from .sim.tables import facts_table

    read = read_build(directory)
    samples = load_samples(data, shape=read.qnet.input_shape, bin_us=bin_us, steps=steps, limit=limit)
    with counts_shown(errors) as compiling:
        link = connect(read, port, baud=baud, progress=compiling)
    with link, samples_shown(errors) as show:
        result = run_on_board(link, samples.x, samples.y, progress=show)
    output.print(facts_table(f"Run {read.network.name}", result.facts()))
    _save(json_file, result.to_json())


@app.command()
def build(
    directory: Dir,
    board: Annotated[str | None, typer.Option(help="Default: the one it was compiled for.")] = None,
    link: Annotated[
        str | None, typer.Option(help="uart: a host feeds it (spikeloom run). Default: a self-test.")
    ] = None,
    baud: Annotated[int, typer.Option(min=1, help="Of the UART.")] = 1_000_000,
    synth_only: Annotated[bool, typer.Option("--synth-only", help="Count the accelerator alone.")] = False,
    seed: Annotated[int, typer.Option(help="Of place and route.")] = 1,
    json_file: Json = None,
) -> None:
    """Synthesise, place and route: a bitstream with a self-test or a link around the accelerator."""
    from .gen.build_dir import read_build
    from .gen.toolchain.build import build as run
    from .sim.progress import lines_shown
    from .sim.screens import build_screen

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
            synth_only=synth_only,
            seed=seed,
            progress=show,
        )
    output.print(build_screen(result))
    _save(json_file, result.as_json())
    raise typer.Exit(FOUND if result.timing_met is False else 0)


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
    from .sim.encode_file import encode_file

    methods = {"rate": rate, "latency": latency, "threshold": threshold is not None, "direct": direct}
    named = [name for name, given in methods.items() if given]
    if len(named) != 1:
        raise UserError("Give one encoding: --rate, --latency, --threshold VALUE or --direct")
    if steps is None and not frames:
        raise UserError("Give --steps N, or --frames where the values bring their own steps")
    options = {"seed": seed, "max_rate": max_rate, "even": even or None, "frames": frames or None}
    options = _given({**options, "threshold": threshold, "max_value": max_value})
    keys = {"key": key, "label_key": label_key}
    samples = encode_file(in_file, out, named[0], steps=steps, limit=limit, **keys, **options)
    spikes = samples.x.reshape(len(samples.x), -1).sum(1, dtype=int)
    shape = "x".join(map(str, samples.x.shape[2:]))
    output.print(
        f"{len(samples.x)} samples of {samples.x.shape[1]} steps, {shape} channels, "
        f"{spikes.mean():.1f} spikes a sample (most: {spikes.max()}) -> {out}"
    )


@app.command()
def boards(json_file: Json = None) -> None:
    """List the boards that there are bitstreams for."""
    from dataclasses import asdict

    from .hw.boards.registry import BOARDS
    from .sim.screens import boards_screen

    output.print(boards_screen(BOARDS.values()))
    _save(json_file, {name: asdict(board) for name, board in BOARDS.items()})


@app.command()
def demo(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR")] = Path("demo"),
    board: Annotated[str, typer.Option(help="Board of the bitstream.")] = "ulx3s_85f",
    json_file: Json = None,
) -> None:
    """Take the digits network the whole way: compile, verify on all test digits, bitstream."""
    from .sim.demo import run_demo
    from .sim.progress import steps_shown
    from .sim.screens import demo_screen

    with steps_shown(errors) as show:
        result = run_demo(out, board=board, progress=show)
    output.print(demo_screen(result))
    _save(json_file, result.to_json())
    raise typer.Exit(0 if result.ok else FOUND)
