"""Operations, memory traffic and changing bits of a small build, from what is known of it."""

import numpy as np
import pytest
from spikeloom.gen.build_dir import read_build
from spikeloom.gen.errors import UserError
from spikeloom.gen.plan import PlanOptions
from spikeloom.gen.quantise import QuantiseOptions
from spikeloom.sim.activity import ADD_PJ_PER_BIT, MEMORY_PJ_PER_BIT, MULTIPLY_PJ, measure_activity
from spikeloom.sim.compile import CompileOptions, compile_model
from spikeloom.sim.golden.model import run_golden

from ..gen.nir_files import affine, chain, lif, write


@pytest.fixture(autouse=True)
def own_cache(request, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(request.config.cache.mkdir("spikeloom")))


@pytest.fixture
def build(tmp_path):
    """6 inputs to 40 neurons on 16 lanes (3 rows an event) to 4 (one row, accumulators in registers)."""
    rng = np.random.default_rng(4)
    nodes = [affine(rng.normal(0.2, 0.5, (40, 6))), lif(40), affine(rng.normal(0.1, 0.3, (4, 40))), lif(4)]
    write(tmp_path / "model.nir", chain(*nodes, inputs=(6,), outputs=(4,)))
    options = CompileOptions(plan=PlanOptions(lanes=4))
    return compile_model(tmp_path / "model.nir", tmp_path / "build", options=options).build


@pytest.fixture
def x():
    return (np.random.default_rng(1).random((5, 9, 6)) < 0.4).astype(np.uint8)


def test_counts(build, x):
    found = measure_activity(build, x)
    hidden = int(run_golden(build.qnet, x).spikes[build.qnet.populations[0].name].sum())
    assert hidden
    first, second = found.traffic
    cores = build.plan.accelerator.cores
    assert (first.events, first.rows) == (x.sum(), 10 * x.sum())
    assert (second.events, second.rows) == (hidden, hidden)
    assert first.weights == 10 * x.sum() * cores[0].array.row_bits
    assert first.accumulators == (20 * x.sum() + 45 * 10) * 4 * cores[0].array.acc_bits
    assert second.accumulators == 0
    assert found.additions == x.sum() * 40 + hidden * 4
    assert found.dense_operations == 45 * (6 * 40 + 40 * 4)
    assert found.updates == 45 * 44
    assert found.mismatches == 0
    assert found.memory_bits == first.bits + second.bits
    widest = max(core.array.acc_bits for core in cores)
    memory = found.memory_bits * MEMORY_PJ_PER_BIT
    assert found.proxy_pj == pytest.approx(found.additions * widest * ADD_PJ_PER_BIT + memory)
    per_synapse = MULTIPLY_PJ + widest * ADD_PJ_PER_BIT + 8 * MEMORY_PJ_PER_BIT
    assert found.dense_proxy_pj == pytest.approx(found.dense_operations * per_synapse)


def test_a_silent_input_changes_few_bits(build, x):
    busy, silent = measure_activity(build, x), measure_activity(build, np.zeros_like(x))
    assert silent.additions == silent.input_events == 0
    assert 0 < 2 * silent.toggled_bits < busy.toggled_bits
    assert set(silent.toggles) == set(busy.toggles) > {"core_n1.array", "core_n1.lif", "queue.fifo"}


def test_limit(build, x):
    assert measure_activity(build, x, limit=2).input_events == x[:2].sum()


def test_values_are_refused(tmp_path, x):
    write(tmp_path / "model.nir", chain(affine(np.ones((3, 6))), lif(3), inputs=(6,), outputs=(3,)))
    options = CompileOptions(quantise=QuantiseOptions(input_max=9), plan=PlanOptions(input_values="values"))
    build = compile_model(tmp_path / "model.nir", tmp_path / "build", options=options).build
    with pytest.raises(UserError, match="activity counts additions"):
        measure_activity(read_build(tmp_path / "build"), x)
    assert build.plan.accelerator.input_value_bits
