"""RTLIL to a shared library: write_cxxrtl, a generated batch driver, the machine's C++ compiler."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib import util
from pathlib import Path
from typing import Any

import jinja2

from ...gen.errors import MissingTool, UserError
from ...gen.toolchain.process import tool_version
from ...gen.toolchain.yosys import YosysEngine, run_yosys, yosys_engine
from ...hw.params import CoreParams
from ..compiler import compiler_identity, cxx_compiler
from ..process import run_command
from ..tokens import out_format
from .cache import cached, content_key
from .probes import probe_words
from .run import Design, Progress, settle_cycles
from .toggles import toggle_code

__all__ = ["build_library", "compile_library", "has_feedback", "mangle", "toggle_blocks"]

_BLOCKS = "blocks.json"
_STEP = "CXXRTL simulation"
# Registers of at least this many bits, such as all accumulators of a wide array, are split: assembling
# one from its lanes costs lanes times width (128 lanes: ten times the cycles a second).
_SPLIT_BITS = 600
# The runtime reads a word beyond the address of a memory of one word, which has no address bits; such a
# memory becomes a register.
_SCRIPT = f"""
read_rtlil design.il
hierarchy -top {{top}}
proc
memory_collect
memory_map t:$mem_v2 r:SIZE=1 %i
flatten
opt_clean
splitcells r:WIDTH>={_SPLIT_BITS}
splitnets -driver s:{_SPLIT_BITS}:
opt_clean
write_cxxrtl -g0 design.cc
"""
# CXXRTL_NDEBUG: reading a memory beyond its end is legal in hardware when nobody looks.
_FLAGS = ("-std=c++17", "-fPIC", "-shared", "-fvisibility=hidden", "-DNDEBUG", "-DCXXRTL_NDEBUG", "-w")
_TEMPLATE = Path(__file__).with_name("cxxrtl_driver.cc.j2")


def build_library(
    design: Design,
    *,
    optimise: int = 3,
    toggles: bool = False,
    yosys: YosysEngine = "auto",
    progress: Progress | None = None,
) -> Path:
    """Compile `design` for CXXRTL, or find it already compiled.

    Parameters
    ----------
    optimise : int
        Level of the C++ compiler's optimisation, 0..3.
    toggles : bool
        Count the bits that change; `toggle_blocks` names what the counts are of.
    yosys : {"auto", "pyosys", "yowasp"}
        What writes the C++.

    Returns
    -------
    Path
        Shared library with the entry points of ``cxxrtl_driver.cc.j2``.

    Raises
    ------
    MissingTool
        No C++ compiler, or no Yosys.
    UserError
        Yosys or the compiler stopped.
    """
    try:
        rtlil = design.rtlil.read_bytes()
    except OSError as error:
        raise UserError(f"{_STEP}: cannot read {design.rtlil}: {error.strerror}") from None
    return compile_library(
        rtlil,
        top=design.top,
        template=_TEMPLATE,
        values=_driver_values(design),
        optimise=optimise,
        toggles=toggles,
        yosys=yosys,
        progress=progress,
    )


def toggle_blocks(library: Path) -> tuple[str, ...]:
    """Names of the blocks whose changing bits `library` counts; empty where it counts none."""
    file = library.with_name(_BLOCKS)
    return tuple(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else ()


def compile_library(
    rtlil: bytes,
    *,
    top: str,
    template: Path,
    values: Mapping[str, Any],
    optimise: int = 3,
    toggles: bool = False,
    yosys: YosysEngine = "auto",
    progress: Progress | None = None,
) -> Path:
    """Compile module `top` with a driver of its own, or find it already compiled.

    Parameters
    ----------
    rtlil : bytes
        The whole design.
    template : Path
        Jinja2 template of the driver; it gets `values`, `top` (the name of the class) and `one_pass`
        (whether one evaluation a cycle is enough).
    values : mapping
        What depends on the design; part of its identity.
    toggles : bool
        The driver counts changing bits; `toggles` is then the number of blocks in the template.

    Returns and raises as `build_library`.
    """
    tool = yosys_engine(yosys, step=_STEP)
    compiler = cxx_compiler(step=_STEP)
    flags = (*_FLAGS, f"-O{optimise}")
    sources = (template.read_bytes(), Path(__file__).read_bytes())
    tools = (compiler_identity(compiler), tool.name, tool_version(tool.distribution))
    key = content_key((rtlil, top, repr(values), repr(toggles), *sources, *tools, *flags))

    def make(folder: Path) -> None:
        if progress is not None:
            progress("compiling RTL", 0, 1)
        (folder / "design.il").write_bytes(rtlil)
        run_yosys(_SCRIPT.format(top=top), cwd=folder, engine=yosys, step=_STEP)
        _write_driver(folder, template, {**values, "top": mangle(top)}, toggles=toggles)
        runtime = _runtime(tool.package)
        words = [*compiler, *flags, "-I", runtime, "driver.cc", "-o", "design.so"]
        code, output = run_command(words, cwd=folder)
        if code:
            raise UserError(f"{_STEP}: {compiler[0]} stopped: {_first_error(output)}")
        for name in ("design.il", "design.cc", "driver.cc"):
            (folder / name).unlink()
        if progress is not None:
            progress("compiling RTL", 1, 1)

    return cached("cxxrtl", key, make) / "design.so"


def _write_driver(folder: Path, template: Path, values: Mapping[str, Any], *, toggles: bool) -> None:
    code = (folder / "design.cc").read_text(encoding="utf-8")
    one_pass, blocks = not has_feedback(code), ()
    if toggles:
        counted = toggle_code(code)
        code, blocks = counted.code, counted.blocks
        (folder / _BLOCKS).write_text(json.dumps(blocks), encoding="utf-8")
    elif one_pass:
        code = _commit_always(code)
    (folder / "design.cc").write_text(code, encoding="utf-8")
    driver = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(template.read_text("utf-8"))
    text = driver.render(values, one_pass=one_pass, toggles=len(blocks))
    (folder / "driver.cc").write_text(text, encoding="utf-8")


def _driver_values(design: Design) -> dict[str, Any]:
    params = design.params
    form = out_format(params)
    ports = {f"{stream}_{wire}": f"{stream}__{wire}" for stream in ("events", "out") for wire in _WIRES}
    return {
        **{key: mangle(name) for key, name in {"clk": "clk", "rst": "rst", **ports}.items()},
        "prev_clk": "prev_" + mangle("clk"),
        "out_words": form.words,
        "last_bit": form.tick_bit + 1,
        "settle_cycles": settle_cycles(params),
        "saturations": mangle("saturations") if params.count_saturations else "",
        "startup_cycles": params.clear_cycles,
        "probes": [_probe(k, core) for k, core in enumerate(params.cores)] if params.debug else [],
    }


_WIRES = ("payload", "valid", "ready")


def has_feedback(code: str) -> bool:
    """Whether one evaluation may not be enough to settle the design that write_cxxrtl gave this code for."""
    return "bool converged = true;" not in code or "bool converged = false;" in code


def _commit_always(code: str) -> str:
    """Copy registers without asking whether they changed, which only designs with feedback need to know.

    Up to half more cycles a second.
    """
    return re.sub(r"if \(([pi]_\w+)\.commit\(observer\)\) changed = true;", r"\1.curr = \1.next;", code)


def _probe(core: int, params: CoreParams) -> dict:
    fields = ["group", "spikes", "membranes", *(["currents"] if params.neuron.synapse else [])]
    return {
        "valid": mangle(f"probe_{core}__valid"),
        "ports": [mangle(f"probe_{core}__{name}") for name in fields],
        "words": sum(probe_words(params)),
    }


def mangle(name: str) -> str:
    """Name of a public wire or module in C++, by the rule of write_cxxrtl."""
    escape = {"_": "__"}
    return "p_" + "".join(escape.get(c, c if c.isalnum() else f"_{ord(c):x}_") for c in name)


def _runtime(package: str) -> Path:
    spec = util.find_spec(package)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / "share" / "include" / "backends" / "cxxrtl" / "runtime"
        if folder.is_dir():
            return folder
    raise MissingTool(f"{package} has no CXXRTL runtime for {_STEP}: pip install --force-reinstall {package}")


def _first_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "no message")
