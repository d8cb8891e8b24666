"""What the importer makes of late biases and of branches that do not fold, through compile and verify."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from spikeloom.gen.plan import PlanOptions
from spikeloom.sim.compile import CompileOptions, compile_model
from spikeloom.sim.engines import EngineOptions
from spikeloom.sim.golden import run_golden
from spikeloom.sim.verify import verify

from ..gen.nir_files import affine, chain, conv, cuba, delay, lif, write

STEPS = 12


@pytest.fixture(autouse=True)
def own_cache(request, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(request.config.cache.mkdir("spikeloom")))


def weights(*shape, seed=0):
    return np.random.default_rng(seed).normal(0.3, 0.6, shape)


def branches(model, source, target, *paths):
    """Replace the edge from `source` to `target` by paths of nodes."""
    model["edges"].remove((source, target))
    for number, nodes in enumerate(paths):
        names = [f"{target}{number}_{place}" for place in range(len(nodes))]
        model["nodes"] |= dict(zip(names, nodes, strict=True))
        way = [source, *names, target]
        model["edges"] += list(pairwise(way))
    return model


def recurrent_bias():
    """Norse's recurrent bias, silent in the first step."""
    model = chain(
        affine(weights(3, 4)), cuba(3), affine(weights(2, 3)), lif(2), inputs=(4,), names=list("abcd")
    )
    model["nodes"]["w"] = affine(weights(3, 3), [0.5, 0.0, -0.3])
    model["edges"] += [("b", "w"), ("w", "b")]
    return model


def late_bias():
    """Biases behind Delay nodes: of two times, one of them beyond a sample."""
    late = [affine(weights(3, 4), [0.6, 0.0, 0.9]), delay([3e-4, 0.0, 30e-4])]
    return chain(*late, lif(3), affine(weights(2, 3)), lif(2), inputs=(4,), outputs=(2,))


def parallel_convolutions():
    """Two geometries and a delayed third, from the input and from a population."""
    kernels = [
        [conv(weights(2, 1, 3, 3), padding=1)],
        [conv(weights(2, 1, 1, 5, seed=1), padding=(0, 2))],
        [delay(np.full((1, 4, 5), 2e-4)), conv(weights(2, 1, 3, 3, seed=2), padding=1)],
    ]
    one = {key: v if key == "type" else np.full((2, 4, 5), v[0]) for key, v in lif().items()}
    model = chain(one, one, inputs=(1, 4, 5), outputs=(2, 4, 5), names=["first", "second"])
    branches(model, "input", "first", *kernels)
    second = [
        [conv(weights(2, 2, 3, 3, seed=3), padding=1)],
        [conv(weights(2, 2, 3, 3, seed=4), padding=2, dilation=2)],
    ]
    return branches(model, "first", "second", *second)


def overlapping_delays():
    """Each synapse twice, with a delay and without, from the input and from a population."""
    model = chain(lif(3), lif(2), inputs=(4,), outputs=(2,), names=["first", "second"])
    late = np.array([0.0, 2e-4, 1e-4, 0.0])
    branches(model, "input", "first", [affine(weights(3, 4))], [delay(late), affine(weights(3, 4, seed=1))])
    paths = [affine(weights(2, 3))], [delay(late[:3]), affine(weights(2, 3, seed=1))]
    return branches(model, "first", "second", *paths)


CASES = {
    "recurrent bias": (recurrent_bias, "norse,dt=1e-4", 4),
    "late bias": (late_bias, "snntorch,dt=1e-4", 4),
    "parallel convolutions": (parallel_convolutions, "snntorch,dt=1e-4", 20),
    "overlapping delays": (overlapping_delays, "snntorch,dt=1e-4", 4),
}


@pytest.mark.parametrize("sparse", ["auto", "always"])
@pytest.mark.parametrize("case", CASES)
def test_rtl_equals_golden(tmp_path, case, sparse):
    make, semantics, channels = CASES[case]
    model = write(tmp_path / "model.nir", make())
    x = np.random.default_rng(1).binomial(1, 0.3, (4, STEPS, channels)).astype(np.uint8)
    plan = PlanOptions(debug=True, lanes=2, sparse=sparse)
    options = CompileOptions(semantics=semantics, plan=plan)
    shape = (4, STEPS, 1, 4, 5) if channels == 20 else x.shape
    np.savez(tmp_path / "data.npz", x=x.reshape(shape))
    compiled = compile_model(model, tmp_path / "build", options=options, calibration=tmp_path / "data.npz")
    build = compiled.build
    golden = run_golden(build.qnet, x.reshape(shape))
    assert all(spikes.any() for spikes in golden.spikes.values())
    if "bias" in case:
        assert golden.spikes["constant"].all()
    else:
        sources = [(p.source, p.target) for p in build.qnet.projections]
        assert len(sources) > len(set(sources))
    result = verify(build, x.reshape(shape))
    assert result.ok, result.first_mismatches
    assert result.cycles_per_sample == compiled.predicted_cycles_per_sample
    waits = replace(EngineOptions(), gap=0.3, stall=0.5, shuffle=True, overlap=True)
    assert verify(build, x.reshape(shape), options=waits).mismatches == 0
