"""Exploration of a small model: what is on the front, what is kept, what picks compile to."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest
from spikeloom.gen.errors import UserError
from spikeloom.gen.plan import PlanOptions
from spikeloom.gen.resources.model import fit_note, predict_resources
from spikeloom.hw.boards.registry import BOARDS
from spikeloom.sim.compile import CompileOptions, compile_model
from spikeloom.sim.explore import run
from spikeloom.sim.explore.pick import read_pick
from spikeloom.sim.explore.run import explore, read_exploration

from ...cli_runner import Small

OPTIONS = CompileOptions(plan=PlanOptions(board="ulx3s_85f"))


def explored(small: Small, out: Path, *, weight_bits=(2, 4), state_bits=("auto",), jobs=1, **options):
    chosen = replace(OPTIONS, **options)
    wanted = {"options": chosen, "weight_bits": weight_bits, "state_bits": state_bits}
    return explore(small.model, out, data=small.data, jobs=jobs, **wanted)


@pytest.fixture(scope="module")
def found(small: Small, tmp_path_factory: pytest.TempPathFactory):
    return explored(small, tmp_path_factory.mktemp("explore") / "out")


def measures(point):
    return point["cycles"], point["luts"], point["block_rams"], -point["accuracy"]


def test_picks_are_beaten_by_no_point(found) -> None:
    points = found.table["points"]
    assert {point["weight_bits"] for point in points} == {2, 4}
    assert len(found.picks) >= 2
    for point in points:
        beaten = any(
            all(a <= b for a, b in zip(measures(other), measures(point), strict=True))
            and measures(other) != measures(point)
            for other in points
        )
        assert not (beaten and point["best"])
        same = [other for other in points if measures(other) == measures(point)]
        assert beaten or sum(other["best"] for other in same) == 1
    cycles = [point["cycles"] for point in found.picks]
    assert cycles == sorted(cycles)
    assert cycles[0] < cycles[-1]


def test_what_is_written_can_be_read(found) -> None:
    assert read_exploration(found.path).table == json.loads((found.path / "explore.json").read_text())
    drawn = (found.path / "explore.svg").read_text()
    assert ElementTree.fromstring(drawn).tag.endswith("svg")
    assert {path.stem for path in (found.path / "picks").iterdir()} == {p["name"] for p in found.picks}


@pytest.mark.parametrize("place", [0, -1])
def test_a_pick_compiles_to_what_it_says(found, tmp_path: Path, place: int) -> None:
    point = found.picks[place]
    model, options, calibration = read_pick(found.path, point["name"])
    result = compile_model(model, tmp_path / "out", options=options, calibration=calibration)
    params = result.build.plan.accelerator
    assert [core.array.weight_bits for core in params.cores] == [point["weight_bits"]] * 2
    assert result.predicted_cycles_per_sample == point["cycles"]
    assert result.accuracy_golden == point["accuracy"]
    assert predict_resources(params, BOARDS["ulx3s_85f"].device).luts == point["luts"]


def test_an_interrupted_run_goes_on(small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, looked_at = run.explore_format, []

    def once(job):
        if looked_at:
            raise KeyboardInterrupt
        looked_at.append(job.name)
        return real(job)

    monkeypatch.setattr(run, "explore_format", once)
    with pytest.raises(KeyboardInterrupt):
        explored(small, tmp_path / "out", weight_bits=(2, 3))
    assert not (tmp_path / "out" / "explore.json").exists()

    def note(job):
        looked_at.append(job.name)
        return real(job)

    monkeypatch.setattr(run, "explore_format", note)
    shown = []
    arguments = {"options": OPTIONS, "weight_bits": (2, 3), "state_bits": ("auto",), "data": small.data}
    found = explore(
        small.model, tmp_path / "out", jobs=1, progress=lambda *state: shown.append(state), **arguments
    )
    assert looked_at == ["w2-sauto", "w3-sauto"]
    assert shown == [("formats", 1, 2), ("formats", 2, 2)]
    assert {point["weight_bits"] for point in found.table["points"]} == {2, 3}
    # another board is another question, and a file that is no result is none
    for kept in (tmp_path / "out" / "formats").iterdir():
        kept.write_text("{")
    explored(small, tmp_path / "out", weight_bits=(2,))
    explored(small, tmp_path / "out", weight_bits=(2,), plan=PlanOptions(board="orangecrab"))
    assert looked_at[2:] == ["w2-sauto", "w2-sauto"]


def test_processes_find_the_same(small: Small, found, tmp_path: Path) -> None:
    again = explored(small, tmp_path / "out", jobs=2)
    assert again.table["points"] == found.table["points"]


def test_without_data_there_are_no_accuracies(small: Small, tmp_path: Path) -> None:
    wanted = {"options": OPTIONS, "weight_bits": (3,), "state_bits": (12,)}
    found = explore(small.model, tmp_path / "out", jobs=1, **wanted)
    assert {point["accuracy"] for point in found.table["points"]} == {None}
    assert found.table["calibration"] is None


def test_what_cannot_be_used_is_one_line(small: Small, found, tmp_path: Path) -> None:
    for call, text in (
        (lambda: read_pick(found.path, "best"), "has no pick best; there are w"),
        (lambda: read_pick(tmp_path, "best"), "is no directory of `spikeloom explore`"),
        (lambda: explored(small, tmp_path / "a", weight_bits=(17,)), "between 1 and 16, not 17"),
        (lambda: explored(small, tmp_path / "b", plan=PlanOptions(board="moon")), "Unknown board moon"),
        (
            lambda: explored(small, tmp_path / "c", plan=replace(OPTIONS.plan, target="area", max_luts=9)),
            "No format and no lanes fit on board ulx3s_85f",
        ),
    ):
        with pytest.raises(UserError, match=text) as error:
            call()
        assert "\n" not in str(error.value)
    (tmp_path / "explore.json").write_text('{"points": 3}')
    with pytest.raises(UserError, match="is not what `spikeloom explore` writes"):
        read_pick(tmp_path, "best")


def test_unusable_input_leaves_no_folder(small: Small, tmp_path: Path, cli) -> None:
    cut = tmp_path / "cut.nir"
    cut.write_bytes(small.model.read_bytes()[:900])
    assert "truncated" in cli("explore", cut, "--board", "ulx3s_85f", "-o", "out").error()
    assert "truncated" in cli("explore", small.model, cut, "--board", "ulx3s_85f", "-o", "out").error()
    assert not Path("out").exists()


def test_luts_of_another_family_are_said_to_be() -> None:
    assert fit_note(BOARDS["ulx3s_85f"].device) is None
    for board in ("icebreaker", "tang_nano_9k"):
        assert "reckoned as on ECP5" in (fit_note(BOARDS[board].device) or "")


def test_the_verb_and_its_picks(small: Small, tmp_path: Path, cli) -> None:
    arguments = ["explore", str(small.model), str(small.data), "--board", "ulx3s_85f", "-o", "out"]
    outcome = cli(*arguments, "--weight-bits", "3", "--jobs", "1", "--json", "found.json")
    assert outcome.code == 0
    table = json.loads(Path("found.json").read_text())
    fastest = min((p for p in table["points"] if p["best"]), key=lambda point: point["cycles"])
    assert f"--pick {fastest['name']}" in outcome.out
    assert cli("compile", "out", "--pick", fastest["name"], "-o", "built").code == 0
    assert (Path("built") / "manifest.json").is_file()
    for wrong, text in (
        (["compile", "out", "--pick", "none"], "has no pick none"),
        (["compile", "out", "--pick", "x", "--options", "f.toml"], "--pick or --options, not both"),
        ([*arguments, "--weight-bits", "3,many"], "--weight-bits must be whole numbers"),
    ):
        outcome = cli(*wrong)
        assert outcome.code == 2
        assert text in outcome.err
