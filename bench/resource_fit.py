"""Fit of the resource model: coefficients of all blocks, by least squares of relative errors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from resource_builds import builds
from scipy.optimize import nnls
from spikeloom.gen.resources.features import BLOCKS, BlockCost, accelerator_costs
from spikeloom.gen.resources.model import add_up, lut_terms, predict_block
from spikeloom.gen.toolchain.resources import Resources
from spikeloom.hw.boards.device import Device, Family
from spikeloom.hw.boards.registry import BOARDS

__all__ = ["BOARD", "KINDS", "device_of", "judge"]

BOARD = {Family.ECP5: "ulx3s_85f", Family.ICE40: "ice40_hx8k_evn", Family.GOWIN: "tang_nano_9k"}
WHOLE_WEIGHT = 2  # of the error of a whole build, beside that of a block
FEWEST_LUTS = 40  # of a block: below it an error counts as one of so many
KINDS = ("luts", "ffs")


def device_of(family: Family) -> Device:
    return BOARDS[BOARD[family]].device


Row = tuple[str, BlockCost, Mapping[str, int]]
"""Build, block and what was counted of it."""


def block_rows(rows: Iterable[Mapping[str, Any]], family: Family) -> list[Row]:
    found, known = [], builds()
    for row in rows:
        counts = {(block["core"], block["block"]): block for block in row["blocks"]}
        for cost in accelerator_costs(known[row["name"]], device_of(family)):
            found.append((row["name"], cost, counts.get((cost.core, cost.block), {})))
    return found


def fit(rows: list[Row], family: Family) -> dict[str, dict[str, dict[str, float]]]:
    """Coefficients, none negative, that make the relative errors of blocks and of whole builds small."""
    return {kind: fit_kind(rows, kind, family) for kind in KINDS}


def terms(cost: BlockCost, kind: str, family: Family) -> dict[str, float]:
    return lut_terms(cost, family) if kind == "luts" else dict(cost.ffs)


def fit_kind(rows: list[Row], kind: str, family: Family) -> dict[str, dict[str, float]]:
    amounts = [
        {(cost.block, name): amount for name, amount in terms(cost, kind, family).items()}
        for _, cost, _ in rows
    ]
    names = sorted({name for found in amounts for name in found})
    matrix = np.array([[found.get(name, 0) for name in names] for found in amounts], float)
    counted = np.array([counts.get(kind, 0) for _, _, counts in rows], float)
    known = list(dict.fromkeys(row[0] for row in rows))
    of_build = np.array([[row[0] == name for row in rows] for name in known], float)
    weights = 1 / (counted + FEWEST_LUTS)
    whole = WHOLE_WEIGHT / (of_build @ counted)
    found, _ = nnls(
        np.vstack([matrix * weights[:, None], of_build @ matrix * whole[:, None]]),
        np.concatenate([counted * weights, of_build @ counted * whole]),
    )
    fitted: dict[str, dict[str, float]] = {block: {} for block in BLOCKS}
    for (block, name), value in zip(names, found, strict=True):
        if value > 5e-5:
            fitted[block][name] = round(float(value), 4)
    return fitted


def totals(rows: list[Row], coefficients: Any, family: Family) -> dict[str, Resources]:
    parts: dict[str, list[Resources]] = defaultdict(list)
    for name, cost, _ in rows:
        parts[name].append(predict_block(cost, device_of(family), coefficients).resources)
    return {name: add_up(found) for name, found in parts.items()}


def left_out(rows: list[Row], family: Family) -> dict[str, Resources]:
    """Each build as a fit without it predicts it."""
    found = {}
    for name in dict.fromkeys(row[0] for row in rows):
        others = fit([row for row in rows if row[0] != name], family)
        found |= totals([row for row in rows if row[0] == name], others, family)
    return found


def judge(rows: list[dict[str, Any]], family: Family) -> Any:
    """Fit, and put predictions beside every row; the coefficients."""
    blocks = block_rows(rows, family)
    coefficients = fit(blocks, family)
    predicted, unseen = totals(blocks, coefficients, family), left_out(blocks, family)
    for row in rows:
        row["predicted"], row["left_out"] = asdict(predicted[row["name"]]), asdict(unseen[row["name"]])
    return coefficients
