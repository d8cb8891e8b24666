"""Reading files: equal to what the nir package reads, and one line for everything that cannot be used."""

import os
from typing import Any

import h5py
import nir
import numpy as np
import pytest
from spikeloom.gen.errors import UserError
from spikeloom.gen.graph import PORT, inline_subgraphs
from spikeloom.gen.nir_file import MAX_VALUES, read_graph

from .nir_files import affine, chain, graph_of, lif, needs_shared, port, published, write


@pytest.fixture
def file(tmp_path):
    return tmp_path / "model.nir"


def refused(path, graph=None):
    """The message about a file, with FILE for its path."""
    if graph is not None:
        write(path, graph)
    with pytest.raises(UserError) as error:
        inline_subgraphs(read_graph(path))
    message = str(error.value)
    assert "\n" not in message
    return message.replace(str(path), "FILE")


def same_params(ours, theirs):
    """Whether our node holds exactly what the nir package's node gives back as a dictionary."""
    assert ours.type == theirs["type"]
    for name, value in ours.params.items():
        expected = theirs[name] if not isinstance(theirs[name], dict) else theirs[name]["input"]
        assert np.array_equal(value, expected), name
        assert np.asarray(value).dtype == np.asarray(expected).dtype


@needs_shared
@pytest.mark.parametrize(
    "name",
    ["braille_noDelay_noBias_subtract", "cnn_sinabs", "lif_norse", "lif_rockpool", "two_lif_neurons"],
)
def test_reads_what_the_nir_package_reads(name):
    ours = read_graph(published(name))
    theirs = nir.read(published(name), type_check=False)
    assert set(ours.nodes) == set(theirs.nodes)
    assert set(ours.edges) == set(theirs.edges)
    for key, node in ours.nodes.items():
        same_params(node, theirs.nodes[key].to_dict())


def test_reads_every_node_type_that_the_nir_package_writes(file):
    rng = np.random.default_rng(0)
    vector: dict[str, Any] = {
        name: rng.random(6) + 0.5 for name in ("tau", "r", "v_leak", "v_threshold", "v_reset")
    }
    cuba: dict[str, Any] = {
        **{k: vector[k] for k in ("r", "v_leak")},
        "tau_syn": vector["tau"],
        "tau_mem": vector["tau"],
    }
    ends: dict[str, Any] = {name: vector[name] for name in ("v_threshold", "v_reset")}
    conv: dict[str, Any] = {
        "stride": (1, 2),
        "padding": (1, 0),
        "dilation": (1, 1),
        "groups": 1,
        "bias": np.zeros(2),
    }
    nodes = {
        "in": nir.Input({"input": np.array([6])}),
        "affine": nir.Affine(rng.random((6, 6)), rng.random(6)),
        "linear": nir.Linear(rng.random((6, 6)).astype(np.float32)),
        "scale": nir.Scale(rng.random(6)),
        "flatten": nir.Flatten({"input": np.array([2, 3])}, 0, -1),
        "threshold": nir.Threshold(rng.random(6)),
        "i": nir.I(vector["r"]),
        "if": nir.IF(vector["r"], **ends),
        "li": nir.LI(vector["tau"], vector["r"], vector["v_leak"]),
        "lif": nir.LIF(**vector),
        "cubali": nir.CubaLI(**cuba),
        "cubalif": nir.CubaLIF(**cuba, **ends),
        "conv1d": nir.Conv1d(5, rng.random((2, 1, 3)), 1, 0, 1, 1, np.zeros(2)),
        "conv2d": nir.Conv2d((5, 5), rng.random((2, 1, 3, 3)), **conv),
        "sum": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "avg": nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "delay": nir.Delay(rng.random(6)),
        "out": nir.Output({"output": np.array([6])}),
    }
    graph = nir.NIRGraph(nodes, [("in", "affine"), ("affine", "out")], type_check=False)
    nir.write(file, graph)
    ours = read_graph(file)
    assert set(ours.nodes) == set(nodes)
    for name, node in ours.nodes.items():
        same_params(node, nodes[name].to_dict())


@pytest.mark.parametrize("kind", ["LIF", "IF", "CubaLIF"])
def test_v_reset_of_old_files_is_absent(file, kind):
    params = {
        "LIF": ("tau", "r", "v_leak", "v_threshold"),
        "IF": ("r", "v_threshold"),
        "CubaLIF": ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold"),
    }
    graph = read_graph(write(file, chain({"type": kind, **dict.fromkeys(params[kind], np.ones(2))})))
    assert "v_reset" not in graph.nodes["n0"].params


