"""How an `Activity` is shown: a sample's share of it."""

from __future__ import annotations

from rich.console import Group
from rich.text import Text

from .activity import Activity
from .tables import facts_table, rows_table

__all__ = ["activity_screen"]


def activity_screen(result: Activity, title: str) -> Group:
    """Means over samples."""

    def mean(total: float) -> str:
        return f"{total / result.samples:,.0f}"

    facts = {
        "samples": f"{result.samples} of {result.steps} steps",
        "cycles a sample": mean(result.cycles),
        "input events a sample": mean(result.input_events),
        "additions a sample": f"{mean(result.additions)} (dense: {mean(result.dense_operations)})",
        "neuron updates a sample": mean(result.updates),
        "memory bits a sample": mean(result.memory_bits),
        "changed bits a sample": mean(result.toggled_bits),
        "changed bits a cycle": f"{result.toggled_bits / result.cycles:,.0f}",
        "proxy of energy": f"{result.proxy_pj / result.dense_proxy_pj:.1%} of the dense network's",
        "mismatches with golden": result.mismatches,
    }
    columns = ("core", "events", "rows read", "weights", "accumulators", "states", "parameters")
    traffic = rows_table(
        "Memories: bits read and written a sample",
        columns,
        (
            (core.core, *map(mean, (core.events, core.rows, core.weights, core.accumulators)),
             *map(mean, (core.states, core.parameters)))
            for core in result.traffic
        ),
    )  # fmt: skip
    blocks = sorted(result.toggles.items(), key=lambda block: -block[1])
    rows = ((name, mean(bits)) for name, bits in blocks)
    toggles = rows_table("Bits that change a sample, by block", ("block", "bits"), rows)
    note = Text("the proxy counts additions and memory bits only; it is no power (docs/activity.md)")
    return Group(facts_table(title, facts), traffic, toggles, note)
