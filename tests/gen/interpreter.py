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
        self.v, self.i, self.last, self.past = {}, {}, {}, {}

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

    def do_Conv2d(self, name, x):
        """Correlation as in PyTorch, one product after the other."""
        node = self.nodes[name]
        weight, groups = node["weight"].astype(float), int(node["groups"])
        stride, dilation = (np.broadcast_to(node[key], 2) for key in ("stride", "dilation"))
        reach = dilation * (np.array(weight.shape[2:]) - 1)
        x = self.padded(x, node["padding"], reach)
        rows, columns = (np.array(x.shape[1:]) - reach - 1) // stride + 1
        result = np.zeros((weight.shape[0], rows, columns)) + node["bias"].reshape(-1, 1, 1)
        for out in np.ndindex(result.shape):
            group = out[0] // (weight.shape[0] // groups)
            for channel, row, column in np.ndindex(weight.shape[1:]):
                at = out[1] * stride[0] + row * dilation[0], out[2] * stride[1] + column * dilation[1]
                seen = x[(group * weight.shape[1] + channel, *at)]
                result[out] += weight[out[0], channel, row, column] * seen
        return result

    def padded(self, x, padding, reach):
        if isinstance(padding, str):
            both = [(n // 2, n - n // 2) if padding == "same" else (0, 0) for n in reach]
        else:
            both = [(n, n) for n in np.broadcast_to(padding, 2)]
        return np.pad(x, [(0, 0), *both])

    def do_Conv1d(self, name, x):
        node, flat = self.nodes[name], {"stride": 1, "dilation": 1, "padding": 0}
        as_2d = {key: [n, *node[key]] for key, n in flat.items() if not isinstance(node[key], str)}
        weight = node["weight"][:, :, np.newaxis]
        self.nodes = {**self.nodes, "as 2d": {**node, **as_2d, "weight": weight}}
        return self.do_Conv2d("as 2d", x[:, np.newaxis])[:, 0]

    def do_SumPool2d(self, name, x):
        node = self.nodes[name]
        size, stride = (np.broadcast_to(node[key], 2) for key in ("kernel_size", "stride"))
        x = self.padded(x, node["padding"], (0, 0))
        rows, columns = (np.array(x.shape[1:]) - size) // stride + 1
        result = np.zeros((x.shape[0], rows, columns))
        for channel, row, column in np.ndindex(result.shape):
            window = x[channel, row * stride[0] :, column * stride[1] :][: size[0], : size[1]]
            result[channel, row, column] = window.sum()
        return result

    def do_AvgPool2d(self, name, x):
        return self.do_SumPool2d(name, x) / np.prod(np.broadcast_to(self.nodes[name]["kernel_size"], 2))

    def do_Delay(self, name, x):
        delay = self.nodes[name]["delay"]
        past = self.past.setdefault(name, [])
        past.append(np.broadcast_to(x, np.broadcast_shapes(np.shape(x), np.shape(delay))))
        steps = np.broadcast_to(np.rint(delay / self.rules["dt"]).astype(int), past[-1].shape)
        result = np.zeros(steps.shape)
        for at in np.ndindex(result.shape):
            if steps[at] < len(past):
                result[at] = past[-1 - steps[at]][at]
        return result

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
