"""Resource model: LUTs, flip-flops, RAMs and multipliers of an accelerator, from its parameters alone.

Memories are mapped as synthesis maps them, so RAMs and multipliers are counted. LUTs and flip-flops are the
quantities of gen/resources/features.py times coefficients that `bench/run.py resources` fits to synthesised
designs of a family and writes beside this file. The numbers are those of synthesis, before place and route.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from ...hw.boards.device import Device, Family
from ...hw.params import AcceleratorParams
from ..toolchain.resources import Resources
from .features import BlockCost, accelerator_costs
from .mapping import MemoryKind

__all__ = [
    "COEFFICIENTS",
    "Coefficients",
    "PredictedBlock",
    "add_up",
    "fit_note",
    "lut_terms",
    "predict_block",
    "predict_resources",
]

COEFFICIENTS = Path(__file__).with_name("coefficients.json")
"""Coefficients by family, resource, block and feature."""

Coefficients = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Coefficients of one family: resource, block, feature."""

LUT_RAM_LUTS = {Family.ECP5: 6, Family.GOWIN: 8, Family.ICE40: 0}
FF_FEATURE = "ff "
"""Before a feature of flip-flops in the sum of LUTs, where a LUT and its flip-flop are one cell (iCE40)."""


@dataclass(frozen=True, kw_only=True)
class PredictedBlock:
    """What one block takes.

    Attributes
    ----------
    core : str
        Its core; empty for what is between the cores.
    block : str
        One of gen/resources/features.py `BLOCKS`.
    resources : Resources
    memory_kinds : mapping of str to MemoryKind
        What its memories are made of, by name.
    """

    core: str
    block: str
    resources: Resources
    memory_kinds: Mapping[str, MemoryKind]


def predict_resources(params: AcceleratorParams, device: Device) -> Resources:
    """Resources of the accelerator alone, as synthesis for `device` would count them."""
    return add_up([predict_block(cost, device).resources for cost in accelerator_costs(params, device)])


def add_up(parts: list[Resources]) -> Resources:
    """Sum of resources."""
    return Resources(**{f.name: sum(getattr(part, f.name) for part in parts) for f in fields(Resources)})


def predict_block(
    cost: BlockCost, device: Device, coefficients: Coefficients | None = None
) -> PredictedBlock:
    """Resources of one block; `coefficients` other than the stored ones are for their fit."""
    family = coefficients or _stored(device.family)
    lut_rams = sum(mapping.lut_rams for _, mapping in cost.memories)
    luts = _sum(family["luts"].get(cost.block, {}), lut_terms(cost, device.family))
    resources = Resources(
        luts=round(luts) + LUT_RAM_LUTS[device.family] * lut_rams,
        ffs=round(_sum(family["ffs"].get(cost.block, {}), cost.ffs)),
        lut_rams=lut_rams,
        block_rams=sum(mapping.block_rams for _, mapping in cost.memories),
        dsps=cost.dsps,
        sprams=sum(mapping.sprams for _, mapping in cost.memories),
    )
    kinds = {memory.block: mapping.kind for memory, mapping in cost.memories}
    return PredictedBlock(core=cost.core, block=cost.block, resources=resources, memory_kinds=kinds)


def lut_terms(cost: BlockCost, family: Family) -> dict[str, float]:
    """Features that the LUTs of a block grow with."""
    if family is not Family.ICE40:
        return dict(cost.luts)
    return {**cost.luts, **{FF_FEATURE + name: amount for name, amount in cost.ffs.items()}}


def _sum(coefficients: Mapping[str, float], terms: Mapping[str, float]) -> float:
    return sum(coefficients.get(name, 0.0) * amount for name, amount in terms.items())


def fit_note(device: Device) -> str | None:
    """Say that the LUTs predicted for a device are those of another family; None where they are its own."""
    if device.family in json.loads(COEFFICIENTS.read_text(encoding="utf-8")):
        return None
    return (
        f"LUTs and flip-flops are reckoned as on ECP5: none were fitted for {device.family.value}, which"
        " takes more (build --synth-only counts)"
    )


@cache
def _stored(family: Family) -> Coefficients:
    """Coefficients of a family; those of ECP5, whose LUTs have four inputs too, where none were fitted."""
    stored = json.loads(COEFFICIENTS.read_text(encoding="utf-8"))
    return stored.get(family, stored[Family.ECP5])
