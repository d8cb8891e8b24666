"""Networks that arrive as integers (Loihi, Lava-DL) run as they are, from the file to the RTL."""

from itertools import pairwise

import numpy as np
import pytest
from spikeloom.gen.plan import PlanOptions
from spikeloom.gen.quantise import QuantiseOptions
from spikeloom.sim.compile import CompileOptions, compile_model
from spikeloom.sim.golden import run_golden
from spikeloom.sim.verify import verify

from ..gen.nir_files import affine, chain, cuba, lif, write

EXACT = {"exact": True, "scale": 1.0, "frac_bits": 6, "decay_frac_bits": 12, "rounding": "trunc0"}
SIZES = (9, 8, 5)
DT = 1e-4


@pytest.fixture(autouse=True)
def own_cache(request, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(request.config.cache.mkdir("spikeloom")))


class Layer:
    """Integers of a layer: weights, decays in 4096ths (of a neuron or of all), a threshold."""

    def __init__(self, rng, sources, targets, *, current):
        self.weight = rng.integers(-60, 100, (targets, sources))
        self.du = rng.integers(200, 2500, rng.choice([1, targets])) if current else None
        self.dv = rng.integers(1, 1500, rng.choice([1, targets]))
        self.threshold = int(rng.integers(60, 200))

    def nodes(self):
        """As a file holds it, in float32: one step of dt lets a state lose d / 4096 of it."""
        targets, tau = len(self.weight), time_constant(self.dv)
        params = {"r": tau / np.float32(DT), "v_threshold": float(self.threshold)}
        if self.du is None:
            return affine(self.weight), lif(targets, tau=tau, **params)
        tau_syn = time_constant(self.du)
        synapse = {"tau_syn": tau_syn, "w_in": tau_syn / np.float32(DT)}
        return affine(self.weight), cuba(targets, tau_mem=tau, **synapse, **params)

    def run(self, spikes):
        """Spikes (steps, sources) to spikes; Python integers, as lava.proc.lif does it in fixed point."""
        u, v, sent = [0] * len(self.weight), [0] * len(self.weight), []
        for step in spikes:
            fired = []
            for k, row in enumerate(self.weight):
                drive = 64 * sum(int(w) for w, s in zip(row, step, strict=True) for _ in range(s))
                u[k] = drive if self.du is None else lose(u[k], self.du[k % len(self.du)]) + drive
                v[k] = lose(v[k], self.dv[k % len(self.dv)]) + u[k]
                fired.append(int(v[k] > 64 * self.threshold))
                v[k] *= 1 - fired[-1]
            sent.append(fired)
        return sent


def time_constant(d):
    return (DT * 4096 / d).astype(np.float32)


def lose(x, d):
    """``x * (4096 - d) / 4096``, toward zero."""
    kept = abs(x) * (4096 - int(d)) >> 12
    return kept if x >= 0 else -kept


@pytest.mark.parametrize("current", [True, False], ids=["CubaLIF", "LIF"])
@pytest.mark.parametrize("seed", range(3))
def test_lava_fixed_point_from_file_to_rtl(tmp_path, seed, current):
    rng = np.random.default_rng(seed)
    layers = [Layer(rng, *shape, current=current) for shape in pairwise(SIZES)]
    model = write(
        tmp_path / "loihi.nir",
        chain(*(node for layer in layers for node in layer.nodes()), inputs=SIZES[:1], outputs=SIZES[-1:]),
    )
    options = CompileOptions(
        semantics="lava", dt=DT, quantise=QuantiseOptions.from_table(EXACT), plan=PlanOptions(debug=True)
    )
    build = compile_model(model, tmp_path / "build", options=options).build
    for layer, projection in zip(layers, build.qnet.projections, strict=True):
        np.testing.assert_array_equal(projection.weight, layer.weight)

    x = (rng.random((6, 40, SIZES[0])) < 0.2).astype(np.uint8)
    found = run_golden(build.qnet, x).spikes
    for sample, spikes in enumerate(x.tolist()):
        for layer, population in zip(layers, build.qnet.populations, strict=True):
            spikes = layer.run(spikes)
            assert found[population.name][sample].tolist() == spikes, f"sample {sample}, {population.name}"
    assert found[build.qnet.outputs[0]].mean() > 0.02
    result = verify(build, x)
    assert result.states_compared
    assert (result.mismatches, result.cycle_mismatches) == (0, 0)


def test_float32_numbers_are_still_integers(tmp_path):
    """Without a scale the unit is found, although products of float32 numbers are off by some 1e-7."""
    rng = np.random.default_rng(7)
    layer = Layer(rng, 9, 8, current=True)
    layer.weight[0, 0] = 97  # prime: nothing else is common
    linear, neurons = layer.nodes()
    linear["weight"] = (linear["weight"] * np.float32(0.0371)).astype(np.float32)
    neurons["v_threshold"] = np.full(8, np.float32(0.0371) * np.float32(layer.threshold), np.float32)
    model = write(tmp_path / "m.nir", chain(linear, neurons, inputs=(9,), outputs=(8,)))
    table = {"exact": True, "frac_bits": 6, "decay_frac_bits": 12}
    options = CompileOptions(semantics="lava", dt=DT, quantise=QuantiseOptions.from_table(table))
    qnet = compile_model(model, tmp_path / "build", options=options).build.qnet
    np.testing.assert_array_equal(qnet.projections[0].weight, layer.weight)
    assert qnet.populations[0].neuron.threshold == 64 * layer.threshold
