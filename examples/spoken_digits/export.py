"""Write a trained network of `networks` as NIR, with the step of 10 ms that its frames have.

A recurrent layer becomes CubaLIF and Linear nodes in a cycle, as snnTorch exports it. NIR has no delay of a
single synapse, so learned delays become one branch of a Delay and a Linear node for each distinct delay; the
branches sum in the neurons.
"""

from __future__ import annotations

from pathlib import Path

import nir
import numpy as np
from networks import ALPHA, BETA, BETA_READOUT, DelayedDense, Normalised
from nir_nodes import cuba_lif_node, li_node, lif_node, write_graph
from surrogate import RecurrentCubaLif
from torch import nn

__all__ = ["FRAME_S", "save"]

FRAME_S = 0.01  # seconds a step


class _Graph:
    """Nodes and edges, in the order of the layers."""

    def __init__(self):
        self.nodes: dict[str, nir.NIRNode] = {}
        self.edges: list[tuple[str, str]] = []

    def add(self, name: str, node: nir.NIRNode, *sources: str) -> str:
        self.nodes[name] = node
        self.edges += [(source, name) for source in sources]
        return name

    def synapses(self, name: str, layer: Normalised, source: str) -> list[str]:
        """Add the weights of `layer`, by delay; return the nodes whose outputs sum."""
        weight, bias = (part.numpy() for part in layer.folded())
        if not isinstance(layer.synapses, DelayedDense):
            return [self.add(name, nir.Affine(weight, bias), source)]
        delays = layer.synapses.delays().numpy()
        ends = []
        for steps in np.unique(delays):
            late = source
            if steps:
                line = np.full(weight.shape[1], steps * FRAME_S, np.float32)
                late = self.add(f"{name}_delay{steps}", nir.Delay(line), source)
            branch = np.where(delays == steps, weight, np.float32(0))
            node = nir.Linear(branch) if ends else nir.Affine(branch, bias)
            ends.append(self.add(f"{name}_weights{steps}", node, late))
        return ends

    def neurons(self, name: str, layer: nn.Module, size: int, sources: list[str]) -> str:
        if not isinstance(layer, RecurrentCubaLif):
            return self.add(name, lif_node(BETA, (size,), dt=FRAME_S), *sources)
        self.add(name, cuba_lif_node(ALPHA, BETA, (size,), dt=FRAME_S), *sources)
        loop = self.add(f"{name}_recurrent", nir.Linear(layer.weight.detach().numpy()), name)
        self.edges.append((loop, name))
        return name


def save(net: nn.Sequential, path: Path, bands: int) -> None:
    """Write `net`, in evaluation mode, to `path`."""
    graph, source = _Graph(), "input"
    hidden = [layer for layer in net if isinstance(layer, Normalised)]
    for number, layer in enumerate(hidden, start=1):
        ends = graph.synapses(f"fc{number}", layer, source)
        neurons = net[list(net).index(layer) + 1]
        source = graph.neurons(f"lif{number}", neurons, layer.norm.num_features, ends)
    weight, bias = (p.detach().numpy() for p in (net[-2].weight, net[-2].bias))
    last = graph.add("fc_out", nir.Affine(weight, bias), source)
    last = graph.add("readout", li_node(BETA_READOUT, bias.shape, dt=FRAME_S), last)
    graph.edges.append((last, "output"))
    write_graph(path, (bands,), graph.nodes, graph.edges)
