"""Lowered networks do what the graphs say: against a node-by-node interpreter, and case by case."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spikeloom.gen.errors import UserError
from spikeloom.gen.importer import load_network
from spikeloom.hw.params import Reset
from spikeloom.sim.golden import run_float

from .drive import drive
from .interpreter import Interpreter
from .nir_files import affine, chain, cuba, graph_of, lif, pool, port, write

RULES = {
    "dt": 1e-4,
    "decay": "euler",
    "reset": "value",
    "compare": "gt",
    "fire": "after",
    "spikes": "binary",
    "if_gain": "r",
    "synapse_gain": "euler",
    "membrane_gain": "euler",
    "v_min": "none",
    "v_initial": "zero",
}
GAINS = ["euler", "exact", "parameter", "decay", "one"]
RESETS = [
    "zero",
    "value",
    "subtract",
    "two_stage_subtract",
    "late_zero",
    "late_value",
    "late_subtract",
    "none",
]
SPIKING = ["IF", "LIF", "CubaLIF"]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "model.nir"


def option(rules):
    return ",".join(["nir", *(f"{key}={value}" for key, value in rules.items())])


def assert_same(path, graph, rules, x):
    """The network of a graph gives on x (steps, *shape) what the interpreter gives."""
    network = load_network(write(path, graph), semantics=option(rules))
    expected = Interpreter(graph, rules).run(x)
    run = run_float(network, x[np.newaxis])
    names = [name for name, node in graph["nodes"].items() if node["type"] == "Output"]
    for name, population in zip(names, network.outputs, strict=True):
        if population in run.spikes:
            found = run.spikes[population][0]
            assert np.array_equal(found, expected[name]), (
                f"{name}: step {np.argwhere(found != expected[name])[0]}"
            )
        else:
            offset = next(p.offset for p in network.populations if p.name == population)
            assert np.allclose(run.membranes[population][0] + offset, expected[name], rtol=1e-9, atol=1e-9)
    return network


def counts(rng, steps, *shape):
    return rng.poisson(0.6, (steps, *shape)).astype(np.uint8)


def neuron(rng, kind, n):
    """A neuron node with a value of its own for each neuron and parameter."""
    params = {"type": kind, "r": rng.uniform(0.5, 3, n)}
    if kind in ("LI", "LIF"):
        params["tau"] = rng.uniform(2e-4, 2e-3, n)
    if kind.startswith("Cuba"):
        params |= {name: rng.uniform(2e-4, 2e-3, n) for name in ("tau_syn", "tau_mem")}
        params["w_in"] = rng.uniform(0.5, 2, n)
    if kind not in ("I", "IF"):
        params["v_leak"] = rng.uniform(-0.3, 0.3, n)
    if kind in SPIKING:
        params |= {"v_threshold": rng.uniform(0.2, 0.6, n), "v_reset": rng.uniform(-0.3, 0.1, n)}
    return params


@st.composite
def rules(draw):
    reset = draw(st.sampled_from(RESETS))
    subtracts = "subtract" in reset
    graded = reset == "subtract" and draw(st.booleans())
    return {
        **RULES,
        "decay": draw(st.sampled_from(["euler", "exact"])),
        "reset": reset,
        "compare": draw(st.sampled_from(["gt", "ge"])),
        "fire": "after" if graded else draw(st.sampled_from(["after", "before"])),
        "spikes": "graded" if graded else "binary",
        "if_gain": draw(st.sampled_from(["r", "r_dt"])),
        "synapse_gain": draw(st.sampled_from(GAINS)),
        "membrane_gain": draw(st.sampled_from(GAINS)),
        "v_min": draw(st.sampled_from(["none", "-threshold"])),
        "v_initial": "zero" if subtracts else draw(st.sampled_from(["zero", "leak", "reset"])),
    }


class Builder:
    """Grow a random graph: every layer a few linear nodes and a neuron, recurrences and skips."""

    def __init__(self, rng, draw, *, recurrent):
        self.rng, self.draw, self.recurrent = rng, draw, recurrent
        self.nodes, self.edges = {"input": port("Input", 2, 2)}, []
        self.spiking = [(self.put({"type": "Flatten", "start_dim": 0, "end_dim": -1}, "input"), 4)]

    def put(self, node, *sources):
        name = f"n{len(self.nodes)}"
        self.nodes[name] = node
        self.edges += [(source, name) for source in sources]
        return name

    def linear(self, source, inputs, outputs, *, bias=True):
        weight = self.rng.normal(0, 2 / np.sqrt(inputs), (outputs, inputs))
        return self.put(affine(weight, self.rng.normal(0, 0.1, outputs) if bias else None), source)

    def scale(self, source, n):
        return self.put({"type": "Scale", "scale": self.rng.uniform(0.5, 2, n)}, source)

    def synapses(self, size):
        """A signal of `size` values: a chain of linear nodes from one or two spiking sources."""
        ends = []
        for _ in range(self.draw(st.integers(1, 2))):
            source, n = self.draw(st.sampled_from(self.spiking))
            if n == size and self.draw(st.booleans()):
                ends.append(source if self.draw(st.booleans()) else self.scale(source, n))
            else:
                middle = self.linear(source, n, 3) if self.draw(st.booleans()) else None
                end = self.linear(middle, 3, size) if middle else self.linear(source, n, size)
                ends.append(self.scale(end, size) if self.draw(st.booleans()) else end)
        return list(dict.fromkeys(ends))

    def layer(self):
        size = self.draw(st.integers(1, 4))
        name = self.put(neuron(self.rng, self.draw(st.sampled_from(SPIKING)), size), *self.synapses(size))
        if self.recurrent and self.draw(st.booleans()):
            recurrent = self.linear(name, size, size, bias=self.draw(st.booleans()))
            self.edges.append((recurrent, name))
        self.spiking.append((name, size))

    def readout(self):
        size, kind = (
            self.draw(st.integers(1, 3)),
            self.draw(st.sampled_from(["I", "LI", "CubaLI", "sum", "spikes"])),
        )
        ends = self.synapses(size)
        if kind in ("I", "LI", "CubaLI"):
            ends = [self.put(neuron(self.rng, kind, size), *ends)]
            if self.draw(st.booleans()):
                ends = [self.scale(ends[0], size)]
        if kind != "sum" and self.draw(st.booleans()):
            ends = [self.put({"type": "Threshold", "threshold": self.rng.uniform(0.1, 0.5, size)}, *ends)]
        self.put(port("Output", size), *ends)

    def graph(self):
        for _ in range(self.draw(st.integers(1, 3))):
            self.layer()
        for _ in range(self.draw(st.integers(1, 2))):
            self.readout()
        return graph_of(self.nodes, self.edges)


@settings(max_examples=80, deadline=None)
@given(data=st.data(), rules=rules(), seed=st.integers(0, 1 << 32))
def test_random_graphs(tmp_path_factory, data, rules, seed):
    rng = np.random.default_rng(seed)
    # spike counts that feed back grow without bound
    graph = Builder(rng, data.draw, recurrent=rules["spikes"] == "binary").graph()
    assert_same(tmp_path_factory.mktemp("random") / "model.nir", graph, rules, counts(rng, 12, 2, 2))


@pytest.mark.parametrize("kind", SPIKING)
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("initial", ["zero", "leak", "reset"])
def test_every_neuron_reset_and_start(file, kind, reset, initial):
    rng = np.random.default_rng(7)
    graph = chain(affine(rng.normal(0.3, 1, (5, 2)), np.full(5, 0.05)), neuron(rng, kind, 5), outputs=(5,))
    rules = {**RULES, "reset": reset, "v_initial": initial}
    x = counts(rng, 40, 2)
    if "subtract" in reset and (initial == "reset" or (initial == "leak" and kind != "IF")):
        with pytest.raises(
            UserError, match=f"which reset={reset} cannot keep; accepted: v_initial=zero, reset=value"
        ):
            load_network(write(file, graph), semantics=option(rules))
    else:
        network = assert_same(file, graph, rules, x)
        assert run_float(network, x[np.newaxis]).output.sum() > 3


def test_v_leak_is_shifted_away_where_membranes_start_there(file):
    node = lif(2, v_leak=np.array([0.3, -0.2]), v_reset=0.1)
    population = load_network(write(file, chain(node)), semantics="norse,dt=1e-4").populations[0]
    assert np.array_equal(population.offset, [0.3, -0.2])
    assert not population.bias.any()
    assert not population.leak.any()
    assert population.threshold == pytest.approx([0.7, 1.2])
    assert np.allclose(population.reset_value, [-0.2, 0.3])


def test_v_leak_is_a_constant_where_membranes_start_at_zero(file):
    simple = load_network(write(file, chain(lif(2, v_leak=0.3))), semantics="snntorch").populations[0]
    assert np.allclose(simple.bias, 0.03)
    assert not simple.leak.any()
    current = load_network(write(file, chain(cuba(2, v_leak=0.3))), semantics="snntorch").populations[0]
    assert np.allclose(current.leak, 0.03)
    assert not current.bias.any()


def test_chain_of_linear_nodes_is_one_matrix(file):
    rng = np.random.default_rng(0)
    first, second, scale = rng.normal(size=(3, 2)), rng.normal(size=(4, 3)), rng.normal(size=3)
    model = chain(
        affine(first, [1, 2, 3]),
        {"type": "Scale", "scale": scale},
        affine(second),
        lif(4, r=np.arange(1.0, 5)),
        outputs=(4,),
        names=["a", "s", "b", "lif"],
    )
    network = load_network(write(file, model), semantics="snntorch")
    gain = np.arange(1.0, 5) / 10
    (projection,) = network.projections
    first, second = first.astype(np.float32).astype(float), second.astype(np.float32).astype(float)
    assert np.allclose(
        projection.weight, gain[:, np.newaxis] * second @ (scale[:, np.newaxis] * first), rtol=1e-12
    )
    assert np.allclose(network.populations[0].bias, gain * (second @ (scale * [1, 2, 3])), rtol=1e-12)
    assert projection.nodes == ("a", "s", "b")
    assert network.populations[0].nodes == ("lif",)
    assert projection.weight.dtype == np.float64
    assert not projection.weight.flags.writeable


def test_neuron_without_synapses_takes_a_diagonal(file):
    network = load_network(write(file, chain(lif(), lif(r=5.0))), semantics="snntorch")
    assert np.array_equal(network.projections[0].weight, np.eye(2))
    assert np.array_equal(network.projections[1].weight, 0.5 * np.eye(2))


def test_two_ways_from_one_source_are_one_projection(file):
    model = chain(affine(np.eye(2)), lif(), names=["a", "lif"])
    model["nodes"]["b"] = affine([[0, 1], [2, 0]])
    model["edges"] += [("input", "b"), ("b", "lif"), ("input", "lif")]
    (projection,) = load_network(write(file, model), semantics="snntorch").projections
    assert np.array_equal(projection.weight, [[2, 1], [2, 2]])
    assert projection.nodes == ("a", "b")


def test_scalar_parameters_broadcast(file):
    node = {"type": "LIF", "tau": 1e-3, "r": 10.0, "v_leak": 0.0, "v_threshold": 0.5}
    model = chain(affine(np.ones((3, 2))), node, outputs=())
    network = load_network(write(file, model))
    assert network.populations[0].shape == (3,)
    assert network.populations[0].threshold == pytest.approx([0.5] * 3, abs=0)


def test_input_shape_lost_to_scalar_parameters(file):
    network = load_network(write(file, chain(affine(np.ones((3, 2))), lif(3), inputs=(), outputs=(3,))))
    assert network.inputs[0].shape == (2,)


def test_readouts(file):
    model = chain(affine(np.eye(2)), lif(), affine([[1, 2]], [3]), outputs=(1,), names=["a", "lif", "b"])
    network = load_network(write(file, model))
    assert [(p.name, p.kind, p.nodes) for p in network.populations] == [
        ("lif", "LIF", ("lif",)),
        ("output", "Sum", ("output",)),
    ]
    last = network.populations[-1]
    assert network.outputs == ("output",)
    assert last.threshold is None
    assert last.beta is None
    assert np.array_equal(last.bias, [3])
    assert last.reset is Reset.NONE


def test_threshold_after_a_leaky_integrator_spikes_without_reset(file):
    leaky = {name: value for name, value in lif().items() if name != "v_threshold"} | {"type": "LI"}
    threshold = {"type": "Threshold", "threshold": np.array([0.5, 1.0])}
    model = chain(
        leaky, {"type": "Scale", "scale": np.array([2.0, -1.0])}, threshold, names=["li", "s", "thr"]
    )
    (population,) = load_network(write(file, model)).populations
    assert (population.name, population.kind, population.nodes) == ("thr", "LI+Threshold", ("li", "s", "thr"))
    assert population.reset is Reset.NONE
    assert population.threshold == pytest.approx([0.5, 1.0], abs=0)


def test_threshold_after_synapses_has_no_state(file):
    model = chain(affine(np.eye(2), [0.1, 0.2]), {"type": "Threshold", "threshold": np.array(0.5)})
    network = load_network(write(file, model))
    (population,) = network.populations
    assert (population.kind, population.beta, population.alpha) == ("Threshold", None, None)
    assert population.threshold == pytest.approx([0.5, 0.5], abs=0)
    assert network.assumptions == ("framework = nir (no node has dynamics)", "compare = > (preset nir)")


def test_one_integrator_read_twice(file):
    leaky = {name: value for name, value in lif().items() if name != "v_threshold"} | {"type": "LI"}
    model = chain(leaky, names=["li"])
    model["nodes"]["thr"] = {"type": "Threshold", "threshold": np.array(0.5)}
    model["nodes"]["out2"] = port("Output", 2)
    model["edges"] += [("li", "thr"), ("thr", "out2")]
    network = load_network(write(file, model))
    assert {p.name: p.spiking for p in network.populations} == {"li": False, "thr": True}
    assert network.outputs == ("thr", "li")  # outputs in natural order: out2, output


def test_recurrent_network(file):
    model = chain(affine(np.eye(2)), cuba(), names=["fc", "lif"])
    model["nodes"]["w"] = affine([[0, 1], [1, 0]], [0.5, 0.5])
    model["edges"] += [("lif", "w"), ("w", "lif")]
    network = load_network(write(file, model))
    assert [(p.source, p.target, p.recurrent) for p in network.projections] == [
        ("input", "lif", False),
        ("lif", "lif", True),
    ]
    assert network.assumptions[-2:] == (
        "recurrent: 'lif' sees its own spikes of the step before",
        "the recurrent bias of 'w' acts from the first step on",
    )


def test_cycle_of_two_populations_is_cut_where_it_closes(file):
    model = chain(lif(), lif(), names=["z", "a"])
    model["edges"].append(("a", "z"))
    network = load_network(write(file, model))
    assert [p.name for p in network.populations] == ["z", "a"]
    assert [(p.source, p.target) for p in network.projections if p.recurrent] == [("a", "z")]
    assert network.assumptions[-1] == "recurrent: 'z' sees the spikes of 'a' of the step before"


def test_skip_connections_are_not_recurrent(file):
    model = chain(lif(), lif(), lif(), names=["c", "b", "a"])
    model["edges"].append(("c", "a"))
    network = load_network(write(file, model))
    assert [p.name for p in network.populations] == ["c", "b", "a"]
    assert not any(p.recurrent for p in network.projections)


def test_several_inputs_and_outputs(file):
    model = chain(lif(), names=["lif"])
    model["nodes"] |= {"more": port("Input", 2), "out2": port("Output", 2), "b": lif()}
    model["edges"] += [("more", "lif"), ("more", "b"), ("b", "out2")]
    network = load_network(write(file, model))
    assert [item.name for item in network.inputs] == ["input", "more"]
    assert network.outputs == ("b", "lif")
    assert [p.name for p in network.into("lif")] == ["input->lif", "more->lif"]


def test_nodes_that_reach_no_output_are_left_out(file):
    model = chain(lif(), names=["lif"])
    model["nodes"] |= {"side": lif(), "more": port("Input", 2)}
    model["edges"] += [("lif", "side"), ("more", "side")]
    network = load_network(write(file, model))
    assert [p.name for p in network.populations] == ["lif"]
    assert "left out, as they reach no Output: 'more', 'side'" in network.assumptions
    assert "input 'more' feeds nothing" in network.assumptions


def test_the_network_is_named_after_its_file(file):
    assert load_network(write(file, chain(lif()))).name == "model"


def refused(path, graph, semantics="snntorch"):
    with pytest.raises(UserError) as error:
        load_network(write(path, graph), semantics=semantics)
    message = str(error.value)
    assert "\n" not in message
    return message.replace(str(path), "FILE")


@pytest.mark.parametrize("node", [{"type": "Delay", "delay": np.ones(2)}, pool("Sum", 1)])
def test_cycle_of_linear_nodes_of_any_kind(file, node):
    model = chain(node, lif(), names=["a", "lif"], inputs=(2, 1, 1))
    model["edges"].append(("a", "a"))
    assert "cycle without a neuron: 'a' -> 'a'; accepted" in refused(file, model)


def test_cycle_without_a_neuron(file):
    model = chain(affine(np.eye(2)), affine(np.eye(2)), lif(), names=["a", "b", "lif"])
    model["edges"].append(("b", "a"))
    assert refused(file, model) == (
        "FILE: node 'a' (Linear): cycle without a neuron: 'a' -> 'b' -> 'a'; "
        "accepted: a neuron in every cycle"
    )


def test_node_that_feeds_itself_without_a_neuron(file):
    model = chain(affine(np.eye(2)), lif(), names=["a", "lif"])
    model["edges"].append(("a", "a"))
    assert "cycle without a neuron: 'a' -> 'a'; accepted" in refused(file, model)


LEAKY = {name: value for name, value in lif().items() if name != "v_threshold"} | {"type": "LI"}


@pytest.mark.parametrize(("node", "name"), [(affine(np.eye(2)), "n1"), (lif(), "n1")])
def test_analog_values_cannot_feed_synapses(file, node, name):
    assert refused(file, chain(LEAKY, node, lif())) == (
        f"FILE: node 'n0' (LI): gives analog values, which cannot feed '{name}'; "
        "accepted: Threshold or Output"
    )


def test_analog_values_cannot_be_summed(file):
    model = chain(LEAKY, names=["li"])
    model["edges"].append(("input", "output"))
    assert refused(file, model) == (
        "FILE: node 'li' (LI): is summed with other signals at 'output'; accepted: analog values alone"
    )


def test_euler_decay_needs_a_step_below_the_time_constant(file):
    assert refused(file, chain(lif(tau=5e-5)), "norse,dt=1e-4") == (
        "FILE: node 'n0' (LIF): tau = 5e-05 is below dt = 0.0001, so 1 - dt/tau is negative; "
        "accepted: dt up to tau, or decay=exact"
    )
    assert load_network(file, semantics="norse,dt=1e-4,decay=exact").populations[0].beta is not None


def test_graded_spikes_need_a_positive_threshold(file):
    message = "FILE: node 'n0' (LIF): v_threshold = 0; spikes=graded needs it above 0"
    assert refused(file, chain(lif(v_threshold=0.0)), "sinabs") == message


def test_recurrent_bias_that_is_silent_first(file):
    """Under Norse it comes from a neuron that always fires, one step late."""
    model = chain(cuba(), names=["lif"])
    model["nodes"]["w"] = affine(np.eye(2), [0, 1])
    model["edges"] += [("lif", "w"), ("w", "lif")]
    network = load_network(write(file, model), semantics="norse,dt=1e-4")
    constant, lif_population = network.populations
    assert (constant.name, constant.kind, constant.size, constant.beta) == ("constant", "Constant", 1, None)
    assert not lif_population.bias.any()
    (projection,) = (p for p in network.projections if p.source == "constant")
    assert projection.target == "lif"
    assert projection.delay_steps is not None
    assert projection.delay_steps.tolist() == [1]
    assert np.allclose(projection.weight, [[0], [1.0]])
    assert not any(p.recurrent for p in network.projections if p.source != "lif")
    assert network.assumptions[-1] == (
        "population 'lif': a bias sets in at step 1, so it comes from 'constant', a neuron that fires in "
        "every step"
    )
    x = np.zeros((4, 2))
    x[1] = 1
    found = drive(network, "lif", {"input": x, "constant": np.ones((4, 1)), "lif": np.zeros((4, 2))})
    gain = 2.0 * 1e-4 / 2e-4 * 10 * 1e-4 / 1e-3
    assert np.allclose(found, gain * (x + np.outer([0, 1, 1, 1], [0, 1])))
    plain = load_network(file, semantics="norse,dt=1e-4,recurrent_bias_at_t0=yes")
    assert np.allclose(plain.populations[0].bias, [0, gain])


def test_overflowing_products(file):
    message = "FILE: node 'n1' (LIF): weights times gains overflow; accepted: products below 1e308"
    weight = {"type": "Linear", "weight": np.full((2, 2), 1e308)}
    assert refused(file, chain(weight, lif(r=1e10)), "norse,dt=1e-4") == message
    message = "FILE: node 'n0' (LIF): weights times gains overflow; accepted: products below 1e308"
    assert refused(file, chain(lif(v_leak=1e308, v_threshold=-1e308)), "norse,dt=1e-4") == message


def test_matrices_beyond_memory(file, monkeypatch):
    monkeypatch.setattr("spikeloom.gen.lower_linear.MAX_SYNAPSES", 8)
    assert refused(file, chain(lif(3), inputs=(3,), outputs=(3,))) == (
        "FILE: node 'n0' (LIF): input from 'input' of 3x3 synapses; accepted: up to 8 in a network"
    )
    assert refused(file, chain(lif(), lif(), lif())) == (
        "FILE: node 'n2' (LIF): input from 'n1' of 2x2 synapses; accepted: up to 8 in a network"
    )
    wide = chain(affine(np.ones((1, 3))), affine(np.ones((3, 1))), lif(3), inputs=(3,), outputs=(3,))
    assert refused(file, wide) == (
        "FILE: node 'n1' (Linear): a composed matrix of 3x3 synapses; accepted: up to 8 in a network"
    )


def test_unused_v_reset_is_told(file):
    write(file, chain(lif(v_reset=0.2)))
    note = "node 'n0': its v_reset is not used, by the reset above"
    assert note in load_network(file, semantics="snntorch").assumptions
    assert note not in load_network(file, semantics="norse").assumptions
