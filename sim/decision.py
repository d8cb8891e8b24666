"""The class that a run decided for, and how often it was right."""

from __future__ import annotations

import numpy as np

from ..gen.errors import UserError
from ..gen.ir import Network, Population, QuantisedNetwork, QuantisedPopulation
from ..hw.params import ReadoutKind
from .golden.run import Run

__all__ = ["RULES", "accuracy", "decide", "decide_output"]

RULES = {True: ("count",), False: ("sum", "last", "max")}  # by whether the output spikes; defaults first


def decide(network: Network | QuantisedNetwork, run: Run, *, rule: str | None = None) -> np.ndarray:
    """Class of each sample: the neuron of the first output population with the largest score.

    Parameters
    ----------
    network : Network or QuantisedNetwork
        The network that `run` is a run of.
    run : Run
    rule : str or None
        Score of a neuron. Spiking output: "count", its spikes. Analog output: its real membrane
        "sum" over all steps, at the "last" step, or its "max" over the steps. None: "count", "sum".

    Returns
    -------
    ndarray
        (samples,), int64; of equal scores the lowest index wins.

    Raises
    ------
    UserError
        The rule does not fit the output population; the run has no steps.
    """
    population = next(p for p in network.populations if p.name == run.outputs[0])
    rules = RULES[population.spiking]
    rule = rules[0] if rule is None else rule
    if rule not in rules:
        kind = "spiking" if population.spiking else "analog"
        raise UserError(
            f"Output {population.name} is {kind}: its decision rule must be {' or '.join(rules)}, not {rule}"
        )
    if not run.output.shape[1]:
        raise UserError(f"Output {population.name} has no steps to decide from")
    values = run.output if population.spiking else _real(population, run.output)
    if rule in ("count", "sum"):
        total = np.float64 if values.dtype.kind == "f" else np.int64
        return values.sum(axis=1, dtype=total).argmax(axis=1)
    return (values[:, -1] if rule == "last" else values.max(axis=1)).argmax(axis=1)


def decide_output(
    network: QuantisedNetwork, readout: ReadoutKind, output: np.ndarray, *, rule: str | None = None
) -> np.ndarray:
    """Class of each sample from what an accelerator sent (`EngineRun.output`), as `decide`."""
    if readout is ReadoutKind.CLASS:
        return output
    if readout is ReadoutKind.COUNTS:
        return output.argmax(1)
    first = next(p for p in network.populations if p.name == network.outputs[0])
    only = {first.name: output[..., : first.size]}
    spiking = readout is ReadoutKind.SPIKES
    seen = Run(
        outputs=network.outputs,
        spikes=only if spiking else {},
        membranes={} if spiking else only,
        currents={},
        saturations={},
    )
    return decide(network, seen, rule=rule)


def accuracy(classes: np.ndarray, labels: np.ndarray | None) -> float:
    """Fraction of samples, 0 .. 1, whose class is its label.

    Raises
    ------
    UserError
        There are no labels, or their number differs.
    """
    if labels is None:
        raise UserError("Accuracy needs labels: the data has no array y")
    if len(labels) != len(classes) or not len(classes):
        raise UserError(f"Accuracy needs one label for each of {len(classes)} samples, not {len(labels)}")
    return float(np.mean(classes == labels))


def _real(population: Population | QuantisedPopulation, v: np.ndarray) -> np.ndarray:
    """Real membranes, or integer ones where that changes no comparison between neurons."""
    offset = population.offset if population.offset.size else np.zeros(1)
    if isinstance(population, Population):
        return v + offset
    shared = np.all(population.scale == population.scale.flat[0]) and np.all(offset == offset.flat[0])
    if shared:
        return v  # exact, and what a readout in the fabric compares
    return v * (population.scale / (1 << population.neuron.frac_bits)) + offset
