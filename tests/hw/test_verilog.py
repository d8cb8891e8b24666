"""The emitted Verilog of blocks with streams, in Icarus and Verilator, with random back-pressure."""

import json
import os
import random
import sys
from pathlib import Path
from typing import Any

import pytest
from amaranth import signed
from amaranth.lib import data
from spikeloom.gen.rtl import convert
from spikeloom.hw.accelerator import Accelerator
from spikeloom.hw.argmax import Argmax
from spikeloom.hw.core import Core
from spikeloom.hw.dense import DenseArray
from spikeloom.hw.event_queue import EventQueue
from spikeloom.hw.params import ReadoutKind
from spikeloom.hw.serialiser import Serialiser
from spikeloom.hw.signatures import event_layout
from spikeloom.sim.bench.runner import build_bench, require_simulator, run_bench
from spikeloom.sim.golden.model import run_golden

from .drivers import token
from .randoms import random_array, random_chain, weight_rows
from .runs import expected_tokens, fields, random_samples, sample_tokens


def run_job(component, bench, job, folder, simulator):
    """What the cocotb module `bench` made of `job` on the Verilog of `component`."""
    require_simulator(simulator)
    rtl = convert(component, name="block")
    (folder / "block.v").write_text(rtl.verilog())
    for name, text in rtl.images().items():
        (folder / name).write_text(text)
    (folder / "job.json").write_text(json.dumps(job))
    build_bench(simulator, [folder / "block.v"], top="block", folder=folder)
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    env = {"SPIKELOOM_JOB": str(folder), "PYTHONPATH": path}
    run_bench(simulator, bench, top="block", build=folder, folder=folder, env=env)
    return json.loads((folder / "result.json").read_text())


def carried(component, ports, tokens, count, folder, simulator="icarus", *, gap=0.3, stall=0.4):
    """Tokens that a block between two streams made of `tokens`."""
    source, sink = ports
    layout = getattr(component, source).payload.shape()
    payloads = [layout.const(token).as_value().value for token in tokens]
    job = {"input": source, "output": sink, "payloads": payloads, "count": count, "gap": gap, "stall": stall}
    found = run_job(component, "cocotb_streams", job, folder, simulator)
    shape = getattr(component, sink).payload.shape()
    return [fields(shape.from_bits(raw)) for raw in found]


@pytest.mark.icarus
def test_event_queue(tmp_path):
    rng = random.Random("queue")
    tokens = [token(rng.randrange(300), tick=rng.getrandbits(1), last=0) for _ in range(200)]
    queue = EventQueue(event_layout(300), depth=5)
    found = carried(queue, ("i", "o"), tokens, len(tokens), tmp_path)
    expected = [(None, None, 1, 0) if t["tick"] else (t["index"], None, 0, 0) for t in tokens]
    assert found == expected


@pytest.mark.icarus
def test_argmax(tmp_path):
    rng = random.Random("argmax")
    samples = [[rng.randint(-8, 7) for _ in range(5)] for _ in range(40)]
    tokens = []
    for values in samples:
        tokens += [token(k, value) for k, value in enumerate(values)] + [token(0, 0, tick=1, last=1)]
    block = Argmax(neurons=5, value=signed(4))
    found = carried(block, ("values", "out"), tokens, 2 * len(samples), tmp_path)
    winners = [values.index(max(values)) for values in samples]
    assert found == [t for winner in winners for t in ((winner, None, 0, 0), (None, None, 1, 1))]


@pytest.mark.parametrize(
    ("targets", "lanes", "update_lanes", "weight_bits", "simulator"),
    [
        pytest.param(6, 6, 2, 3, "icarus", marks=pytest.mark.icarus),
        pytest.param(7, 3, 1, 1, "icarus", marks=pytest.mark.icarus),
        pytest.param(7, 3, 1, 1, "verilator", marks=[pytest.mark.verilator, pytest.mark.slow]),
    ],
)
def test_dense_array(targets, lanes, update_lanes, weight_bits, simulator, tmp_path):
    rng = random.Random(targets)
    array, weights = random_array(
        rng, sources=5, targets=targets, lanes=lanes, weight_bits=weight_bits, input_max=8
    )
    block = DenseArray(array, weight_rows(weights, array), update_lanes=update_lanes)
    steps = [[rng.randrange(5) for _ in range(rng.randint(0, 8))] for _ in range(30)]
    tokens = [t for events in steps for t in [*map(token, events), token(tick=1, last=rng.getrandbits(1))]]
    layout: Any = event_layout(5)
    job = {"payloads": [layout.const(t).as_value().value for t in tokens], "gap": 0.3}
    records = run_job(block, "cocotb_dense", job, tmp_path, simulator)
    ticks = [t for t in tokens if t["tick"]]
    groups = block.accumulators.sweep_groups
    accs: Any = data.ArrayLayout(signed(array.acc_bits), update_lanes)
    assert len(records) == len(steps) * groups
    for step, events in enumerate(steps):
        rows = records[step * groups : (step + 1) * groups]
        expected = [sum(weights[target][source] for source in events) for target in range(targets)]
        found = [0 if zero else value for _, raw, zero, _, _ in rows for value in list(accs.from_bits(raw))]
        assert found[:targets] == expected, f"step {step}"
        assert [(group, final) for group, _, _, final, _ in rows] == [
            (g, int(g == groups - 1)) for g in range(groups)
        ]
        assert {last for *_, last in rows} == {ticks[step]["last"]}


