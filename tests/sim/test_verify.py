"""Verification on whole builds: it agrees with itself, and says exactly what differs when something does."""

import json
from dataclasses import replace

import numpy as np
import pytest
from spikeloom.gen.build_dir import write_build
from spikeloom.gen.errors import UserError
from spikeloom.gen.plan import PlanOptions, make_plan
from spikeloom.sim.decision import accuracy, decide
from spikeloom.sim.engines import EngineOptions, run_engine
from spikeloom.sim.golden.model import run_golden
from spikeloom.sim.golden.reference import run_float
from spikeloom.sim.verify import simulate, verify

from ..gen.chains import float_chain, quantised_chain

SIZES = (7, 9, 4)
JSON_KEYS = {
    "samples",
    "accuracy",
    "accuracy_float",
    "accuracy_golden",
    "mismatches",
    "cycles_per_sample",
    "predicted_cycles_per_sample",
    "dense_cycles_per_sample",
    "input_spikes",
    "synaptic_ops",
    "saturations",
    "wall_s",
}


@pytest.fixture(autouse=True)
def own_cache(request, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(request.config.cache.mkdir("spikeloom")))


def make_build(folder, *, analog=False, state_bits=16, **plan):
    qnet = quantised_chain(SIZES, bits=5, seed=3, analog=analog, state_bits=state_bits)
    network = float_chain(qnet)
    return write_build(folder, network=network, qnet=qnet, plan=make_plan(qnet, PlanOptions(**plan)))


@pytest.fixture(scope="module")
def debug_build(tmp_path_factory):
    return make_build(tmp_path_factory.mktemp("builds") / "debug", debug=True, lanes=4, update_lanes=2)


@pytest.fixture(scope="module")
def membrane_build(tmp_path_factory):
    return make_build(tmp_path_factory.mktemp("builds") / "membrane", analog=True)


@pytest.fixture(scope="module")
def saturating_build(tmp_path_factory):
    return make_build(tmp_path_factory.mktemp("builds") / "small", state_bits=8, lanes=4, update_lanes=2)


@pytest.fixture(scope="module")
def class_build(tmp_path_factory):
    return make_build(tmp_path_factory.mktemp("builds") / "class", readout="class", count_bits=3)


@pytest.mark.parametrize(
    "engine",
    [
        "cxxrtl",
        pytest.param("icarus", marks=pytest.mark.icarus),
        pytest.param("verilator", marks=[pytest.mark.verilator, pytest.mark.slow]),
    ],
)
@pytest.mark.parametrize(
    "options",
    [EngineOptions(), EngineOptions(overlap=True, stall=0.3)],
    ids=["free", "overlap"],
)
def test_the_rtl_counts_every_saturation(saturating_build, data, engine, options):
    """All of the golden model's, those of the last step too; other samples have others."""
    for limit in (5, 6):
        result = verify(saturating_build, *data, engine=engine, limit=limit, options=options)
        assert result.saturations_counted == result.saturations > 20
        assert result.ok


def test_what_is_not_built_in_is_not_counted(tmp_path, data):
    build = make_build(tmp_path / "small", state_bits=8, count_saturations=False)
    result = verify(build, *data, limit=2)
    assert result.saturations > 0
    assert result.saturations_counted is None


@pytest.fixture
def data():
    rng = np.random.default_rng(11)
    return (rng.random((25, 12, SIZES[0])) < 0.4).astype(np.uint8), rng.integers(0, SIZES[-1], 25)


def test_a_build_with_debug_ports_is_compared_state_by_state(debug_build, data):
    x, y = data
    result = verify(debug_build, x, y)
    golden = run_golden(debug_build.qnet, x, record=True)
    neurons = SIZES[1] + SIZES[2]
    assert result.ok
    assert (result.mismatches, result.cycle_mismatches, result.states_compared) == (0, 0, True)
    assert result.compared == 25 * 12 * (2 * neurons + SIZES[2])
    assert (result.samples, result.steps) == (25, 12)
    assert result.cycles_per_sample == result.predicted_cycles_per_sample
    assert result.input_spikes == x.sum()
    hidden = int(golden.spikes["layer.1"].sum())
    assert hidden > 0
    assert result.synaptic_ops == result.input_spikes * SIZES[1] + hidden * SIZES[2]
    assert result.saturations == sum(golden.saturations.values())
    assert result.accuracy == result.accuracy_golden
    assert result.accuracy_golden == accuracy(decide(debug_build.qnet, golden), y)
    assert result.accuracy_float == accuracy(
        decide(debug_build.network, run_float(debug_build.network, x)), y
    )


