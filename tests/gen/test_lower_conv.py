"""Convolutions and pools: folded where that is exact, written out where not; the same values always."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spikeloom.gen.conv_algebra import unrolled
from spikeloom.gen.errors import UserError
from spikeloom.gen.importer import load_network
from spikeloom.hw.conv_params import AxisParams, ConvParams

from .drive import drive, matrix_of
from .interpreter import Interpreter
from .nir_files import affine, chain, conv, graph_of, lif, needs_shared, pool, port, published, write

FLATTEN = {"type": "Flatten", "start_dim": 0, "end_dim": -1}
RULES = {"dt": 1.0}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "model.nir"


def lowered(path, *nodes, shape, names=None):
    """The network of linear nodes between an Input and an Output; its drive is what the nodes compute."""
    graph = chain(*nodes, inputs=shape, outputs=(), names=names)
    return checked(path, graph, shape)


def checked(path, graph, shape, steps=6):
    network = load_network(write(path, graph), semantics="nir")
    x = np.random.default_rng(3).poisson(0.7, (steps, *shape)).astype(np.uint8)
    (expected,) = Interpreter(graph, RULES).run(x).values()
    found = drive(network, network.outputs[0], {"input": x})
    assert np.abs(expected).max() > 0
    assert np.allclose(found, expected, rtol=1e-9, atol=1e-9)
    return network


def only(network):
    """Geometry and projection of a network with a single convolution."""
    (projection,) = network.projections
    assert projection.conv is not None
    return projection.conv, projection


def weights(rng, *shape):
    return rng.normal(size=shape)


GEOMETRIES = [
    {},
    {"stride": 2},
    {"stride": (2, 3), "padding": (1, 2)},
    {"padding": "same"},
    {"padding": "valid", "dilation": (1, 2)},
    {"padding": "same", "dilation": 2},
    {"groups": 2, "padding": 1},
    {"groups": 2, "stride": (3, 1), "padding": (2, 0), "dilation": (2, 1)},
]


@pytest.mark.parametrize("options", GEOMETRIES)
@pytest.mark.parametrize("kernel", [(3, 2), (2, 4), (1, 1), (1, 3)])
def test_every_geometry_of_two_dimensions(file, kernel, options):
    rng = np.random.default_rng(0)
    node = conv(weights(rng, 4, 4 // options.get("groups", 1), *kernel), weights(rng, 4), **options)
    _, projection = only(lowered(file, node, shape=(4, 7, 8)))
    assert projection.weight.size == node["weight"].size
    assert projection.weight.dtype == np.float64
    assert not projection.weight.flags.writeable


@pytest.mark.parametrize("options", [{}, {"stride": 2}, {"padding": 3}, {"padding": "same"}, {"groups": 3}])
@pytest.mark.parametrize("kernel", [1, 2, 5])
def test_one_dimension(file, kernel, options):
    rng = np.random.default_rng(1)
    node = conv(weights(rng, 6, 3 // options.get("groups", 1), kernel), weights(rng, 6), **options)
    network = lowered(file, node, shape=(3, 9))
    geometry, _ = only(network)
    assert geometry.rows == AxisParams(size=1, outputs=1, kernel=1)
    assert len(network.populations[0].shape) == 2


def test_same_of_an_even_kernel_pads_more_behind(file):
    geometry, _ = only(lowered(file, conv(np.ones((1, 1, 4, 2)), padding="same"), shape=(1, 5, 5)))
    assert (geometry.rows.padding, geometry.columns.padding) == (1, 0)
    assert geometry.target_shape == (1, 5, 5)


@pytest.mark.parametrize("kind", ["Sum", "Avg"])
def test_pool_before_neurons_is_a_depthwise_kernel_of_one_weight(file, kind):
    geometry, projection = only(lowered(file, pool(kind, (2, 3)), shape=(3, 5, 7)))
    assert (geometry.rows.pool, geometry.columns.pool) == (2, 3)
    assert geometry.groups == 3
    assert np.array_equal(projection.weight.reshape(-1), np.full(3, 1 if kind == "Sum" else 1 / 6))


@pytest.mark.parametrize("kind", ["Sum", "Avg"])
@pytest.mark.parametrize(
    "shape", [{"size": 3, "stride": 2}, {"size": 2, "padding": 1}, {"size": 2, "stride": 3}]
)
def test_pools_that_overlap_or_pad_are_kernels(file, kind, shape):
    geometry, projection = only(lowered(file, pool(kind, **shape), shape=(2, 6, 7)))
    assert geometry.rows.pool == 1
    assert projection.weight.shape == (2, 1, shape["size"], shape["size"])


def test_pool_folds_into_what_follows(file):
    rng = np.random.default_rng(2)
    network = lowered(
        file,
        pool("Avg", 2),
        pool("Sum", (1, 2)),
        conv(weights(rng, 3, 2, 2, 2), weights(rng, 3)),
        shape=(2, 7, 9),
    )
    geometry, projection = only(network)
    assert (geometry.rows.pool, geometry.columns.pool) == (2, 4)
    assert projection.nodes == ("n0", "n1", "n2")


def test_pool_flatten_linear_is_a_kernel_that_covers_the_map(file):
    rng = np.random.default_rng(2)
    network = lowered(
        file, pool("Sum", 2), FLATTEN, affine(weights(rng, 5, 12), weights(rng, 5)), shape=(2, 5, 6)
    )
    geometry, _ = only(network)
    assert geometry.kernel_shape == (5, 2, 2, 3)
    assert geometry.target_shape == (5, 1, 1)
    assert network.populations[0].shape == (5,)


def test_factors_fold_into_kernels(file):
    """Batch norm behind, factors of channels before; per position they cannot."""
    rng = np.random.default_rng(4)
    kernel, before, behind = weights(rng, 3, 2, 3, 3), weights(rng, 2, 1, 1), weights(rng, 3, 1, 1)
    node = conv(kernel, weights(rng, 3), padding=1)
    nodes = [{"type": "Scale", "scale": np.broadcast_to(before, (2, 4, 4))}, node]
    nodes.append({"type": "Scale", "scale": np.broadcast_to(behind, (3, 4, 4))})
    _, projection = only(lowered(file, *nodes, shape=(2, 4, 4)))
    kernel = node["weight"].astype(float)
    assert np.allclose(projection.weight, kernel * before[np.newaxis] * behind[:, np.newaxis])
    uneven = {"type": "Scale", "scale": weights(rng, 3, 4, 4)}
    network = lowered(file, node, uneven, shape=(2, 4, 4))
    assert network.projections[0].conv is None
    assert network.assumptions[-1] == (
        "node 'n1': written out as a matrix of 48x32 from 'input', as no single convolution is the same"
    )
    uneven = {"type": "Scale", "scale": weights(rng, 2, 4, 4)}
    assert lowered(file, uneven, node, shape=(2, 4, 4)).projections[0].conv is None


@pytest.mark.parametrize("kind", ["Sum", "Avg"])
@pytest.mark.parametrize(("size", "stride"), [(2, 2), ((3, 2), 1), (2, 3)])
@pytest.mark.parametrize("dilation", [1, 2])
def test_convolution_then_pool_is_one_convolution(file, kind, size, stride, dilation):
    rng = np.random.default_rng(5)
    node = conv(
        weights(rng, 4, 2, 2, 3), weights(rng, 4), stride=(2, 1), padding=1, dilation=dilation, groups=2
    )
    only(lowered(file, node, pool(kind, size, stride), shape=(4, 12, 11)))


def test_bias_in_front_of_a_padded_convolution(file):
    """Not constant: at the borders fewer weights see it."""
    rng = np.random.default_rng(6)
    first, second = (
        conv(weights(rng, 2, 1, 3, 3), [1, 2], padding=1),
        conv(weights(rng, 3, 2, 3, 3), padding=1),
    )
    network = lowered(file, first, second, shape=(1, 4, 5))
    assert network.projections[0].conv is None
    assert len(np.unique(network.populations[0].bias.round(9))) > 3


def test_convolution_flatten_linear_without_neurons_between(file):
    rng = np.random.default_rng(7)
    nodes = conv(weights(rng, 2, 2, 3, 3)), FLATTEN, affine(weights(rng, 3, 8))
    assert lowered(file, *nodes, shape=(2, 4, 4)).projections[0].conv is None


def branches(*nodes, shape):
    """Nodes side by side between an Input and an Output."""
    names = [f"b{k}" for k in range(len(nodes))]
    edges = [edge for name in names for edge in (("input", name), (name, "output"))]
    ends = {"input": port("Input", *shape), "output": port("Output")}
    return graph_of({**ends, **dict(zip(names, nodes, strict=True))}, edges)


def test_parallel_convolutions(file):
    rng = np.random.default_rng(8)
    one, two, wide = (conv(weights(rng, 2, 2, n, n), weights(rng, 2), padding=n // 2) for n in (3, 3, 5))
    shape = (2, 6, 6)
    (projection,) = checked(file, branches(one, two, shape=shape), shape).projections
    assert np.allclose(projection.weight, one["weight"].astype(float) + two["weight"])
    network = checked(file, branches(one, two, wide, shape=shape), shape)
    assert [(p.name, p.conv and p.conv.rows.kernel) for p in network.projections] == [
        ("input->output", 3),
        ("input->output#2", 5),
    ]


def test_gains_that_differ_within_a_filter_go_into_thresholds(file):
    rng = np.random.default_rng(9)
    gain = rng.uniform(1, 3, (2, 2, 2))
    node = {"type": "IF", "r": gain, "v_threshold": np.ones(()), "v_reset": np.full((), -0.5)}
    graph = chain(conv(weights(rng, 2, 1, 3, 3), [1, 2]), node, inputs=(1, 4, 4), outputs=(2, 2, 2))
    network = load_network(write(file, graph), semantics="nir,if_gain=r")
    (population,), (projection,) = network.populations, network.projections
    assert population.shape == (2, 2, 2)
    kernel = graph["nodes"]["n0"]["weight"].astype(float)
    largest = gain.max(axis=(1, 2))
    assert np.allclose(projection.weight, kernel * largest.reshape(2, 1, 1, 1))
    factor = (largest.reshape(2, 1, 1) / gain).reshape(-1)
    assert population.threshold == pytest.approx(factor)
    assert np.allclose(population.reset_value, -0.5 * factor)
    assert np.allclose(population.bias, np.repeat(largest * [1, 2], 4))
    assert "input gains differ within a filter" in network.assumptions[-1]


def test_gains_that_no_threshold_can_take_are_said_to_need_a_matrix(file):
    rng = np.random.default_rng(9)
    node = {"type": "IF", "r": rng.uniform(-1, 1, (2, 2, 2)), "v_threshold": np.ones(())}
    graph = chain(conv(weights(rng, 2, 1, 3, 3), [1, 2]), node, inputs=(1, 4, 4), outputs=(2, 2, 2))
    network = load_network(write(file, graph), semantics="nir,if_gain=r")
    (projection,) = network.projections
    assert (projection.conv, projection.weight.shape) == (None, (8, 16))
    (line,) = (line for line in network.assumptions if "written out as a matrix of 8x16" in line)
    assert "'input'" in line
    assert "differ within a filter" in line


@st.composite
def axes(draw):
    """An axis with an output, and zeros behind the last coordinate of its own."""
    size = draw(st.integers(1, 9))
    axis = AxisParams(
        size=size,
        outputs=1,
        kernel=draw(st.integers(1, 4)),
        stride=draw(st.integers(1, 3)),
        padding=draw(st.integers(0, 3)),
        dilation=draw(st.integers(1, 3)),
        pool=draw(st.integers(1, size)),
    )
    reach = axis.pooled + 2 * axis.padding - (axis.kernel - 1) * axis.dilation - 1
    outputs = max(1, reach // axis.stride + 1) + draw(st.integers(0, 1))
    return AxisParams(**{**vars(axis), "outputs": outputs})


@settings(max_examples=100, deadline=None)
@given(rows=axes(), columns=axes(), groups=st.integers(1, 3), seed=st.integers(0, 1 << 32))
def test_matrix_agrees_with_the_taps(rows, columns, groups, seed):
    rng = np.random.default_rng(seed)
    shape = ConvParams(channels=2 * groups, filters=3 * groups, rows=rows, columns=columns, groups=groups)
    kernel = rng.normal(size=shape.kernel_shape)

    class Projection:
        conv, weight = shape, kernel

    expected = matrix_of(Projection)
    assert np.array_equal(unrolled(shape, kernel), expected)


def test_unrolling_has_a_budget(file, monkeypatch):
    monkeypatch.setattr("spikeloom.gen.lower_linear.MAX_SYNAPSES", 1000)
    nodes = conv(np.ones((4, 1, 3, 3))), conv(np.ones((2, 4, 3, 3))), lif(1)
    with pytest.raises(UserError) as error:
        load_network(write(file, chain(*nodes, inputs=(1, 9, 9), outputs=())), semantics="snntorch")
    assert str(error.value).endswith(
        "node 'n1' (Conv2d): a composed matrix of 50x81 synapses; accepted: up to 1000 in a network"
    )


def test_impossible_geometry(file):
    with pytest.raises(UserError) as error:
        lowered(file, conv(np.ones((1, 1, 2, 2)), stride=1 << 20), shape=(1, 2, 2))
    message = "node 'n0' (Conv2d): Convolution stride must be between 1 and 65536, not 1048576"
    assert str(error.value).endswith(message)


@needs_shared
def test_published_network():
    network = load_network(published("cnn_sinabs"))
    found = [
        (p.source, p.target, p.conv and p.conv.kernel_shape, p.weight.shape) for p in network.projections
    ]
    assert found == [
        ("input", "1", (16, 2, 5, 5), (16, 2, 5, 5)),
        ("1", "3", (16, 16, 3, 3), (16, 16, 3, 3)),
        ("3", "6", (8, 16, 3, 3), (8, 16, 3, 3)),
        ("6", "10", (256, 8, 4, 4), (256, 8, 4, 4)),
        ("10", "12", None, (10, 256)),
    ]
    assert [p.conv and p.conv.rows.pool for p in network.projections[:4]] == [1, 1, 2, 2]
    assert [p.shape for p in network.populations] == [(16, 16, 16), (16, 16, 16), (8, 8, 8), (256,), (10,)]
