"""Networks from files: geometry and delays of projections are checked against what they join."""

from dataclasses import replace

import numpy as np
import pytest
from spikeloom.gen.errors import UserError
from spikeloom.gen.importer import load_network
from spikeloom.gen.ir import Network
from spikeloom.gen.network_check import check_network
from spikeloom.gen.network_files import read_network, write_network

from .nir_files import affine, chain, conv, delay, lif, pool, write

FLATTEN = {"type": "Flatten", "start_dim": 0, "end_dim": -1}


@pytest.fixture
def network(tmp_path):
    """A pooled convolution, then a matrix with delays."""
    rng = np.random.default_rng(0)
    nodes = pool("Sum", 2), conv(rng.normal(size=(3, 2, 3, 3)), padding=1), lif(1), FLATTEN
    nodes += affine(rng.normal(size=(2, 12))), delay([1e-4, 3e-4]), lif(2)
    graph = chain(*nodes, inputs=(2, 4, 4), outputs=(2,))
    return load_network(write(tmp_path / "m.nir", graph), semantics="snntorch")


def test_a_file_holds_everything(network, tmp_path):
    write_network(tmp_path / "n.npz", network)
    again = read_network(tmp_path / "n.npz", Network)
    check_network(again, where="file")
    for first, second in zip(network.projections, again.projections, strict=True):
        assert first.conv == second.conv
        assert np.array_equal(first.weight, second.weight)
        assert str(first.delay_steps) == str(second.delay_steps)
    assert network.projections[0].conv is not None
    assert network.projections[1].delay_steps is not None


def changed(network, at, **fields):
    projections = list(network.projections)
    projections[at] = replace(projections[at], **fields)
    return replace(network, projections=tuple(projections))


def geometry(network, **fields):
    return replace(network.projections[0].conv, **fields)


@pytest.mark.parametrize(
    ("at", "fields", "message"),
    [
        (
            0,
            lambda n: {"conv": geometry(n, channels=4)},
            "its convolution joins 12 targets and 64 sources, not 12 and 32",
        ),
        (0, lambda n: {"conv": None}, "its weights must have shape (12, 32), not (3, 2, 3, 3)"),
        (0, lambda n: {"weight": np.ones((3, 2, 3, 2))}, "its weights must have shape (3, 2, 3, 3), not "),
        (
            0,
            lambda n: {"delay_steps": np.zeros((12, 32), int)},
            "must be int64 of shape (32,), not int64 of (12",
        ),
        (
            1,
            lambda n: {"delay_steps": np.zeros(2, int)},
            "must be int64 of shape (12,) or (2, 12)",
        ),
        (1, lambda n: {"delay_steps": np.zeros(12)}, "must be int64 of shape (12,) or (2, 12), not float64"),
        (1, lambda n: {"delay_steps": np.full(12, 256)}, "must be between 0 and 255 steps"),
        (1, lambda n: {"delay_steps": np.full(12, -1)}, "must be between 0 and 255 steps"),
    ],
)
def test_what_does_not_fit_is_refused(network, at, fields, message):
    with pytest.raises(UserError) as error:
        check_network(changed(network, at, **fields(network)), where="file")
    assert message in str(error.value)
    assert str(error.value).startswith("file: ")
    assert "\n" not in str(error.value)
