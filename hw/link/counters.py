"""Counters of what goes through the streams of an accelerator."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal

__all__ = ["COUNTER_BITS", "count", "stream_steps"]

COUNTER_BITS = 32


def stream_steps(events: Any, out: Any) -> dict[str, Any]:
    """What each of `register_map.ACCELERATOR_COUNTERS` counts: words and, by their bit, ticks among them."""
    taken, given = events.valid & events.ready, out.valid & out.ready
    return {
        "cycles": 1,
        "event_words": taken,
        "event_ticks": taken & events.payload[-2],
        "out_words": given,
        "out_ticks": given & out.payload[-2],
    }


def count(m: Module, name: str, step: Any) -> Signal:
    """Counter that wraps and that no command clears, so that whoever reads it takes differences."""
    counter = Signal(COUNTER_BITS, name=name)
    m.d.sync += counter.eq(counter + step)
    return counter
