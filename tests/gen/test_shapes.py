"""Shapes along the edges: against brute force for kernels, and one line for what does not fit."""

import itertools

import numpy as np
import pytest
from spikeloom.gen.errors import UserError
from spikeloom.gen.graph import inline_subgraphs
from spikeloom.gen.nir_file import read_graph
from spikeloom.gen.shapes import derive_shapes

from .nir_files import affine, chain, lif, needs_shared, port, published, write


@pytest.fixture
def file(tmp_path):
    return tmp_path / "model.nir"


def shape_after(path, node, inputs, outputs):
    return derive_shapes(read_graph(write(path, chain(node, inputs=inputs, outputs=outputs))))["n0"]


def refused(path, graph):
    with pytest.raises(UserError) as error:
        derive_shapes(inline_subgraphs(read_graph(write(path, graph))))
    return str(error.value).replace(str(path), "FILE")


def conv(weight, **params):
    rank = len(weight) - 2
    values = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": np.zeros(weight[0]), **params}
    return {"type": f"Conv{rank}d", "weight": np.zeros(weight), **values}


def positions(n, kernel, stride, padding, dilation):
    """Count where a kernel fits, by trying."""
    return sum(at + dilation * (kernel - 1) < n + 2 * padding for at in range(0, n + 2 * padding, stride))


@pytest.mark.parametrize("groups", [1, 2])
def test_conv2d_against_counting(file, groups):
    rng = np.random.default_rng(0)
    for _ in range(25):
        kernel, stride, dilation = (tuple(int(n) for n in rng.integers(1, 4, 2)) for _ in range(3))
        padding = tuple(int(n) for n in rng.integers(0, 3, 2))
        sizes = tuple(int(n) for n in rng.integers(8, 12, 2))
        expected = (
            4,
            *itertools.starmap(positions, zip(sizes, kernel, stride, padding, dilation, strict=True)),
        )
        node = conv((4, 2, *kernel), stride=stride, padding=padding, dilation=dilation, groups=groups)
        assert shape_after(file, node, (2 * groups, *sizes), expected) == expected


def test_non_square_kernel(file):
    """The nir package says (1, 6, 6)."""
    assert shape_after(file, conv((1, 1, 3, 5)), (1, 8, 8), (1, 6, 4)) == (1, 6, 4)


def test_padding_by_name(file):
    assert shape_after(file, conv((3, 1, 5, 3), padding="same"), (1, 8, 6), (3, 8, 6)) == (3, 8, 6)
    assert shape_after(file, conv((3, 1, 5, 3), padding="valid"), (1, 8, 6), (3, 4, 4)) == (3, 4, 4)


def test_conv1d(file):
    assert shape_after(file, conv((4, 2, 3), stride=2, padding=1), (2, 9), (4, 5)) == (4, 5)


@pytest.mark.parametrize("kind", ["SumPool2d", "AvgPool2d"])
def test_pooling(file, kind):
    node = {"type": kind, "kernel_size": [3, 2], "stride": [2, 2], "padding": [1, 0]}
    assert shape_after(file, node, (5, 7, 8), (5, 4, 4)) == (5, 4, 4)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [(0, -1, (24,)), (1, -1, (2, 12)), (0, 1, (6, 4)), (-2, -1, (2, 12)), (1, 1, (2, 3, 4))],
)
def test_flatten(file, first, last, expected):
    node = {"type": "Flatten", "start_dim": first, "end_dim": last}
    assert shape_after(file, node, (2, 3, 4), expected) == expected


@needs_shared
def test_published_cnn():
    shapes = derive_shapes(read_graph(published("cnn_sinabs")))
    assert [shapes[str(k)] for k in (0, 2, 4, 5, 7, 8, 9)] == [
        (16, 16, 16),
        (16, 16, 16),
        (16, 8, 8),
        (8, 8, 8),
        (8, 4, 4),
        (128,),
        (256,),
    ]


@needs_shared
def test_dimensions_of_one_do_not_matter():
    """The Output of this file is declared as (1, 1, 1) after one neuron."""
    assert derive_shapes(read_graph(published("lif_rockpool")))["output"] == (1,)


@pytest.mark.parametrize("kind", ["Input", "Output"])
def test_no_ends(file, kind):
    model = chain(lif())
    model["nodes"][kind.lower()] = affine(np.eye(2))
    assert refused(file, model) == f"FILE: no {kind} node; a network needs at least one Input and one Output"


