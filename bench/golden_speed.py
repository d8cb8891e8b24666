"""How long the golden model takes for a batch, beside snnTorch with the same network on the same processor.

784-128-10 of examples/mnist, 10 steps, a batch of 256 samples at the data's own 3.8 % activity and at 10 %,
with one thread each and with as many as there are cores. Needs torch and snntorch (`pip install torch
snntorch`) and, for the rows of several threads, cores that nothing else uses; best of several runs, since
other work on the machine only ever adds.

Run: python bench/golden_speed.py [--out DIR] [--repeat N]
Writes golden_speed.json and golden_speed.md to DIR (default bench/results); exit code 1 below the target,
which is held against the runs with all threads at the data's own activity.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from importlib import import_module
from itertools import product as product_of
from pathlib import Path
from typing import Any

import numpy as np
from report import RESULTS, save, table
from spikeloom import load_network, run_float, run_golden
from spikeloom.gen.quantise import quantise
from spikeloom.gen.quantise.options import QuantiseOptions
from spikeloom.sim import golden
from spikeloom.sim.golden.threads import most_threads
from threadpoolctl import threadpool_limits

__all__ = ["main"]

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "mnist"
BATCH, STEPS = 256, 10
TURN = 5  # the first of them finds the caches as the one before left them
ACTIVITIES = (300 / STEPS / 784, 0.1)  # spikes a channel and step: that of the data, and a high one
TARGET = 20.0
INTRODUCTION = f"""\
Target: {TARGET:.0f} times as fast as snnTorch. The golden model adds the weights of events only; snnTorch
multiplies all inputs of a step at once with BLAS. Each may use as many threads as the rows say; they take
turns of {TURN} runs, and the best run of each counts."""


def best_s(runs: dict[str, Callable[[], object]], repeat: int) -> dict[str, float]:
    """Seconds of the fastest run of each, in turns: what else the machine does, it does to all of them."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeat):
        for name, run in runs.items():
            for _ in range(TURN):
                started = time.perf_counter()
                run()
                times[name].append(time.perf_counter() - started)
    return {name: min(found) for name, found in times.items()}


def snntorch_run(network: Any, x: np.ndarray, threads: int) -> Callable[[], object]:
    """The same network as users write it: a loop over steps of Linear and Leaky, without gradients."""
    # neither is needed for anything else here
    snntorch, torch = import_module("snntorch"), import_module("torch")
    torch.set_num_threads(threads)
    layers = []
    for projection, population in zip(network.projections, network.populations, strict=True):
        linear = torch.nn.Linear(projection.sources, projection.targets)
        linear.weight.data = torch.from_numpy(projection.weight.astype(np.float32))
        bias = np.broadcast_to(population.bias, population.size).astype(np.float32)
        linear.bias.data = torch.from_numpy(bias)
        beta = float(np.ravel(population.beta)[0])
        layers.append((linear, snntorch.Leaky(beta=beta, threshold=1.0, reset_mechanism="zero")))
    data = torch.from_numpy(x.astype(np.float32)).transpose(0, 1).contiguous()

    def run() -> object:
        with torch.no_grad():
            membranes = [leaky.init_leaky() for _, leaky in layers]
            spikes = []
            for step in data:
                signal = step
                for k, (linear, leaky) in enumerate(layers):
                    signal, membranes[k] = leaky(linear(signal), membranes[k])
                spikes.append(signal)
            return torch.stack(spikes)

    return run


def product(network: Any, x: np.ndarray) -> Callable[[], object]:
    rows = x.reshape(-1, x.shape[2]).astype(np.float32)
    weight = network.projections[0].weight.T.astype(np.float32)
    return lambda: rows @ weight


def measure(
    network: Any, rng: np.random.Generator, activity: float, threads: int, repeat: int
) -> dict[str, float]:
    """Seconds a batch, at some spikes a channel and step and with so many threads each."""
    x = (rng.random((BATCH, STEPS, 784)) < activity).astype(np.uint8)
    qnet, _ = quantise(network, QuantiseOptions(), simulate=golden, calibration=x[:16])
    with threadpool_limits(threads):
        runs = {
            "golden": lambda: run_golden(qnet, x, threads=threads),
            "float reference": lambda: run_float(network, x),
            "matrix product of the first layer alone": product(network, x),
            "snnTorch": snntorch_run(network, x, threads),
        }
        return best_s(runs, repeat)


def main() -> int:
    parser = argparse.ArgumentParser(description="Golden model beside snnTorch")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--repeat", type=int, default=20)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    network = load_network(EXAMPLE / "mnist_784_128_10.nir")
    threads = sorted({1, most_threads()})
    cases = list(product_of(ACTIVITIES, threads))
    times = {case: measure(network, rng, *case, arguments.repeat) for case in cases}
    judged = times[ACTIVITIES[0], threads[-1]]
    good = judged["snnTorch"] >= TARGET * judged["golden"]
    lines = [
        (f"{100 * activity:.1f} %", count, name, f"{1000 * s:.2f}", f"{row['snnTorch'] / s:.2f}")
        for (activity, count), row in times.items()
        for name, s in row.items()
    ]
    head = ("activity", "threads", "what", "ms a batch", "times as fast as snnTorch")
    body = f"{INTRODUCTION}\n\n{table(head, lines)}"
    seconds = {f"{activity:.3f}, threads {count}": row for (activity, count), row in times.items()}
    found = {"seconds": seconds, "met": good}
    save("golden_speed", found, title="Golden model", body=body, out=arguments.out)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