@pytest.mark.parametrize("which", ["membrane_build", "class_build"])
def test_other_readouts(request, data, which):
    result = verify(request.getfixturevalue(which), *data)
    assert result.ok
    assert not result.states_compared
    assert result.accuracy == result.accuracy_golden


@pytest.mark.parametrize(
    "options",
    [EngineOptions(gap=0.4, stall=0.4, shuffle=True, seed=2), EngineOptions(overlap=True)],
    ids=["back-pressure", "overlap"],
)
def test_streams_that_wait_or_overlap(debug_build, data, options):
    result = verify(debug_build, *data, options=options)
    assert result.ok
    assert (result.cycle_mismatches, result.predicted_cycles_per_sample) == (None, None)


def test_golden_engine(debug_build, data):
    x, y = data
    result = simulate(debug_build, x, y, engine="golden")
    assert result.ok
    assert (result.cycles_per_sample, result.cycle_mismatches) == (None, None)
    assert result.accuracy == result.accuracy_golden
    with pytest.raises(
        UserError, match=r"^verify compares RTL with the golden model: Engine must be cxxrtl, "
    ):
        verify(debug_build, x, y, engine="golden")


def test_json_has_plain_values_only(debug_build, data):
    x, y = data
    result = verify(debug_build, x, y, limit=3)
    table = json.loads(json.dumps(result.to_json()))
    assert table.keys() >= JSON_KEYS
    assert (table["samples"], table["ok"], table["engine"]) == (3, True, "cxxrtl")
    assert table["accuracy"] == accuracy(decide(debug_build.qnet, run_golden(debug_build.qnet, x[:3])), y[:3])


def test_without_labels_there_is_no_accuracy(debug_build, data):
    result = simulate(debug_build, data[0], limit=2)
    assert (result.accuracy, result.accuracy_float, result.accuracy_golden) == (None, None, None)


def test_batches_join_without_a_seam(debug_build, data, monkeypatch):
    """What needs much memory is worked off in parts; numbers and places are those of the whole."""
    x, y = data
    whole = verify(debug_build, x, y)
    monkeypatch.setattr("spikeloom.sim.measure._BATCH_BYTES", 20_000)
    told = []
    parts = verify(debug_build, x, y, progress=lambda *t: told.append(t))
    skip = {"wall_s", "engine_wall_s"}
    assert {k: v for k, v in parts.to_json().items() if k not in skip} == {
        k: v for k, v in whole.to_json().items() if k not in skip
    }
    assert [t for t in told if t[0] == "golden"][-1] == ("golden", 25, 25)
    assert len([t for t in told if t[0] == "golden"]) > 4


def with_weight(build, projection, target, source, change):
    """The same RTL beside a network in which one weight is another."""
    projections = list(build.qnet.projections)
    weight = projections[projection].weight.copy()
    weight[target, source] += change
    projections[projection] = replace(projections[projection], weight=weight)
    return replace(build, qnet=replace(build.qnet, projections=tuple(projections)))


def changed(build):
    """`build` with a wrong weight into neuron 5 of the hidden population, from input 2."""
    weight = build.qnet.projections[0].weight[5, 2]
    return with_weight(build, 0, 5, 2, -1 if weight > 0 else 1)