def test_order_in_the_file_means_nothing(file):
    model = chain(affine(np.eye(2)), lif(), affine(np.eye(2)), lif())
    first = read_graph(write(file, model))
    model["nodes"] = dict(reversed(model["nodes"].items()))
    model["edges"] = model["edges"][::-1]
    second = read_graph(write(file, model))
    assert list(first.nodes) == list(second.nodes)
    assert first.edges == second.edges


def test_natural_order_of_names(file):
    names = ["fc10", "fc9", "a", "10", "9"]
    graph = read_graph(write(file, chain(*[affine(np.eye(2))] * 5, names=names)))
    assert list(graph.nodes) == ["9", "10", "a", "fc9", "fc10", "input", "output"]


def test_nested_graphs_are_inlined(file):
    inner = graph_of(
        {"input": port("Input", 2), "w_rec": affine(np.eye(2)), "lif": lif(), "output": port("Output", 2)},
        [("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")],
    )
    graph = inline_subgraphs(read_graph(write(file, chain(affine(np.eye(2)), inner, names=["fc", "rnn"]))))
    assert graph.nodes["rnn.input"].type == graph.nodes["rnn.output"].type == PORT
    assert ("fc", "rnn.input") in graph.edges
    assert ("rnn.w_rec", "rnn.lif") in graph.edges
    assert ("rnn.output", "output") in graph.edges


def test_nesting_two_deep(file):
    inner = chain(lif(), names=["lif"])
    graph = inline_subgraphs(read_graph(write(file, chain(chain(inner, names=["b"]), names=["a"]))))
    assert graph.nodes["a.b.lif"].type == "LIF"
    assert ("a.b.input", "a.b.lif") in graph.edges


@needs_shared
def test_the_only_unknown_name_is_the_only_node_without_edges():
    graph = inline_subgraphs(read_graph(published("braille_noDelay_noBias_subtract_subgraph")))
    assert graph.notes == (
        "nested graph 'lif1': edges name 'lif', which is not there; "
        "read as 'lif1', the only node without edges",
    )
    assert ("lif1.lin", "lif1.lif1") in graph.edges


def test_doubled_edges_count_once(file):
    model = chain(lif())
    model["edges"] *= 2
    graph = read_graph(write(file, model))
    assert len(graph.edges) == 2
    assert graph.notes[0] == "edge 'input' -> 'n0' is there 2 times; it counts once"


def test_unknown_parameters_are_noted(file):
    graph = read_graph(write(file, chain({**lif(), "refractory": np.ones(2)})))
    assert graph.notes == ("node 'n0': its parameter 'refractory' is not known and not used",)


def test_metadata_is_not_read(file):
    model = chain(lif())
    write(file, model)
    with h5py.File(file, "a") as data:
        data["node/nodes/n0/metadata"] = h5py.SoftLink("/nowhere")
    assert read_graph(file).notes == ()


def test_no_file(tmp_path):
    assert refused(tmp_path / "no.nir") == "FILE: no such file; expected a .nir file"
    assert refused(tmp_path) == "FILE: no such file; expected a .nir file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(file):
    write(file, chain(lif())).chmod(0)
    assert refused(file) == "FILE: cannot be read (permission denied)"


@pytest.mark.parametrize("content", [b"", b"not HDF5", bytes(4096)])
def test_not_hdf5(file, content):
    file.write_bytes(content)
    assert refused(file) == "FILE: not an HDF5 file; expected a .nir file as nir.write makes it"


@pytest.mark.parametrize("part", [0.3, 0.7, 0.99])
def test_truncated(file, part):
    data = write(file, chain(affine(np.ones((64, 64))), lif(64), inputs=(64,), outputs=(64,))).read_bytes()
    file.write_bytes(data[: int(len(data) * part)])
    assert refused(file).startswith("FILE: truncated or damaged HDF5 file (")


def test_damaged_bytes_give_a_message_or_a_graph(file):
    data = write(file, chain(affine(np.ones((3, 2))), lif(3), outputs=(3,))).read_bytes()
    rng = np.random.default_rng(0)
    messages = []
    for _ in range(60):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data), 4):
            damaged[at] = rng.integers(0, 256)
        file.write_bytes(damaged)
        try:
            inline_subgraphs(read_graph(file))
        except UserError as error:
            messages.append(str(error))
    assert messages
    assert not any("\n" in message for message in messages)


