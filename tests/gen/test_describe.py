"""The description of a model: every node's fate, every population and projection."""

import json

import numpy as np
import pytest
from spikeloom.gen.describe import describe
from spikeloom.gen.importer import import_model

from .nir_files import affine, chain, cuba, graph_of, lif, port, write


@pytest.fixture
def model(tmp_path):
    """A nested recurrent layer, a leaky readout, a side branch that goes nowhere."""
    leaky = {"type": "LI", "tau": np.full(3, 1e-3), "r": np.full(3, 10.0), "v_leak": np.zeros(3)}
    layer = graph_of(
        {
            "input": port("Input", 4),
            "lif": cuba(4, v_reset=0.0),
            "w": affine(np.eye(4)),
            "output": port("Output", 4),
        },
        [("input", "lif"), ("lif", "w"), ("w", "lif"), ("lif", "output")],
    )
    graph = chain(
        {"type": "Flatten", "start_dim": 0, "end_dim": -1, "input_type": np.array([2, 2])},
        affine(np.ones((4, 4)), np.ones(4)),
        layer,
        affine(np.arange(12).reshape(3, 4)),
        leaky,
        inputs=(2, 2),
        outputs=(3,),
        names=["flat", "fc", "rnn", "fc2", "li"],
    )
    graph["nodes"]["side"] = lif(4)
    graph["edges"].append(("rnn", "side"))
    return import_model(write(tmp_path / "model.nir", graph))


def test_every_node_has_a_fate(model):
    rows = {row.name: row for row in describe(model.network, graph=model.graph).nodes}
    assert {name: row.mapping for name, row in rows.items()} == {
        "input": "input",
        "flat": "folded into projection 'input->rnn.lif'",
        "fc": "folded into projection 'input->rnn.lif'",
        "rnn.input": "folded into projection 'input->rnn.lif'",
        "rnn.lif": "population 'rnn.lif'",
        "rnn.w": "folded into projection 'rnn.lif->rnn.lif'",
        "rnn.output": "folded into projection 'rnn.lif->li'",
        "fc2": "folded into projection 'rnn.lif->li'",
        "li": "population 'li'",
        "side": "left out",
        "output": "reads population 'li'",
    }
    assert {name: row.parameters for name, row in rows.items() if row.parameters} == {
        "fc": 20,
        "rnn.lif": 28,
        "rnn.w": 16,
        "fc2": 12,
        "li": 9,
        "side": 16,
    }
    assert rows["input"].shape == (2, 2)
    assert rows["flat"].shape == (4,)


def test_populations_and_projections(model):
    description = describe(model.network)
    assert description.nodes == ()
    recurrent, readout = description.populations
    assert (recurrent.kind, recurrent.neurons, recurrent.reset, recurrent.reset_value) == (
        "CubaLIF",
        4,
        "value",
        (0.0, 0.0),
    )
    assert recurrent.alpha == pytest.approx((0.5, 0.5))
    assert recurrent.beta == pytest.approx((0.9, 0.9))
    assert recurrent.bias == pytest.approx((1, 1))
    assert (readout.kind, readout.alpha, readout.threshold, readout.bias) == ("LI", None, None, None)
    assert [(p.name, p.synapses, p.nonzero, p.recurrent) for p in description.projections] == [
        ("input->rnn.lif", 16, 16, False),
        ("rnn.lif->rnn.lif", 16, 4, True),
        ("rnn.lif->li", 12, 11, False),
    ]
    assert (description.neurons, description.synapses) == (7, 44)


def test_it_is_json(model):
    description = describe(model.network, graph=model.graph)
    data = json.loads(json.dumps(description.as_dict()))
    assert data["projections"][0]["nodes"] == ["flat", "fc", "rnn.input"]
    assert data["assumptions"] == list(model.network.assumptions)


def test_nodes_that_add_nothing(tmp_path):
    flatten = {"type": "Flatten", "start_dim": 0, "end_dim": -1}
    model = import_model(write(tmp_path / "m.nir", chain(lif(), flatten, names=["lif", "flat"])))
    rows = {row.name: row.mapping for row in describe(model.network, graph=model.graph).nodes}
    assert rows["flat"] == "passes its input on"
    assert rows["output"] == "reads population 'lif'"
