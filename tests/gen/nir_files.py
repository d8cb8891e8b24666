"""Write `.nir` files of any content, legal or not, and find the published ones."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"published files are not at {SHARED}")


def published(name: str) -> Path:
    return SHARED / "nir" / f"{name}.nir"


def lif(n=2, **params):
    """LIF as snnTorch writes it: r = tau / dt with dt = 1e-4, decay 0.9."""
    values = {"tau": 1e-3, "r": 10.0, "v_leak": 0.0, "v_threshold": 1.0, **params}
    return {"type": "LIF", **{name: np.broadcast_to(value, (n,)) for name, value in values.items()}}


def cuba(n=2, **params):
    values = {
        "tau_mem": 1e-3,
        "tau_syn": 2e-4,
        "r": 10.0,
        "w_in": 2.0,
        "v_leak": 0.0,
        "v_threshold": 1.0,
        **params,
    }
    return {"type": "CubaLIF", **{name: np.broadcast_to(value, (n,)) for name, value in values.items()}}


def affine(weight, bias=None):
    weight = np.asarray(weight, dtype=np.float32)
    if bias is None:
        return {"type": "Linear", "weight": weight}
    return {"type": "Affine", "weight": weight, "bias": np.asarray(bias, dtype=np.float32)}


def conv(weight, bias=None, *, groups=1, **pairs):
    """Conv1d or Conv2d, by the dimensions of the weight (filters, channels a group, ...)."""
    weight = np.asarray(weight, dtype=np.float32)
    rank = weight.ndim - 2
    pairs = {"stride": 1, "padding": 0, "dilation": 1, **pairs}
    return {
        "type": f"Conv{rank}d",
        "weight": weight,
        "bias": np.zeros(len(weight)) if bias is None else np.asarray(bias, dtype=np.float32),
        "groups": np.asarray(groups),
        **{key: v if isinstance(v, str) else np.broadcast_to(v, rank) for key, v in pairs.items()},
    }


def pool(kind, size, stride=None, padding=0):
    """Sum or Avg pool; stride defaults to the window."""
    values = {"kernel_size": size, "stride": size if stride is None else stride, "padding": padding}
    return {"type": f"{kind}Pool2d", **{key: np.broadcast_to(value, 2) for key, value in values.items()}}


def delay(seconds):
    return {"type": "Delay", "delay": np.asarray(seconds, dtype=np.float64)}


def port(kind, *shape):
    return {"type": kind, "shape": np.asarray(shape, dtype=np.int64)}


def graph_of(nodes, edges):
    return {"type": "NIRGraph", "nodes": nodes, "edges": edges}


def chain(*middle, inputs=(2,), outputs=(2,), names=None):
    """Input, the nodes in a row, Output; `names` default to n0, n1, ..."""
    names = names or [f"n{k}" for k in range(len(middle))]
    nodes = {"input": port("Input", *inputs), **dict(zip(names, middle, strict=True))}
    nodes["output"] = port("Output", *outputs)
    return graph_of(nodes, list(zip(list(nodes), list(nodes)[1:], strict=False)))


def write(path, graph):
    """Write a graph given as nested dicts; returns `path`."""
    with h5py.File(path, "w") as file:
        file.create_dataset("version", data="1.0.8", dtype=h5py.string_dtype())
        _write_node(file.create_group("node"), graph)
    return path


def _write_node(group, node):
    for key, value in node.items():
        if key == "nodes":
            for name, inner in value.items():
                _write_node(group.create_group(f"nodes/{name}"), inner)
        elif key == "edges":
            data = np.asarray(value, dtype=object).reshape(-1, 2)
            group.create_dataset("edges", data=data, dtype=h5py.string_dtype())
        elif isinstance(value, str):
            group.create_dataset(key, data=value, dtype=h5py.string_dtype())
        elif isinstance(value, h5py.SoftLink | h5py.ExternalLink):
            group[key] = value
        else:
            group.create_dataset(key, data=value)
    group.require_group("nodes") if node["type"] == "NIRGraph" else None
