"""``run`` and ``load`` as a user types them, on the simulated board: through the RTL and its UART."""

import json
from pathlib import Path


def test_run_on_the_simulated_board(cli, small):
    outcome = cli("run", small.build, small.data, "--port", "sim", "--limit", 5, "--json", "run.json")
    assert outcome.code == 0, outcome.err
    table = json.loads(Path("run.json").read_text())
    assert (table["samples"], table["steps"], table["port"]) == (5, 7, "the simulated board")
    golden = cli(
        "simulate", small.build, small.data, "--engine", "golden", "--limit", 5, "--json", "sim.json"
    )
    assert golden.code == 0, golden.err
    assert table["accuracy"] == json.loads(Path("sim.json").read_text())["accuracy"]
    counters = table["counters"]
    assert counters["event_ticks"] == counters["out_ticks"] == 5 * 7
    assert counters["bad_frames"] == counters["stray_frames"] == counters["line_errors"] == 0
    assert table["samples_per_s"] > 0
    assert "samples a second" in outcome.out


def test_saturations_are_those_of_the_golden_model(cli, saturating, small):
    """Over the link and in the compiled RTL; a build that does not count them says so."""
    words = (saturating.data, "--limit", 8, "--json", "found.json")
    found = []
    for command in (("run", "--port", "sim"), ("verify",), ("simulate", "--engine", "golden")):
        outcome = cli(command[0], saturating.build, *words, *command[1:])
        assert outcome.code == 0, outcome.err
        found.append(json.loads(Path("found.json").read_text()))
    board, rtl, golden = found
    assert board["counters"]["saturations"] == rtl["saturations_counted"] == golden["saturations"] > 20
    assert any(
        "saturations" in line and str(golden["saturations"]) in line for line in outcome.out.split("\n")
    )
    words = ("compile", small.model, "-o", "uncounted", "--no-count-saturations", "--calibrate", small.data)
    assert cli(*words).code == 0
    assert "saturations" not in Path("uncounted/rtl/accelerator.v").read_text()
    outcome = cli("run", "uncounted", small.data, "--port", "sim", "--limit", 2, "--json", "run.json")
    assert outcome.code == 0, outcome.err
    assert "not counted" in outcome.out
    assert "saturations" not in json.loads(Path("run.json").read_text())["counters"]


def test_run_refuses_what_cannot_be(cli, small):
    words = ("run", small.build, small.data)
    assert "/dev/nothing-here" in cli(*words, "--port", "/dev/nothing-here").error()
    assert cli(*words, "--port", "sim", "--baud", 20_000_000).error().startswith("A clock of 25 MHz makes")


def test_load_into_the_simulated_board(cli, small):
    """Loaded by `load`; and by `run` itself, where the board holds something else."""
    words = ("compile", small.model, "-o", "loaded", "--weights", "loaded", "--calibrate", small.data)
    assert cli(*words).code == 0
    outcome = cli("load", "loaded", "--port", "sim", "--json", "load.json")
    assert outcome.code == 0, outcome.err
    table = json.loads(Path("load.json").read_text())
    image = Path("loaded/load/memories.bin").read_bytes()
    assert table["memory_bytes"] == len(image)
    assert table["memories"] >= 2
    assert table["contents"][:12] in outcome.out
    outcome = cli("run", "loaded", small.data, "--port", "sim", "--limit", 3, "--json", "run.json")
    assert outcome.code == 0, outcome.err
    assert json.loads(Path("run.json").read_text())["samples"] == 3
    text = cli("load", small.build, "--port", "sim").error()
    assert text.endswith("its weights are part of the bitstream; compile with --weights loaded")
