"""Counters of what an accelerator does, and of what goes through its streams."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal

__all__ = ["COUNTER_BITS", "count", "own_counters", "stream_steps"]

COUNTER_BITS = 32


def stream_steps(events: Any, out: Any) -> dict[str, Any]:
    """What of `register_map.ACCELERATOR_COUNTERS` is counted at the streams: words, and ticks among them."""
    taken, given = events.valid & events.ready, out.valid & out.ready
    return {
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


def own_counters(m: Module, accelerator: Any) -> dict[str, Any]:
    """The others: its clock cycles, and saturated states, 0 where it does not tell them.

    One with a clock of its own has counted them itself.
    """
    members = accelerator.signature.members
    if "cycles" in members:
        return {"cycles": accelerator.cycles, "saturations": accelerator.saturations}
    saturations = count(m, "saturations", accelerator.saturations) if "saturations" in members else 0
    return {"cycles": count(m, "cycles", 1), "saturations": saturations}