def test_edges_at_the_ends(file):
    model = chain(lif())
    model["edges"].append(("n0", "input"))
    message = "FILE: node 'input' (Input): an edge from 'n0' ends here; an Input only sends"
    assert refused(file, model) == message
    model["edges"] = [("input", "n0")]
    message = "FILE: node 'output' (Output): no edge ends here; every node but an Input needs one"
    assert refused(file, model) == message


def test_island(file):
    model = chain(lif())
    model["nodes"]["ring"] = lif()
    model["edges"].append(("ring", "ring"))
    message = "FILE: node 'ring' (LIF): no path from an Input leads here; connect or remove it"
    assert refused(file, model) == message


@pytest.mark.parametrize(
    ("node", "inputs", "message"),
    [
        (affine(np.ones((2, 3))), (2,), "(Linear): its weight takes 3 values, gets shape (2,)"),
        (
            affine(np.ones((2, 4))),
            (2, 2),
            "(Linear): its weight takes 4 values, gets shape (2, 2); put a Flatten before it",
        ),
        (affine(np.ones((2, 2)), np.ones(3)), (2,), "(Affine): bias has shape (3,); expected (2,)"),
        (
            affine(np.ones((1, 2, 2))),
            (2,),
            "(Linear): weight has shape (1, 2, 2); accepted: (outputs, inputs)",
        ),
        (lif(3), (2,), "(LIF): r has shape (3,); accepted: a scalar or (2,)"),
        (
            {"type": "Scale", "scale": np.ones(3)},
            (2,),
            "(Scale): scale has shape (3,); accepted: a scalar or (2,)",
        ),
        (
            {"type": "Flatten", "start_dim": 1, "end_dim": -1},
            (2,),
            "(Flatten): start_dim=1, end_dim=-1 on shape (2,); accepted: dimensions 0 to 0",
        ),
        (
            conv((2, 3, 3)),
            (2, 8),
            "(Conv1d): takes 3 channels and 1 dimensions in 1 groups, gets shape (2, 8)",
        ),
        (conv((2, 2, 9)), (2, 8), "(Conv1d): its output has shape (2, 0); accepted: 1 to 16777216 values"),
        (
            conv((2, 2, 3), padding="same", stride=2),
            (2, 8),
            "(Conv1d): padding 'same' with stride (2,); accepted: stride 1",
        ),
        (conv((2, 2, 3), stride=[1, 2]), (2, 8), "(Conv1d): stride has 2 values; accepted: 1 or 1"),
        (conv((2, 2, 3), bias=np.ones(3)), (2, 8), "(Conv1d): bias has shape (3,); expected (2,)"),
        (
            conv((2, 2, 3)) | {"type": "Conv2d"},
            (2, 8),
            "(Conv2d): weight has shape (2, 2, 3); accepted: 4 dimensions",
        ),
        (
            {"type": "SumPool2d", "kernel_size": 2, "stride": 2, "padding": 0},
            (2, 8),
            "(SumPool2d): takes (channels, rows, columns), gets shape (2, 8)",
        ),
    ],
)
def test_what_does_not_fit(file, node, inputs, message):
    assert refused(file, chain(node, inputs=inputs)) == f"FILE: node 'n0' {message}"


def test_outputs_that_do_not_fit(file):
    message = "FILE: node 'output' (Output): is declared with shape (3,), gets (2,)"
    assert refused(file, chain(lif(), outputs=(3,))) == message


def test_edges_that_sum_must_fit(file):
    model = chain(lif())
    model["nodes"]["more"] = port("Input", 3)
    model["edges"].append(("more", "n0"))
    assert refused(file, model) == "FILE: node 'n0' (LIF): takes shape (2,), but 'more' gives (3,)"


def test_empty_input_shape(file):
    message = "FILE: node 'input' (Input): its shape is empty; expected the shape of one step's input"
    assert refused(file, chain(lif(), inputs=())) == message


def test_enormous_signals(file):
    message = (
        "FILE: node 'input' (Input): its output has shape (1000000, 1000000); accepted: 1 to 16777216 values"
    )
    assert refused(file, chain(lif(), inputs=(1_000_000, 1_000_000))) == message


def test_many_large_signals(file, monkeypatch):
    monkeypatch.setattr("spikeloom.gen.shapes.MAX_SIGNALS", 7)
    message = "FILE: its nodes give 8 values a step together; accepted: up to 7"
    assert refused(file, chain(lif(), lif())) == message