def test_a_heap_without_end(file):
    """Zero length of the last text of a heap, which makes libhdf5 read it for ever."""
    data = bytearray(write(file, chain(lif())).read_bytes())
    heap = data.find(b"GCOL")
    data[heap + 24 : heap + 32] = (16).to_bytes(8, "little")
    data[heap + 48 : heap + 64] = bytes(16)
    file.write_bytes(data)
    assert refused(file) == "FILE: truncated or damaged HDF5 file (a heap of texts has no end)"


def test_other_hdf5_file(file):
    with h5py.File(file, "w") as data:
        data["x"] = 1
    assert refused(file) == "FILE: the file: has no 'node'"


def test_root_is_a_single_node(file):
    assert refused(file, lif()) == "FILE: the root node: is 'LIF'; expected a NIRGraph"


def test_unknown_node_type(file):
    model = chain({"type": "Alpha", "tau": 1.0})
    assert refused(file, model) == (
        "FILE: node 'n0': unknown node type 'Alpha'; known: Input, Output, Affine, Linear, Scale, Flatten, "
        "Threshold, I, IF, LI, LIF, CubaLI, CubaLIF, Conv1d, Conv2d, SumPool2d, AvgPool2d, Delay, NIRGraph"
    )


def test_dangling_edge(file):
    model = chain(lif())
    model["edges"].append(("n0", "n7"))
    assert refused(file, model) == (
        "FILE: edge 'n0' -> 'n7' names 'n7', which is not there; nodes here: 'input', 'n0', 'output'"
    )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"tau": np.array([1e-3, np.inf])},
            "tau holds inf; accepted: finite numbers (without decay a node is I or IF)",
        ),
        ({"tau": np.array([1e-3, -1e-3])}, "tau holds -0.001; accepted: numbers above 0"),
        ({"tau": np.array([1e-3, 0.0])}, "tau holds 0; accepted: numbers above 0"),
        ({"r": np.array([1.0, np.nan])}, "r holds nan; accepted: finite numbers"),
        ({"v_threshold": np.array([1.0, -np.inf])}, "v_threshold holds -inf; accepted: finite numbers"),
        ({"tau": "fast"}, "tau is the text 'fast'; accepted: numbers"),
        ({"r": np.array([1j, 2j])}, "r holds complex128; accepted: numbers"),
        ({"r": np.array([b"1", b"2"])}, "r holds |S1; accepted: numbers"),
    ],
)
def test_impossible_parameters(file, params, message):
    assert refused(file, chain({**lif(), **params})) == f"FILE: node 'n0' (LIF): {message}"


def test_nan_weight(file):
    weight = np.eye(2)
    weight[1, 0] = np.nan
    message = "FILE: node 'n0' (Linear): weight holds nan; accepted: finite numbers"
    assert refused(file, chain(affine(weight), lif())) == message


def test_nested_nodes_are_named_by_their_path(file):
    message = "FILE: node 'rnn.lif' (LIF): tau holds nan; accepted: finite numbers"
    inner = chain(lif(tau=np.nan), names=["lif"])
    assert refused(file, chain(inner, names=["rnn"])) == message


def test_many_nodes(file, monkeypatch):
    monkeypatch.setattr("spikeloom.gen.nir_file._MAX_NODES", 5)
    message = "FILE: the graph: 6 entries; accepted: up to 5"
    assert refused(file, chain(*[affine(np.eye(2))] * 4)) == message


def test_missing_parameter(file):
    node = {name: value for name, value in lif().items() if name != "v_leak"}
    message = "FILE: node 'n0' (LIF): has no v_leak; it needs tau, r, v_leak, v_threshold"
    assert refused(file, chain(node)) == message


def test_fraction_where_whole_numbers_are_due(file):
    message = "FILE: node 'input' (Input): shape holds a fraction; accepted: whole numbers"
    model = chain(lif())
    model["nodes"]["input"]["shape"] = np.array([2.5])
    assert refused(file, model) == message


def test_gigabytes_are_not_read(file):
    """A compressed dataset of a few kilobytes whose values would fill the memory."""
    write(file, chain(lif()))
    with h5py.File(file, "a") as data:
        del data["node/nodes/n0/tau"]
        data.create_dataset("node/nodes/n0/tau", shape=(1 << 16, 1 << 16), dtype="f8", compression="gzip")
    assert refused(file) == (
        f"FILE: node 'n0' (LIF): tau of 65536x65536 values; accepted: up to {MAX_VALUES} values in a file"
    )


def test_many_large_datasets_are_not_read(file, monkeypatch):
    monkeypatch.setattr("spikeloom.gen.nir_file.MAX_VALUES", 20)
    model = chain(affine(np.eye(3)), affine(np.eye(3)), affine(np.eye(3)), inputs=(3,), outputs=(3,))
    message = "FILE: node 'n2' (Linear): weight of 3x3 values; accepted: up to 20 values in a file"
    assert refused(file, model) == message


