"""Terms of one source become projections: kernels or matrices, with a delay a source or a delay a synapse.

Parallel branches of a Delay and a Linear node each, as learned delays (DCLS) arrive in NIR, become one matrix
with a delay beside each weight, as long as no synapse needs two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from ..hw.conv_params import ConvParams
from .linear_map import Claim, LinearMap
from .lower_linear import Term

__all__ = ["Synapses", "channel_count", "join_terms"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Synapses:
    """Weights, geometry and delays as in `gen.ir.Projection`; `branches` says how many terms it came from."""

    weight: np.ndarray
    conv: ConvParams | None = None
    delay_steps: np.ndarray | None = None
    nodes: tuple[str, ...] = ()
    branches: int = 1


def channel_count(terms: Iterable[Term]) -> int | None:
    """Filters of the first convolution among the terms: how the target's neurons are laid out."""
    return next((term.map.conv.filters for term in terms if term.map.conv is not None), None)


def join_terms(
    terms: Iterable[Term], gain: np.ndarray, channels: tuple[int | None, int | None], claim: Claim
) -> list[Synapses]:
    """Join the terms of one source into as few projections as are exact.

    Parameters
    ----------
    gain : ndarray
        (targets,), multiplies each row.
    channels : pair of int or None
        Channels of source and target as maps, where a convolution settles them: neurons are laid out by
        them in hardware, so that convolutions with others become matrices.
    claim : Claim
        Asked before a matrix is made.
    """
    kernels: list[Synapses] = []
    matrices: list[Synapses] = []
    for term in terms:
        scaled = replace(term, map=term.map.then_scale(gain, claim))
        for part in scaled.by_delay(claim) if scaled.map.conv is not None else (scaled,):
            if _is_kernel(part.map, channels):
                kernels.append(_kernel(part))
            else:
                claim(part.map.outputs, part.map.inputs)
                matrices.append(_matrix(part))
    return kernels + [_tidy(one) for one in _folded(matrices)]


def _is_kernel(linear: LinearMap, channels: tuple[int | None, int | None]) -> bool:
    if linear.conv is None:
        return False
    wanted = (linear.conv.channels, linear.conv.filters)
    return all(known in (None, own) for known, own in zip(channels, wanted, strict=True))


def _kernel(term: Term) -> Synapses:
    assert term.map.kernel is not None
    return Synapses(weight=term.map.kernel, conv=term.map.conv, delay_steps=term.early, nodes=term.nodes)


def _matrix(term: Term) -> Synapses:
    delays = term.early
    if term.late is not None:
        early = 0 if term.early is None else term.early
        delays = np.zeros((term.map.outputs, term.map.inputs), np.int64) + early
        delays += term.late[:, np.newaxis]
    return Synapses(weight=term.map.dense(), delay_steps=delays, nodes=term.nodes)


def _folded(parts: list[Synapses]) -> list[Synapses]:
    """Sum matrices whose synapses have one delay each; first come, first served."""
    result: list[Synapses] = []
    for part in parts:
        for place, other in enumerate(result):
            joined = _joined(other, part)
            if joined is not None:
                result[place] = joined
                break
        else:
            result.append(part)
    return result


def _joined(first: Synapses, second: Synapses) -> Synapses | None:
    delays = None
    if first.delay_steps is not None or second.delay_steps is not None:
        early, late = (_delays(part) for part in (first, second))
        taken = second.weight != 0
        if (taken & (first.weight != 0) & (early != late)).any():
            return None
        delays = np.where(taken, late, early)
    return Synapses(
        weight=first.weight + second.weight,
        delay_steps=delays,
        nodes=tuple(dict.fromkeys(first.nodes + second.nodes)),
        branches=first.branches + second.branches,
    )


def _delays(part: Synapses) -> np.ndarray:
    steps = np.zeros(1, np.int64) if part.delay_steps is None else part.delay_steps
    return np.broadcast_to(steps, part.weight.shape)


def _tidy(part: Synapses) -> Synapses:
    """Delays in their shortest form: none, a source, or a synapse (0 where there is no weight)."""
    if part.delay_steps is None:
        return part
    delays = np.where(part.weight != 0, _delays(part), 0)
    a_source = delays.max(axis=0)
    if ((delays == a_source) | (part.weight == 0)).all():
        delays = a_source
    return replace(part, delay_steps=delays if delays.any() else None)
