"""nextpnr's report, read."""

import json
import re

import pytest
from spikeloom.gen.errors import UserError
from spikeloom.gen.toolchain import ecp5, ice40, place
from spikeloom.gen.toolchain.clocks import with_clock
from spikeloom.gen.toolchain.domains import domain_timings
from spikeloom.gen.toolchain.flows import FLOWS
from spikeloom.gen.toolchain.netlist import apply_passes
from spikeloom.gen.toolchain.place import place_and_route, read_report
from spikeloom.gen.toolchain.process import ToolRun
from spikeloom.gen.toolchain.resources import Resources
from spikeloom.gen.toolchain.timing import read_critical_paths
from spikeloom.hw.boards.registry import BOARDS
from spikeloom.hw.clocked_accelerator import ACCELERATOR_DOMAIN


def hop(kind, delay, source, sink):
    return {
        "type": kind,
        "delay": delay,
        "from": {"cell": source, "loc": [1, 2], "port": "Q"},
        "to": {"cell": sink, "loc": [1, 2], "port": "D"},
    }


END = "selftest.accelerator.emitted.b.v_TRELLIS_FF_Q"
SLOW = [
    hop("clk-to-q", 0.5, "a.sum_TRELLIS_FF_Q_3", "a.sum_TRELLIS_FF_Q_3"),
    hop("routing", 1.25, "a.sum_TRELLIS_FF_Q_3", "x_LUT4_Z"),
    hop("logic", 0.25, "x_LUT4_Z", "x_LUT4_Z"),
    hop("routing", 0.75, "x_LUT4_Z", "y_CCU2C_S0$CCU2_COMB0"),
    hop("logic", 0.5, "y_CCU2C_S0$CCU2_COMB0", "y_CCU2C_S0$CCU2_COMB0"),
    hop("setup", 0.25, END, END),
]
FAST = [hop("clk-to-q", 0.5, "p", "p"), hop("setup", 0.0, "q", "q")]
REPORT = {
    "fmax": {"clk": {"achieved": 123.5, "constraint": 25.0}, "slow": {"achieved": 50.25, "constraint": 12}},
    "utilization": {
        "TRELLIS_COMB": {"used": 700, "available": 83640},
        "TRELLIS_FF": {"used": 400, "available": 83640},
        "DP16KD": {"used": 3, "available": 208},
        "MULT18X18D": {"used": 0, "available": 156},
        "TRELLIS_IO": {"used": 4, "available": 365},
    },
    "critical_paths": [
        {"from": "<async>", "to": "posedge clk", "path": [hop("routing", 99.0, "io", "z")]},
        {"from": "posedge clk", "to": "posedge clk", "path": FAST},
        {"from": "posedge clk", "to": "posedge clk", "path": SLOW},
    ],
}


def write(folder, data):
    path = folder / "nextpnr.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def test_report(tmp_path):
    synthesised = Resources(luts=600, ffs=399, block_rams=3, dsps=2)
    placement = read_report(write(tmp_path, REPORT), flow=ecp5.FLOW, synthesised=synthesised)
    assert placement.fmax_mhz == {"clk": 123.5, "slow": 50.25}
    assert placement.resources == Resources(luts=700, ffs=400, block_rams=3, dsps=0)
    assert placement.utilisation["TRELLIS_IO"] == (4, 365)
    assert "MULT18X18D" not in placement.utilisation
    assert placement.reserve == 50.25 / 12


@pytest.mark.parametrize("reached", [(100, 120), (120, 100), (None, 90), (90, None), (None, None)])
def test_the_fastest_placement_is_kept(tmp_path, monkeypatch, reached):
    """Its files too; where no placer ends, the last one's error is what is said."""
    asked = []

    def run_tools(tool, runs, **_):
        return [run_one(tool, options, cwd) for options, cwd in runs]

    def run_one(tool, options, cwd):
        assert (cwd / "top.json").read_text() == "netlist"
        placer = options[options.index("--placer") + 1]
        mhz = reached[len(asked)]
        asked.append(placer)
        if mhz is not None:
            write(cwd, {**REPORT, "fmax": {"clk": {"achieved": mhz, "constraint": 25}}})
            (cwd / ecp5.FLOW.routed).write_text(placer)
        output = "" if mhz else f"ERROR: {placer}"
        return ToolRun(tool=tool.name, version="", returncode=int(not mhz), output=output, wall_s=0)

    (tmp_path / "top.json").write_text("netlist")
    monkeypatch.setattr(place, "run_tools", run_tools)
    board, most = BOARDS["ulx3s_85f"], max(mhz or 0 for mhz in reached)
    if not most:
        with pytest.raises(UserError, match=r"stopped: ERROR: heap$"):
            place_and_route(board, cwd=tmp_path, synthesised=Resources())
    else:
        assert place_and_route(board, cwd=tmp_path, synthesised=Resources()).fmax_mhz == {"clk": most}
        assert (tmp_path / ecp5.FLOW.routed).read_text() == asked[reached.index(most)]
        assert json.loads((tmp_path / "nextpnr.json").read_text())["fmax"]["clk"]["achieved"] == most
        stopped = "Another placer stopped: ERROR" in (tmp_path / "nextpnr.log").read_text()
        assert stopped == (None in reached)
        left = {"nextpnr.json", "nextpnr.log", "top.config", "top.json"}
        assert {path.name for path in tmp_path.iterdir()} == left
    assert asked == ["static", "heap"]


