"""The builds that bench/results/resources.json holds: parameters, and what synthesis made of them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from spikeloom.gen.codec import decode
from spikeloom.hw.params import AcceleratorParams

__all__ = ["rows", "stored_params"]

RESULTS = Path(__file__).resolve().parents[3] / "bench" / "results" / "resources.json"


@cache
def rows():
    """Rows by (family, name)."""
    return {(row["family"], row["name"]): row for row in json.loads(RESULTS.read_text())["rows"]}


@cache
def stored_params(name, family="ecp5"):
    return decode(AcceleratorParams, json.loads(rows()[family, name]["params"]), where=name)
