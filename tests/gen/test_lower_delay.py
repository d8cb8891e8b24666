"""Delay nodes: steps, where they go in synapses, and learned delays folded back into one projection."""

import numpy as np
import pytest
from spikeloom.gen.errors import UserError
from spikeloom.gen.importer import load_network
from spikeloom.sim.golden import run_float

from .drive import drive
from .interpreter import Interpreter
from .nir_files import affine, chain, conv, delay, graph_of, lif, pool, port, write

RULES = {"dt": 1.0}
FLATTEN = {"type": "Flatten", "start_dim": 0, "end_dim": -1}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "model.nir"


def checked(path, graph, shape, steps=9):
    """Network of linear nodes between an Input and an Output, whose drive is what the nodes compute."""
    network = load_network(write(path, graph), semantics="nir", dt=1.0)
    x = np.random.default_rng(3).poisson(0.7, (steps, *shape)).astype(np.uint8)
    (expected,) = Interpreter(graph, RULES).run(x).values()
    sent = {"input": x, "constant": np.ones((steps, 1))}
    assert np.allclose(drive(network, network.outputs[0], sent), expected, rtol=1e-9, atol=1e-9)
    run = run_float(network, x[np.newaxis], record=True)
    assert np.allclose(run.membranes[network.outputs[0]][0], expected, rtol=1e-9, atol=1e-9)
    return network


def only(network):
    (projection,) = network.projections
    return projection


def delays(projection):
    assert projection.delay_steps is not None
    return projection.delay_steps


def random_delays(rng, *shape):
    return rng.integers(0, 5, shape).astype(float)


def test_before_synapses_it_is_one_of_the_source(file):
    rng = np.random.default_rng(0)
    graph = chain(
        delay([1, 0, 3]), delay([2, 0, 0]), affine(rng.normal(size=(2, 3))), inputs=(3,), outputs=(2,)
    )
    projection = only(checked(file, graph, (3,)))
    assert delays(projection).tolist() == [3, 0, 3]
    assert delays(projection).dtype == np.int64
    assert not delays(projection).flags.writeable


def test_behind_synapses_it_is_one_of_each_synapse(file):
    rng = np.random.default_rng(0)
    graph = chain(delay([1, 0, 3]), affine(rng.normal(size=(2, 3))), delay([2, 4]), inputs=(3,), outputs=(2,))
    projection = only(checked(file, graph, (3,)))
    assert delays(projection).tolist() == [[3, 2, 5], [5, 4, 7]]


def test_equal_ones_behind_synapses_are_of_the_source(file):
    graph = chain(affine(np.ones((2, 3))), delay(np.full((), 4.0)), inputs=(3,), outputs=(2,))
    assert delays(only(checked(file, graph, (3,)))).tolist() == [4, 4, 4]


def test_none_at_all(file):
    assert only(checked(file, chain(delay([0, 0]), affine(np.ones((2, 2)))), (2,))).delay_steps is None


def test_between_two_matrices(file):
    """Paths through different channels take different times: one synapse needs several projections."""
    rng = np.random.default_rng(1)
    graph = chain(affine(rng.normal(size=(3, 2))), delay([0, 2, 2]), affine(rng.normal(size=(2, 3))))
    network = checked(file, graph, (2,))
    assert [(p.name, p.delay_steps is None) for p in network.projections] == [
        ("input->output", True),
        ("input->output#2", False),
    ]


@pytest.mark.parametrize("shape", [(2, 1, 1), (2, 5, 5)])
def test_around_a_convolution(file, shape):
    rng = np.random.default_rng(2)
    size, kernel = shape[1], conv(rng.normal(size=(2, 2, 3, 3)), padding=1)
    before, behind = random_delays(rng, *shape), np.broadcast_to([[[1.0]], [[3.0]]], (2, size, size))
    graph = chain(delay(before), kernel, delay(behind), inputs=shape, outputs=())
    network = checked(file, graph, shape)
    assert [p.conv is not None and delays(p).ndim for p in network.projections] == [1, 1]
    uneven = random_delays(rng, *shape) + np.arange(2 * size * size).reshape(shape) % 2
    network = checked(file, chain(kernel, delay(uneven), inputs=shape, outputs=()), shape)
    assert (network.projections[0].conv is None) == (size > 1)


def test_around_a_pool(file):
    rng = np.random.default_rng(2)
    shape = (2, 5, 4)
    graph = chain(
        pool("Sum", 2),
        delay(random_delays(rng, 2, 2, 2)),
        FLATTEN,
        affine(rng.normal(size=(3, 8))),
        inputs=shape,
        outputs=(),
    )
    projection = only(checked(file, graph, shape))
    assert projection.conv is not None
    assert delays(projection).shape == (40,)


