"""The builds of bench/resource_builds.py, and what synthesis made of them (bench/results/resources.json)."""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from pathlib import Path

__all__ = ["rows", "stored_params"]

BENCH = Path(__file__).resolve().parents[3] / "bench"


@cache
def rows():
    """Rows by (family, name)."""
    stored = json.loads((BENCH / "results" / "resources.json").read_text())["rows"]
    return {(row["family"], row["name"]): row for row in stored}


@cache
def builds():
    spec = importlib.util.spec_from_file_location("resource_builds", BENCH / "resource_builds.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.builds()


def stored_params(name):
    return builds()[name]