def test_a_mismatch_names_sample_step_population_and_neuron(debug_build, data, monkeypatch):
    x, y = data
    wrong = changed(debug_build)
    result = verify(wrong, x, y)
    assert not result.ok
    right, other = (run_golden(b.qnet, x, record=True) for b in (debug_build, wrong))
    differ = np.argwhere(right.membranes["layer.1"] != other.membranes["layer.1"])
    sample, step, neuron = differ[0]
    first = result.first_mismatches[0]
    assert neuron == 5
    assert (first.sample, first.step, first.population, first.neuron) == (sample, step, "layer.1", 5)
    got, expected = (int(run.membranes["layer.1"][sample, step, 5]) for run in (right, other))
    assert (first.what, first.got, first.expected) == ("membrane", got, expected)
    assert str(first) == (
        f"sample {sample}, step {step}, population layer.1, neuron 5: membrane {got}, expected {expected}"
    )
    every = (("layer.1", "spikes"), ("layer.1", "membranes"), ("layer.2", "spikes"), ("layer.2", "membranes"))
    count = sum(int((getattr(right, k)[p] != getattr(other, k)[p]).sum()) for p, k in every)
    count += int((right.spikes["layer.2"] != other.spikes["layer.2"]).sum())
    assert result.mismatches == count
    assert len(result.first_mismatches) == min(10, count)
    places = [(m.sample, m.step) for m in result.first_mismatches]
    assert places == sorted(places)
    monkeypatch.setattr("spikeloom.sim.measure._BATCH_BYTES", 20_000)
    assert verify(wrong, x, y).first_mismatches == result.first_mismatches


def test_mismatches_of_other_readouts(membrane_build, class_build, data):
    x = data[0]
    first = verify(with_weight(membrane_build, 1, 2, 4, 1), x).first_mismatches[0]
    assert (first.population, first.neuron, first.what) == ("layer.2", 2, "membrane")
    shifted = [with_weight(class_build, 1, neuron, source, 9) for neuron in range(4) for source in range(9)]
    result = next(r for r in (verify(build, x) for build in shifted) if not r.ok)
    first = result.first_mismatches[0]
    assert (first.step, first.neuron, first.what) == (None, None, "class")
    assert str(first).startswith(f"sample {first.sample}, population layer.2: class {first.got}, expected ")


def test_wrong_cycles_are_not_ok(debug_build, data, monkeypatch):
    predicted = np.full(25, 1)
    monkeypatch.setattr("spikeloom.sim.measure.predict_cycles", lambda *_: predicted)
    result = verify(debug_build, *data)
    assert (result.mismatches, result.cycle_mismatches, result.ok) == (0, 25, False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"engine": "modelsim"}, r"Engine must be one of golden, cxxrtl, icarus, verilator, not modelsim"),
        ({"limit": 0}, r"Limit must be 1 or more samples, not 0"),
        ({"x": np.zeros((2, 3, 8), np.uint8)}, r"Input of chain must have the shape .* not \(2, 3, 8\)"),
        ({"x": np.zeros((0, 3, 7), np.uint8)}, r"Input of chain must have a sample and a step or more, .*"),
        ({"x": np.zeros((2, 0, 7), np.uint8)}, r"Input of chain must have a sample and a step or more, .*"),
        (
            {"x": np.full((2, 3, 7), 2, np.uint8)},
            r"Input of chain: 2 events at sample 0, step 0, channel 0.*",
        ),
        ({"y": np.zeros(3, np.int64)}, r"Labels must be one for each of 2 samples, not shape \(3,\)"),
        ({"rule": "max"}, r"Output layer.2 is spiking: its decision rule must be count, not max"),
    ],
)
def test_unusable_input(debug_build, change, message):
    given = {"x": np.zeros((2, 3, 7), np.uint8), "y": np.zeros(2, np.int64), **change}
    with pytest.raises(UserError, match=f"^{message}$"):
        simulate(debug_build, given.pop("x"), given.pop("y"), **given)


def test_a_class_readout_decides_in_one_way(class_build, data):
    with pytest.raises(UserError, match=r"^A class readout decides by count or sum, not last; "):
        verify(class_build, *data, rule="last")


def test_probes_need_debug_ports(class_build, data):
    with pytest.raises(UserError, match=r"no debug ports to read states from; compile with debug on$"):
        run_engine("cxxrtl", class_build, data[0], options=EngineOptions(probes=True))


@pytest.mark.parametrize(
    "engine",
    [
        pytest.param("icarus", marks=pytest.mark.icarus),
        pytest.param("verilator", marks=[pytest.mark.verilator, pytest.mark.slow]),
    ],
)
def test_emitted_verilog(debug_build, data, engine):
    free = verify(debug_build, *data, engine=engine, limit=6)
    assert free.ok
    assert free.cycle_mismatches == 0
    assert verify(changed(debug_build), *data, engine=engine, limit=6).first_mismatches
    options = EngineOptions(gap=0.5, stall=0.5, shuffle=True, seed=1)
    assert verify(debug_build, *data, engine=engine, limit=6, options=options).ok
