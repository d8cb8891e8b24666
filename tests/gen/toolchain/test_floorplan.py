"""Block RAMs on sites of the device: springs as linear algebra has them, a plan that is short, names that
nextpnr knows."""

import json
import random
from itertools import count

import numpy as np
import pytest
from spikeloom.gen.toolchain import springs
from spikeloom.gen.toolchain.block_ram_sites import block_ram_sites
from spikeloom.gen.toolchain.floorplan import _Plan, place_block_rams
from spikeloom.gen.toolchain.flows import FLOWS
from spikeloom.gen.toolchain.netlist import passes_for
from spikeloom.gen.toolchain.process import run_tool
from spikeloom.gen.toolchain.springs import Springs, springs_between
from spikeloom.hw.boards.devices import GW2A_18, ICE40UP5K, LFE5U_12F, LFE5U_45F, LFE5U_85F
from spikeloom.hw.boards.registry import BOARDS


def netlist(wires, rams):
    """Cells and what they read: `wires` are a driver and its readers; `rams` are block RAMs."""
    cells = {}
    for name in {name for driver, readers in wires for name in (driver, *readers)} | set(rams):
        cells[name] = {
            "type": "DP16KD" if name in rams else "LUT4",
            "attributes": {},
            "port_directions": {},
            "connections": {},
        }
    port = count()
    for bit, (driver, readers) in enumerate(wires, 2):
        for name, direction in ((driver, "output"), *((reader, "input") for reader in readers)):
            key = f"P{next(port)}"
            cells[name]["port_directions"][key] = direction
            cells[name]["connections"][key] = [bit, "0"]
    return {"modules": {"top": {"cells": dict(sorted(cells.items()))}}}


def random_wires(rng, cells):
    names = [f"c{k}" for k in range(cells)]
    return [(name, rng.choices(names, k=rng.choice([1, 1, 2, 5]))) for name in names for _ in range(2)]


def reduced(wires, rams, home):
    """The Schur complement of the Laplacian."""
    names = sorted({name for driver, readers in wires for name in (driver, *readers)} - set(rams))
    place = {name: k for k, name in enumerate([*rams, *names])}
    whole = np.eye(len(place)) * home
    for driver, readers in wires:
        others = [reader for reader in readers if reader != driver]
        for reader in others:
            a, b, pull = place[driver], place[reader], 1 / len(others)
            whole[[a, b], [a, b]] += pull
            whole[[a, b], [b, a]] -= pull
    n = len(rams)
    return whole[:n, :n] - whole[:n, n:] @ np.linalg.solve(whole[n:, n:], whole[n:, :n])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("large_cells", "home"), [(40, springs._HOME), (39, springs._LARGE_HOME)])
def test_springs_are_those_of_linear_algebra(seed, large_cells, home, monkeypatch):
    monkeypatch.setattr(springs, "_WEAKEST", 0.0)
    monkeypatch.setattr(springs, "_LARGE_CELLS", large_cells)
    rng = random.Random(seed)
    wires, rams = random_wires(rng, 40), ["c3", "c17", "c25", "c31"]
    found = springs_between(netlist(wires, rams)["modules"]["top"], rams)
    exact = reduced(wires, rams, home)
    assert np.allclose(found.between, np.diag(np.diag(exact)) - exact)
    assert np.allclose(found.home, exact.sum(axis=1))
    assert found.between.sum() > 0


def test_a_row_of_registers_pulls_the_less_the_longer_it_is():
    wires = [("a", ["r0"]), *((f"r{k}", [f"r{k + 1}"]) for k in range(3)), ("r3", ["b"]), ("a", ["c"])]
    wires.append(("b", [f"wide{k}" for k in range(65)]))  # too many to pull at any
    found = springs_between(netlist(wires, ["a", "b", "c"])["modules"]["top"], ["a", "b", "c"])
    assert found.between[0, 1] == pytest.approx(1 / 5, rel=0.01)
    assert found.between[0, 2] == 1.0
    assert found.between[1, 2] == 0.0
    assert not np.any(np.diag(found.between))


def energy(springs, sites, places):
    at = np.array([(sites[k].x, sites[k].y) for k in places], float)
    center = np.mean([(site.x, site.y) for site in sites], axis=0)
    squares = ((at[:, None] - at[None]) ** 2).sum(axis=2)
    return (springs.between * squares).sum() / 2 + springs.home @ ((at - center) ** 2).sum(axis=1)


def random_springs(rng, cells):
    between = np.triu(rng.random((cells, cells)) * (rng.random((cells, cells)) < 0.2), 1)
    return Springs([f"m{k}" for k in range(cells)], between + between.T, rng.random(cells) * 1e-2)