@pytest.mark.parametrize(
    ("more", "placers"),
    [(0, [("static", True), ("heap", True)]), (1, [("static", True), ("static", False)])],
)
def test_a_large_design_is_placed_with_and_without_sites(tmp_path, monkeypatch, more, placers):
    asked = []
    ram = {"type": "DP16KD", "attributes": {"BEL": "X4/Y22/EBR0"}}
    netlist = {"modules": {"top": {"cells": {"ram": ram}}}}

    def run_tools(tool, runs, **_):
        for options, cwd in runs:
            left = json.loads((cwd / "top.json").read_text())["modules"]["top"]["cells"]["ram"]
            asked.append((options[options.index("--placer") + 1], left == ram))
            assert left in (ram, {**ram, "attributes": {}})
            write(cwd, {**REPORT, "fmax": {"clk": {"achieved": 100, "constraint": 25}}})
            (cwd / ecp5.FLOW.routed).touch()
        return [ToolRun(tool=tool.name, version="", returncode=0, output="", wall_s=0)] * len(runs)

    (tmp_path / "top.json").write_text(json.dumps(netlist))
    monkeypatch.setattr(place, "run_tools", run_tools)
    cells = Resources(luts=ecp5.FLOW.large_cells - 5, ffs=5 + more)
    assert place_and_route(BOARDS["ulx3s_85f"], cwd=tmp_path, synthesised=cells).fmax_mhz == {"clk": 100}
    assert asked == placers
    assert json.loads((tmp_path / "top.json").read_text()) == netlist
    assert (tmp_path / ecp5.FLOW.routed).exists()


def test_what_nextpnr_does_not_count_is_from_synthesis(tmp_path):
    """A logic cell of an iCE40 holds LUT and flip-flop, so flip-flops alone are not reported."""
    report = {**REPORT, "utilization": {"ICESTORM_LC": {"used": 90, "available": 5280}}}
    placement = read_report(
        write(tmp_path, report), flow=ice40.FLOW, synthesised=Resources(luts=60, ffs=70, block_rams=4)
    )
    assert placement.resources == Resources(luts=90, ffs=70, block_rams=0)


def test_critical_path_in_words():
    path = read_critical_paths(REPORT["critical_paths"])["clk"]
    assert str(path) == (
        "3.5 ns from a.sum to accelerator.b.v through 2 cells:"
        " clock to output 0.5, logic 0.8, routing 2.0, setup 0.2"
    )
    assert path.total_ns == pytest.approx(3.5)


def test_no_clocked_path():
    assert read_critical_paths(REPORT["critical_paths"][:1]) == read_critical_paths([]) == {}


def test_each_domain_has_its_own_clock_and_path(tmp_path):
    """What the link's domain reaches says nothing of the accelerator's, and the other way round."""
    inner = f"$glbnet$clock.{ACCELERATOR_DOMAIN}_clk"
    report = {
        **REPORT,
        "fmax": {
            "$glbnet$clk": {"achieved": 88.5, "constraint": 12},
            inner: {"achieved": 164.26, "constraint": 100},
        },
        "critical_paths": [
            {"from": f"posedge {clock}", "to": f"posedge {clock}", "path": path}
            for clock, path in (("$glbnet$clk", SLOW), (inner, FAST))
        ]
        + [{"from": "posedge $glbnet$clk", "to": f"posedge {inner}", "path": SLOW}],
    }
    placement = read_report(write(tmp_path, report), flow=ecp5.FLOW, synthesised=Resources())
    board = with_clock(BOARDS["ulx3s_85f"], 165)
    domains = domain_timings(placement, board, split=True)
    assert [(d.name, d.clock_mhz, d.fmax_mhz, d.met) for d in domains] == [
        ("accelerator", board.design_mhz, 164.26, False),
        ("link", 25.0, 88.5, True),
    ]
    assert [(d.critical_path or "")[:8] for d in domains] == ["0.5 ns f", "3.5 ns f"]
    (whole,) = domain_timings(placement, board, split=False)
    assert (whole.name, whole.fmax_mhz, (whole.critical_path or "")[:6]) == ("design", 88.5, "3.5 ns")


@pytest.mark.parametrize(
    "data",
    ["", "[]", "{}", "null", '{"fmax": 1}', '{"fmax": {}, "utilization": {"a": 1}, "critical_paths": []}'],
)
def test_a_broken_report_is_one_line(tmp_path, data):
    with pytest.raises(UserError, match=re.escape("nextpnr.json is not a report of nextpnr")) as error:
        read_report(write(tmp_path, data), flow=ecp5.FLOW, synthesised=Resources())
    assert "\n" not in str(error.value)


def test_netlist_passes_run_in_order(tmp_path):
    netlist = write(tmp_path, {"modules": {}})
    before = netlist.read_text()
    apply_passes(netlist, {})
    assert netlist.read_text() == before
    passes = {
        "first": lambda design: {**design, "seen": ["first"]},
        "second": lambda design: {**design, "seen": [*design["seen"], "second"]},
    }
    apply_passes(netlist, passes)
    assert json.loads(netlist.read_text()) == {"modules": {}, "seen": ["first", "second"]}


@pytest.mark.parametrize(
    ("board", "options"),
    [
        ("ulx3s_12f", "--12k --package CABGA381 --speed 6"),
        ("orangecrab_85f", "--85k --package CSFBGA285 --speed 8"),
        ("ecpix5_85f", "--um5g-85k --package CABGA554 --speed 8"),
        ("icebreaker", "--up5k --package sg48"),
        ("tinyfpga_bx", "--lp8k --package cm81"),
        ("tang_nano_9k", "--device GW1NR-LV9QN88PC6/I5 --vopt family=GW1N-9C --vopt cst=top.cst"),
        ("tang_primer_20k", "--device GW2A-LV18PG256C8/I7 --vopt family=GW2A-18 --vopt cst=top.cst"),
    ],
)
def test_nextpnr_is_told_the_device(board, options):
    found = FLOWS[BOARDS[board].family].place_options(BOARDS[board])
    assert " ".join(found).startswith(f"{options} --json top.json")
