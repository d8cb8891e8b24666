"""What a plan may be chosen for."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Target"]


class Target(StrEnum):
    """What is made small; of equals, the plan that takes less of the device."""

    LATENCY = "latency"  # cycles from a sample's first event to its last output
    THROUGHPUT = "throughput"  # cycles from one sample to the next, when they follow each other
    AREA = "area"  # share of the device's LUTs plus share of its block RAMs
    BALANCED = "balanced"  # latency times area
