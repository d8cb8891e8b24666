"""Write trained networks as NIR, the way snnTorch exports them.

A factor beta of one step becomes ``tau = dt / (1 - beta)`` and ``r = tau / dt``: inputs enter with weight 1.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import nir
import numpy as np

__all__ = ["DT_S", "cuba_lif_node", "li_node", "lif_node", "write_chain", "write_graph"]

DT_S = 1e-4  # seconds a step in the files, snnTorch's default


def _leak(factor: float, shape: tuple[int, ...], dt: float) -> tuple[np.ndarray, np.ndarray]:
    """Time constant and gain of a leak that keeps `factor` in one step."""
    tau = np.full(shape, dt / (1 - factor), np.float32)
    return tau, tau / np.float32(dt)


def _threshold(shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    zero = np.zeros(shape, np.float32)
    return {"v_leak": zero, "v_threshold": np.ones(shape, np.float32), "v_reset": zero}


def lif_node(beta: float, shape: tuple[int, ...], *, dt: float = DT_S) -> nir.LIF:
    """Return the node of `surrogate.Lif` neurons of `shape`."""
    tau, r = _leak(beta, shape, dt)
    return nir.LIF(tau=tau, r=r, **_threshold(shape))


def li_node(beta: float, shape: tuple[int, ...], *, dt: float = DT_S) -> nir.LI:
    """Return the node of `surrogate.Li` integrators of `shape`."""
    tau, r = _leak(beta, shape, dt)
    return nir.LI(tau=tau, r=r, v_leak=np.zeros(shape, np.float32))


def cuba_lif_node(alpha: float, beta: float, shape: tuple[int, ...], *, dt: float = DT_S) -> nir.CubaLIF:
    """Return the node of the neurons of `surrogate.RecurrentCubaLif`, without their synapses."""
    tau_syn, w_in = _leak(alpha, shape, dt)
    tau_mem, r = _leak(beta, shape, dt)
    return nir.CubaLIF(tau_syn=tau_syn, w_in=w_in, tau_mem=tau_mem, r=r, **_threshold(shape))


def write_graph(
    path: Path, input_shape: tuple[int, ...], nodes: dict[str, nir.NIRNode], edges: list[tuple[str, str]]
) -> None:
    """Write `nodes` with an input node and, of the shape of the last of `nodes`, an output node."""
    last = list(nodes.values())[-1].output_type["output"]
    graph = {"input": nir.Input(np.array(input_shape)), **nodes, "output": nir.Output(np.array(last))}
    nir.write(path, nir.NIRGraph(graph, edges))


def write_chain(path: Path, input_shape: tuple[int, ...], nodes: dict[str, nir.NIRNode]) -> None:
    """Write `nodes`, one after the other, between an input and an output node."""
    write_graph(path, input_shape, nodes, list(pairwise(["input", *nodes, "output"])))