@pytest.mark.icarus
@pytest.mark.parametrize(
    ("neurons", "lanes", "value"), [(9, 4, None), (7, 3, signed(5))], ids=["events", "values"]
)
def test_serialiser(neurons, lanes, value, tmp_path):
    rng = random.Random(neurons)
    block = Serialiser(neurons=neurons, lanes=lanes, value=value)
    sweeps, expected = [], []
    for number in range(25):
        last = int(number % 4 == 3)
        bits = [rng.random() < rng.choice([0.1, 0.9]) for _ in range(neurons)]
        values = [rng.randint(-16, 15) for _ in range(block.groups * lanes)]
        sweeps.append([ports(block, g, bits, values, last) for g in range(block.groups)])
        expected += [(k, values[k] if value else None, 0, 0) for k in range(neurons) if bits[k]]
        expected.append((None, None, 1, last))
    job = {"sweeps": sweeps, "count": len(expected), "stall": 0.4}
    found = run_job(block, "cocotb_serialiser", job, tmp_path, "icarus")
    shape = block.out.payload.shape()
    assert [fields(shape.from_bits(raw)) for raw in found] == expected


def ports(block, group, bits, values, last):
    """Values of the ports for one group of a sweep."""
    first = group * block.lanes
    lanes = bits[first : first + block.lanes]
    result = {
        "strobe": 1,
        "group": group,
        "mask": sum(bit << k for k, bit in enumerate(lanes)),
        "final": int(group == block.groups - 1),
        "last": last,
    }
    if block.value is not None:
        layout = data.ArrayLayout(block.value, block.lanes)
        result["values"] = layout.const(values[first : first + block.lanes]).as_value().value
    return result


def random_case(seed, sizes, shapes, readout):
    rng = random.Random(seed)
    chain = random_chain(rng, sizes=sizes, shapes=shapes, readout=readout)
    x = random_samples(rng, chain, samples=4, steps=6)
    golden = run_golden(chain.network, x)
    tokens = [t for sample in x for t in sample_tokens(sample, rng)]
    return chain, tokens, [t for s in range(len(x)) for t in expected_tokens(chain.params, golden, s)]


@pytest.mark.icarus
@pytest.mark.parametrize(
    ("readout", "shape"),
    [(ReadoutKind.SPIKES, (7, 1)), (ReadoutKind.COUNTS, (3, 3)), (ReadoutKind.MEMBRANE, (4, 2))],
)
def test_core(readout, shape, tmp_path):
    chain, tokens, expected = random_case(f"core {readout}", [4, 7], [shape], readout)
    core = Core(chain.params.cores[0], chain.rows[0], readout=readout)
    assert carried(core, ("events", "out"), tokens, len(expected), tmp_path) == expected


@pytest.mark.parametrize(
    ("readout", "simulator"),
    [
        pytest.param(ReadoutKind.SPIKES, "icarus", marks=pytest.mark.icarus),
        pytest.param(ReadoutKind.CLASS, "icarus", marks=pytest.mark.icarus),
        pytest.param(ReadoutKind.SPIKES, "verilator", marks=[pytest.mark.verilator, pytest.mark.slow]),
    ],
)
def test_accelerator(readout, simulator, tmp_path):
    chain, tokens, expected = random_case(f"whole {readout}", [4, 7, 5], [(3, 3), (5, 1)], readout)
    block = Accelerator(chain.params, weights=chain.rows)
    assert carried(block, ("events", "out"), tokens, len(expected), tmp_path, simulator) == expected
