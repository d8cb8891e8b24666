"""What a spike leaves behind: events filtered by the decays of a neuron's states.

Between resets the membrane is linear in the weights, ``v[t] = sum of w[j] * trace[t, j]``, with the trace
of source j its events filtered by the synaptic and the membrane decay. So the traces say how an error
in a weight shows in the membrane, and which errors cancel.
"""

from __future__ import annotations

import numpy as np

__all__ = ["decay_filter", "traces"]


def decay_filter(x: np.ndarray, decay: float) -> np.ndarray:
    """``y[t] = decay * y[t - 1] + x[t]`` along axis 1, float32; (samples, steps, ...)."""
    y = np.empty(x.shape, np.float32)
    state = np.zeros(x.shape[:1] + x.shape[2:], np.float32)
    for step in range(x.shape[1]):
        state *= np.float32(decay)
        state += x[:, step]
        y[:, step] = state
    return y


def traces(events: np.ndarray, alpha: float | None, beta: float | None) -> np.ndarray:
    """Membrane traces of each source, (samples, steps, sources), float32.

    Parameters
    ----------
    events : ndarray
        (samples, steps, sources)
    alpha, beta : float or None
        Decays of the synaptic current and of the membrane; None: there is no such state.
    """
    trace = events.astype(np.float32)
    for decay in (alpha, beta):
        if decay is not None:
            trace = decay_filter(trace, decay)
    return trace
