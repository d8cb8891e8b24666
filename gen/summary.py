"""`summary.md`: a build in words and tables, for people; written from the manifest alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..hw.load_bus import loaded_shapes
from ..hw.params import AcceleratorParams, CoreParams, WeightStore, bits_for_unsigned
from .plan import Plan

__all__ = ["summary_text"]

FILES = {
    "rtl/accelerator.v": "Verilog; its memories read the `.mem` files beside it with `$readmemh`",
    "rtl/accelerator.il": "the same design as Yosys RTLIL, memories filled",
    "rtl/*.mem": "memory images, a word a line, hexadecimal",
    "load/memories.bin": "what is loaded into the memories, where weights are loaded",
    "constraints/": "the clock, for a flow of one's own",
    "network.npz, quantised.npz": "the network in floating point and in integers",
    "vectors/": "a few samples and what the accelerator must answer",
    "options.toml": "the options that give this build again",
    "manifest.json": "all decisions, tool versions and file hashes",
}


def summary_text(manifest: Mapping[str, Any], plan: Plan) -> str:
    """Markdown summary of a build.

    Parameters
    ----------
    manifest : mapping
        As `make_manifest` gave it.
    plan : Plan
        The plan in it.
    """
    network = manifest["network"]
    sections = [
        f"# {network['name']}",
        _overview(manifest, plan.accelerator),
        "## Populations",
        _populations(manifest, plan),
        *_notes("## Chosen", plan.notes),
        "## Number formats (bits)",
        _formats(manifest["formats"]),
        *_notes("## Assumed, because the file does not say", manifest["assumptions"]),
        *_scalars("## Quantiser", manifest["quantiser"]),
        *_records("## Predicted", manifest["predicted"]),
        "## Ports of module `accelerator`",
        _ports(plan.accelerator),
        "## Files",
        _table(("file", "what"), [(f"`{name}`", what) for name, what in FILES.items()]),
    ]
    return "\n\n".join(sections) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _overview(manifest: Mapping[str, Any], params: AcceleratorParams) -> str:
    network, source = manifest["network"], manifest["source"]
    inputs = network["inputs"][0]
    return "\n".join(
        [
            f"- From: {source['name'] if source else 'a network made in Python'}",
            f"- Semantics: {manifest['semantics']['name']}, {manifest['semantics']['dt']:g} s a step",
            f"- Input: {inputs['name']}, shape {tuple(inputs['shape'])},"
            f" {_input_form(network['input_max'], params)}",
            f"- {network['neurons']} neurons, {network['synapses']} synapses, output as {params.readout}",
            f"- Weight memories: {sum(c.weight_memory_bits for c in params.cores)} bits",
        ]
    )


def _input_form(most: int, params: AcceleratorParams) -> str:
    if params.input_value_bits:
        return f"values up to {most} beside the index, one token a channel in a step"
    return f"at most {most} events of a channel in a step"


def _populations(manifest: Mapping[str, Any], plan: Plan) -> str:
    kinds = {population["name"]: population["kind"] for population in manifest["network"]["populations"]}
    head = (
        "population",
        "kind",
        "neurons",
        "fan-in",
        "lanes",
        "cycles an event",
        "update lanes",
        "weight memory",
    )
    rows = (
        (name, kinds[name], *_core_row(core))
        for name, core in zip(plan.populations, plan.accelerator.cores, strict=True)
    )
    return _table(head, rows)


def _core_row(core: CoreParams) -> tuple[object, ...]:
    array = core.array
    memory = f"{core.rows} x {array.row_bits}"
    if core.listed_rows:
        memory += f" + {core.listed_rows} x {core.group_bits}"
    if array.store is not WeightStore.INITIALISED:
        memory += f", {array.store}"
    cycles = f"up to {core.event_cycles}" if core.by_rows else core.event_cycles
    return array.targets, array.sources, array.lanes, cycles, core.update_lanes, memory


def _formats(formats: Iterable[Mapping[str, Any]]) -> str:
    head = (
        "population",
        "weight",
        "accumulator",
        "membrane",
        "current",
        "fraction",
        "spike",
        "a value a neuron",
    )
    keys = ("population", "weight_bits", "acc_bits", "state_bits", "synapse_bits", "frac_bits", "spike_bits")
    rows = ([*(f[key] for key in keys), ", ".join(f["per_neuron"]) or "-"] for f in formats)
    return _table(head, rows)


def _notes(title: str, notes: Sequence[str]) -> list[str]:
    return [title, "\n".join(f"- {_cell(note)}" for note in notes)] if notes else []


def _scalars(title: str, values: Mapping[str, Any] | None) -> list[str]:
    """Plain values of a record; what is nested or takes more than a line stays in the manifest."""
    plain = {
        k: v for k, v in (values or {}).items() if isinstance(v, str | int | float) and "\n" not in str(v)
    }
    return [title, "\n".join(f"- {key}: {_cell(value)}" for key, value in plain.items())] if plain else []


def _records(title: str, records: Mapping[str, Any]) -> list[str]:
    """A line for each record that holds something."""
    lines = []
    for name, record in records.items():
        known = {key: value for key, value in (record or {}).items() if value is not None}
        if known:
            lines.append(f"- {name}: " + ", ".join(f"{key} {_cell(value)}" for key, value in known.items()))
    return [title, "\n".join(lines)] if lines else []


def _ports(params: AcceleratorParams) -> str:
    rows = [
        ("clk", "in", 1, "clock"),
        ("rst", "in", 1, "synchronous reset, active high"),
        *_stream("events", "in", _event_fields(params.channels, params.input_value_bits)),
        *_stream("out", "out", _out_fields(params)),
    ]
    if loaded_shapes(params):
        rows.append(("load__*", "in, out", "", "the load bus: how weights and parameters are written"))
    if params.count_saturations:
        bits = bits_for_unsigned(params.most_saturations)
        rows.append(("saturations", "out", bits, "states saturated in a cycle, for a counter; or open"))
    if params.debug:
        rows.append(("probe_k__*", "out", "", "every updated group of core k, for verification"))
    return _table(("port", "direction", "bits", "what"), rows)


def _event_fields(channels: int, value_bits: int) -> list[tuple[str, int]]:
    value = [("value", value_bits)] if value_bits else []
    return [("index", bits_for_unsigned(channels - 1)), *value, ("tick", 1), ("last", 1)]


def _out_fields(params: AcceleratorParams) -> list[tuple[str, int]]:
    return _event_fields(params.output_neurons, params.output_value_bits)


def _stream(name: str, direction: str, fields: list[tuple[str, int]]) -> list[tuple[object, ...]]:
    back = "out" if direction == "in" else "in"
    payload = "from bit 0: " + ", ".join(f"{field} ({bits})" for field, bits in fields)
    return [
        (f"{name}__payload", direction, sum(bits for _, bits in fields), payload),
        (f"{name}__valid", direction, 1, "payload is offered"),
        (f"{name}__ready", back, 1, "payload is taken at this clock edge, if valid"),
    ]