def test_huge_chunks_are_not_read(file):
    write(file, chain(lif()))
    with h5py.File(file, "a") as data:
        del data["node/nodes/n0/tau"]
        data.create_dataset("node/nodes/n0/tau", shape=(2,), maxshape=(None,), chunks=(1 << 28,), dtype="f8")
    assert refused(file) == (
        "FILE: node 'n0' (LIF): a chunk of tau of 268435456 values; "
        f"accepted: up to {MAX_VALUES} values in a file"
    )


@pytest.mark.parametrize(
    ("link", "kind"),
    [(h5py.SoftLink("/version"), "a soft link"), (h5py.ExternalLink("/etc/passwd", "x"), "an external link")],
)
@pytest.mark.parametrize("key", ["type", "tau"])
def test_links_are_refused(file, link, kind, key):
    where = "node 'n0'" if key == "type" else "node 'n0' (LIF)"
    message = f"FILE: {where}: '{key}' is {kind}; accepted: data in place"
    assert refused(file, chain({**lif(), key: link})) == message


def test_data_in_other_files_is_refused(file, tmp_path):
    write(file, chain(lif()))
    other = tmp_path / "other.bin"
    other.write_bytes(bytes(64))
    with h5py.File(file, "a") as data:
        del data["node/nodes/n0/tau"]
        data.create_dataset("node/nodes/n0/tau", shape=(2,), dtype="f8", external=[(str(other), 0, 16)])
    assert refused(file) == (
        "FILE: node 'n0' (LIF): 'tau' keeps its data in another file; accepted: data in place"
    )


def test_a_graph_that_contains_itself(file):
    write(file, chain(lif()))
    with h5py.File(file, "a") as data:
        data["node/nodes/again"] = data["node"]
    message = refused(file)
    assert message.endswith("more than 8 levels of nested graphs")


def test_empty_dataset(file):
    write(file, chain(lif()))
    with h5py.File(file, "a") as data:
        del data["node/nodes/n0/tau"]
        data["node/nodes/n0/tau"] = h5py.Empty("f8")
    assert refused(file) == "FILE: node 'n0' (LIF): 'tau' is empty"


def test_group_where_a_dataset_is_due(file):
    write(file, chain(lif()))
    with h5py.File(file, "a") as data:
        del data["node/nodes/n0/tau"], data["node/nodes/output"]
        data.create_group("node/nodes/n0/tau")
        data["node/nodes/output"] = 1
    assert refused(file) == "FILE: node 'n0' (LIF): 'tau' is not a dataset"


def test_edges_of_a_wrong_shape(file):
    write(file, chain(lif()))
    with h5py.File(file, "a") as data:
        del data["node/edges"]
        data["node/edges"] = np.ones((3, 2))
    assert refused(file) == "FILE: the graph: edges hold float64; expected pairs of names"
    with h5py.File(file, "a") as data:
        del data["node/edges"]
        data.create_dataset("node/edges", data=[["a", "b", "c"]], dtype=h5py.string_dtype())
    assert refused(file) == "FILE: the graph: edges have shape (1, 3); expected up to 65536 pairs of names"


def test_names_cannot_break_the_line(file):
    model = chain({"type": "Alpha"}, names=["evil\nname\x1b[31m"])
    message = refused(file, model)
    assert message.startswith("FILE: node 'evil\\nname\\x1b[31m': unknown node type")


def test_long_names(file):
    message = "FILE: the graph: a name of 201 characters; accepted: up to 200"
    assert refused(file, chain(lif(), names=["x" * 201])) == message


@pytest.mark.parametrize(("kind", "count"), [("Input", 0), ("Output", 2)])
def test_nested_graph_without_one_port(file, kind, count):
    inner = chain(lif())
    if count:
        inner["nodes"]["more"] = port(kind, 2)
        inner["edges"].append(("n0", "more"))
    else:
        del inner["nodes"]["input"]
        inner["edges"].remove(("input", "n0"))
    message = f"FILE: node 'n0' (NIRGraph): has {count} {kind} nodes; a nested graph needs exactly one"
    assert refused(file, chain(inner)) == message


def test_same_name_after_inlining(file):
    model = chain(chain(lif(), names=["b"]), lif(), names=["a", "a.b"])
    assert refused(file, model) == (
        "FILE: node 'a.b' (LIF): a node of a nested graph gets the same name; rename one of the two"
    )
