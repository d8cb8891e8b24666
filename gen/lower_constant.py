"""Constants that set in late: a bias behind a Delay node, a recurrent bias that is silent in the first step.

The bias of a population holds in every step. One that starts later becomes the weight of a neuron that fires
in every step, behind a delay: exact, in the hardware's own terms.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .graph import quoted
from .linear_map import LinearMap
from .lower_build import Blueprint, Edges, is_recurrent
from .lower_linear import Signal, Term
from .lower_neuron import stateless
from .semantics import Semantics

__all__ = ["with_late_constants"]

_KIND = "Constant"


def with_late_constants(
    blueprints: dict[str, Blueprint],
    semantics: Semantics,
    back: Edges,
    first_input: tuple[str, int],
    lines: list[str],
) -> dict[str, Blueprint]:
    """Return the blueprints with late constants as synapses of one more population, if there are any.

    Parameters
    ----------
    first_input : (str, int)
        Name and size of an input, whose events drive that population in vain: every population has a source.
    """
    source = _free_name(blueprints)
    changed = {
        name: _rewritten(blueprint, semantics, back, source, lines) for name, blueprint in blueprints.items()
    }
    if all(changed[name] is blueprints[name] for name in blueprints):
        return blueprints
    return {source: _constant(source, *first_input), **changed}


def _free_name(taken: dict[str, Blueprint]) -> str:
    name = "constant"
    while name in taken:
        name += "_"
    return name


def _constant(name: str, input_name: str, input_size: int) -> Blueprint:
    dynamics = replace(stateless(1, threshold=np.full(1, 0.5)), bias=np.ones(1))
    silent = Term(source=input_name, map=LinearMap(inputs=input_size, matrix=np.zeros((1, input_size))))
    signal = Signal(size=1, terms=(silent,))
    return Blueprint(
        name=name, kind=_KIND, shape=(1,), nodes=(), parts=[signal], signal=signal, dynamics=dynamics
    )


def _rewritten(
    blueprint: Blueprint, semantics: Semantics, back: Edges, source: str, lines: list[str]
) -> Blueprint:
    late: dict[int, np.ndarray] = {}
    for part in blueprint.parts:
        silent = not semantics.recurrent_bias_at_t0 and is_recurrent(part, blueprint.name, back)
        for start, values in part.constants.items():
            if values.any() and start + silent:
                late[start + silent] = late.get(start + silent, 0.0) + values
    if not late:
        return blueprint
    first = " and ".join(str(start) for start in sorted(late))
    lines.append(
        f"population {quoted(blueprint.name)}: a bias sets in at step {first}, so it comes from"
        f" {quoted(source)}, a neuron that fires in every step"
    )
    terms = tuple(
        Term(
            source=source,
            map=LinearMap(inputs=1, matrix=values[:, np.newaxis]),
            early=np.full(1, start, dtype=np.int64),
        )
        for start, values in sorted(late.items())
    )
    signal = blueprint.signal
    always = signal.bias - sum(
        part.bias
        for part in blueprint.parts
        if not semantics.recurrent_bias_at_t0 and is_recurrent(part, blueprint.name, back)
    )
    return replace(blueprint, signal=replace(signal, constants={0: always}, terms=signal.terms + terms))
