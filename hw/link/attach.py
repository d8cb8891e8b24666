"""An accelerator on an endpoint: streams, reset, counters, and the load bus where there is one."""

from __future__ import annotations

from typing import Any

from amaranth import Module, ResetInserter, Value
from amaranth.lib import wiring

from .counters import own_counters

__all__ = ["attach"]


def attach(m: Module, accelerator: Any, endpoint: Any) -> None:
    """Make `accelerator` a submodule behind the streams `events` and `out` of `endpoint`.

    One without an input `reset` is given a reset of its clock domain.
    """
    if "reset" in accelerator.signature.members:
        m.submodules.accelerator = accelerator
        m.d.comb += accelerator.reset.eq(endpoint.reset)
    else:
        m.submodules.accelerator = ResetInserter(endpoint.reset)(accelerator)
    if "load" in accelerator.signature.members:
        wiring.connect(m, endpoint.load, accelerator.load)
    if "fetch" in accelerator.signature.members:
        m.d.comb += [accelerator.fetch.eq(endpoint.fetch), endpoint.finished.eq(accelerator.done)]
    for name, counter in own_counters(m, accelerator).items():
        m.d.comb += getattr(endpoint, name).eq(counter)
    m.d.comb += [
        Value.cast(accelerator.events.payload).eq(endpoint.events.payload),
        accelerator.events.valid.eq(endpoint.events.valid),
        endpoint.events.ready.eq(accelerator.events.ready),
        endpoint.out.payload.eq(Value.cast(accelerator.out.payload)),
        endpoint.out.valid.eq(accelerator.out.valid),
        accelerator.out.ready.eq(endpoint.out.ready),
    ]
