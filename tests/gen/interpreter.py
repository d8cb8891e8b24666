"""Run a NIR graph node by node with the parameters of the file: nothing folded, nothing shifted.

Nothing here is shared with the importer; it is what the lowered networks are tested against. Cycles must lead
from a neuron to itself.
"""

from __future__ import annotations

import numpy as np


class Interpreter:
    """State of one sample. `rules` are the words of the semantics option, and dt."""

    def __init__(self, graph, rules):
        self.nodes, self.edges, self.rules = graph["nodes"], graph["edges"], rules
        self.v, self.i, self.last = {}, {}, {}

    def run(self, x):
        """Values of all Output nodes, a dict of (steps, size)."""
        outputs = {name: [] for name, node in self.nodes.items() if node["type"] == "Output"}
        for step in x:
            self.x, self.now, self.busy = step, {}, set()
            for name in outputs:
                outputs[name].append(self.value(name).reshape(-1))
            self.last = self.now
        return {name: np.asarray(rows) for name, rows in outputs.items()}

    def value(self, name):
        if name in self.now:
            return self.now[name]
        if name in self.busy:  # a cycle closes here
            return self.last.get(name, 0.0)
        self.busy.add(name)
        node = self.nodes[name]
        total = sum(self.value(a) for a, b in self.edges if b == name)
        value = (
            self.x.astype(float)
            if node["type"] == "Input"
            else getattr(self, f"do_{node['type']}")(name, total)
        )
        self.now[name] = value
        return value

    def do_Output(self, name, x):
        return x

    def do_Linear(self, name, x):
        return self.nodes[name]["weight"].astype(float) @ np.broadcast_to(
            x, self.nodes[name]["weight"].shape[1]
        )

    def do_Affine(self, name, x):
        return self.do_Linear(name, x) + self.nodes[name]["bias"]

    def do_Scale(self, name, x):
        return x * self.nodes[name]["scale"]

    def do_Flatten(self, name, x):
        return x.reshape(-1)

    def do_Threshold(self, name, x):
        return self.above(x, self.nodes[name]["threshold"])

    def above(self, v, threshold):
        return (v > threshold if self.rules["compare"] == "gt" else v >= threshold).astype(float)

    def decay(self, tau):
        ratio = self.rules["dt"] / tau
        return 1 - ratio if self.rules["decay"] == "euler" else np.exp(-ratio)

    def gain(self, kind, k, tau):
        ratio = self.rules["dt"] / tau
        factors = {
            "euler": k * ratio,
            "exact": k * (1 - np.exp(-ratio)),
            "parameter": k,
            "decay": np.exp(-ratio),
        }
        return factors.get(kind, 1.0)

    def integrate(self, name, x):
        """Membrane before this step, and after its input."""
        node, rules = self.nodes[name], self.rules
        starts = {"leak": node.get("v_leak", 0.0), "reset": node.get("v_reset", 0.0)}
        old = self.v.get(name, np.zeros(np.shape(node["r"])) + starts.get(rules["v_initial"], 0.0))
        if node["type"] in ("I", "IF"):
            return old, old + x * node["r"] * (rules["dt"] if rules["if_gain"] == "r_dt" else 1.0)
        if "tau_syn" in node:
            current = self.i.get(name, 0.0) * self.decay(node["tau_syn"])
            x = current + x * self.gain(rules["synapse_gain"], node.get("w_in", 1.0), node["tau_syn"])
            self.i[name] = x
        tau = node["tau" if "tau" in node else "tau_mem"]
        toward = node["v_leak"] + (old - node["v_leak"]) * self.decay(tau)
        return old, toward + x * self.gain(rules["membrane_gain"], node["r"], tau)

    def analog(self, name, x):
        _, self.v[name] = self.integrate(name, x)
        return self.v[name]

    do_I = do_LI = do_CubaLI = analog

    def spiking(self, name, x):
        node, rules = self.nodes[name], self.rules
        old, v = self.integrate(name, x)
        threshold, to = node["v_threshold"], 0.0 if "zero" in rules["reset"] else node.get("v_reset", 0.0)
        before = self.above(old, threshold)
        if rules["reset"] in ("late_zero", "late_value"):
            v = np.where(before > 0, to, v)
        if rules["reset"] in ("late_subtract", "two_stage_subtract"):
            v = v - before * threshold
        spikes = self.above(v, threshold)
        if rules["spikes"] == "graded":
            spikes = np.where(v > 0, np.trunc(v / threshold), 0)
        if rules["reset"] in ("zero", "value"):
            v = np.where(spikes > 0, to, v)
        if rules["reset"] == "subtract":
            v = v - spikes * threshold
        if rules["reset"] == "two_stage_subtract":
            v = v - (spikes - before) * threshold
        if rules["v_min"] == "-threshold" and node["type"] == "IF":
            v = np.maximum(v, -threshold)
        self.v[name] = v
        return before if rules["fire"] == "before" else spikes

    do_IF = do_LIF = do_CubaLIF = spiking