def branches(*pairs, size):
    """Delay and Linear branches that sum in the Output; a delay of None: none."""
    nodes, edges = {"input": port("Input", size), "output": port("Output", 2)}, []
    for k, (steps, weight) in enumerate(pairs):
        nodes[f"w{k}"] = affine(weight)
        late = "input"
        if steps is not None:
            late = f"d{k}"
            nodes[late] = delay(np.full(size, float(steps)))
            edges.append(("input", late))
        edges += [(late, f"w{k}"), (f"w{k}", "output")]
    return graph_of(nodes, edges)


def test_learned_delays_are_one_projection(file):
    rng = np.random.default_rng(3)
    weight, steps = rng.normal(size=(2, 4)), np.array([[0, 1, 1, 7], [7, 0, 7, 1]])
    graph = branches(*((d or None, np.where(steps == d, weight, 0)) for d in (0, 1, 7)), size=4)
    network = checked(file, graph, (4,))
    projection = only(network)
    assert np.array_equal(delays(projection), steps)
    assert np.allclose(projection.weight, weight, rtol=1e-6)
    assert network.assumptions[-1] == (
        "3 branches from 'input' to 'output' are one projection with a delay a synapse of 0 to 7 steps"
    )


def test_learned_delays_that_differ_by_source_only(file):
    weight = np.ones((2, 3))
    graph = branches((2, weight * [1, 0, 1]), (5, weight * [0, 1, 0]), size=3)
    assert delays(only(checked(file, graph, (3,)))).tolist() == [2, 5, 2]


def test_a_synapse_with_two_delays_needs_two_projections(file):
    graph = branches((1, [[1, 2], [0, 4]]), (3, [[5, 0], [6, 0]]), (4, [[0, 0], [0, 1]]), size=2)
    network = checked(file, graph, (2,))
    assert [p.name for p in network.projections] == ["input->output", "input->output#2"]


def test_equal_delays_are_summed(file):
    graph = branches((2, np.ones((2, 2))), (2, np.eye(2)), size=2)
    projection = only(checked(file, graph, (2,)))
    assert np.array_equal(projection.weight, np.ones((2, 2)) + np.eye(2))
    assert delays(projection).tolist() == [2, 2]


def test_a_delayed_bias_comes_from_a_neuron_that_always_fires(file):
    graph = chain(affine(np.eye(2), [3, 4]), delay([2, 0]), affine([[1, 2], [3, 4]], [7, 8]))
    network = checked(file, graph, (2,))
    assert [p.name for p in network.populations] == ["constant", "output"]
    assert network.populations[1].bias.tolist() == [7 + 8, 8 + 16]


def test_in_a_loop_it_comes_on_top_of_the_step(file):
    model = chain(lif(1), names=["lif"], inputs=(1,), outputs=(1,))
    model["nodes"] |= {"late": delay([3e-4]), "w": affine([[2.0]])}
    model["edges"] += [("lif", "late"), ("late", "w"), ("w", "lif")]
    network = load_network(write(file, model), semantics="nir,dt=1e-4,reset=zero,membrane_gain=one")
    recurrent = next(p for p in network.projections if p.source == "lif")
    assert (recurrent.recurrent, delays(recurrent).tolist()) == (True, [3])
    assert "recurrent: 'lif' sees its own spikes of the step before, plus delays of up to 3 steps" in (
        network.assumptions
    )
    x = np.zeros((1, 12, 1), np.uint8)
    x[0, 0] = 2
    assert np.flatnonzero(run_float(network, x).output[0, :, 0]).tolist() == [0, 4, 8]


def test_seconds_that_are_no_whole_steps_are_rounded_and_told(file):
    graph = chain(delay([2.6e-3, 1e-3]), lif(), names=["late", "lif"])
    network = load_network(write(file, graph), semantics="norse,dt=1e-3,decay=exact")
    assert delays(network.projections[0]).tolist() == [3, 1]
    assert "node 'late': delays are rounded to whole steps, 0.0026 s = 2.6 to 3" in network.assumptions
    network = load_network(file, semantics="norse,dt=1e-4")
    assert delays(network.projections[0]).tolist() == [26, 10]
    assert not any("rounded" in line for line in network.assumptions)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (
            [delay([256.0, 0])],
            "(Delay): a delay of 256 s is 256 steps of 1 s; accepted: up to 255 steps",
        ),
        (
            [delay([200.0, 0]), delay([56.0, 0])],
            "node 'n1' (Delay): delays on the way add up to 256 steps; accepted: up to 255",
        ),
        ([delay([-1.0, 0])], "node 'n0' (Delay): delay holds -1; accepted: numbers from 0"),
        (
            [delay([1e300, 0])],
            "(Delay): a delay of 1e+300 s is 1e+300 steps of 1 s; accepted: up to 255",
        ),
    ],
)
def test_refused(file, nodes, message):
    with pytest.raises(UserError) as error:
        load_network(write(file, chain(*nodes, lif())), semantics="nir,decay=exact", dt=1.0)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