def test_the_cost_of_a_move_is_what_the_energy_grows_by():
    found, sites = random_springs(np.random.default_rng(0), 30), block_ram_sites(LFE5U_12F)
    plan = _Plan(found, sites)
    for _ in range(300):
        cell, site = plan._move()
        before, cost = energy(found, sites, plan.sites), plan._cost(cell, site)
        plan._go(cell, site)
        assert energy(found, sites, plan.sites) - before == pytest.approx(cost, abs=1e-6)
        assert len(set(plan.sites)) == 30


def test_no_single_move_makes_an_annealed_plan_much_shorter():
    found, sites = random_springs(np.random.default_rng(1), 40), block_ram_sites(LFE5U_85F)
    plan = _Plan(found, sites)
    start = energy(found, sites, plan.sites)
    plan.anneal()
    end = energy(found, sites, plan.sites)
    best = min(plan._cost(cell, site) for cell in range(40) for site in range(len(sites)))
    assert end < 0.8 * start
    assert best > -0.002 * end


def arrays(rng, number, lanes):
    """Arrays whose lanes have a block RAM each and are joined in a ring through registers; names mixed."""
    wires, rams = [], []
    for array in range(number):
        ring = [f"m{array}_{lane}" for lane in range(lanes)]
        rams += ring
        for k, name in enumerate(ring):
            for bit in range(4):
                register = f"r{array}_{k}_{bit}"
                wires += [(name, [register]), (register, [ring[(k + 1) % lanes]])]
    rng.shuffle(wires)
    return netlist(wires, rams), rams


def test_block_rams_of_an_array_stand_together():
    design, rams = arrays(random.Random(3), 3, 12)
    sites = block_ram_sites(LFE5U_85F)
    place_block_rams(design, sites)
    bels = {site.bel: site for site in sites}
    at = {name: bels[design["modules"]["top"]["cells"][name]["attributes"]["BEL"]] for name in rams}
    assert len(set(at.values())) == len(rams)
    spans = [
        max(
            abs(at[a].x - at[b].x) + abs(at[a].y - at[b].y) for a in rams for b in rams if a[:3] == b[:3] == m
        )
        for m in ("m0_", "m1_", "m2_")
    ]
    assert max(spans) <= 40  # of 116 columns and 60 rows
    again, _ = arrays(random.Random(3), 3, 12)
    assert place_block_rams(again, sites) == design


def test_what_does_not_fit_or_has_no_sites_stays_as_it_is():
    design, _ = arrays(random.Random(0), 5, 12)
    before = json.dumps(design)
    assert json.dumps(place_block_rams(design, block_ram_sites(LFE5U_12F))) == before
    empty = netlist([("a", ["b"])], [])
    assert place_block_rams(empty, block_ram_sites(LFE5U_12F)) == netlist([("a", ["b"])], [])
    for device in (ICE40UP5K, GW2A_18):
        assert "block_ram_places" not in passes_for(device)
    assert list(passes_for(LFE5U_45F))[-1] == "block_ram_places"


@pytest.mark.build
@pytest.mark.parametrize("board", ["ulx3s_12f", "ulx3s_45f", "ulx3s_85f", "ecpix5_85f"])
def test_nextpnr_knows_every_site(tmp_path, board):
    """A device full of block RAMs, one after the other, each on its site."""
    device = BOARDS[board].device
    sites = block_ram_sites(device)
    assert len(set(sites)) == device.block_rams
    cells = {
        f"ram{k}": {
            "type": "DP16KD",
            "parameters": {"DATA_WIDTH_A": "18", "DATA_WIDTH_B": "18"},
            "attributes": {"BEL": site.bel},
            "port_directions": {"CLKA": "input", "ADA4": "input", "DOA0": "output"},
            "connections": {"CLKA": [2], "ADA4": [2 + k], "DOA0": [3 + k]},
        }
        for k, site in enumerate(sites)
    }
    ports = {
        "clk": {"direction": "input", "bits": [2]},
        "q": {"direction": "output", "bits": [2 + len(sites)]},
    }
    module = {"attributes": {"top": "1"}, "ports": ports, "cells": cells, "netnames": {}}
    (tmp_path / "top.json").write_text(json.dumps({"creator": "test", "modules": {"top": module}}))
    (tmp_path / "top.lpf").touch()
    flow = FLOWS[device.family]
    options = [*flow.place_options(BOARDS[board]), "--lpf-allow-unconstrained", "--no-route"]
    run = run_tool(flow.placer, [*options, "--write", "placed.json"], cwd=tmp_path, step="place and route")
    assert not run.returncode, run.error
    placed = json.loads((tmp_path / "placed.json").read_text())["modules"]["top"]["cells"]
    assert {placed[name]["attributes"]["NEXTPNR_BEL"] for name in cells} == {site.bel for site in sites}
