"""Golden model: integers that the RTL equals bit for bit, and its float reference."""

from .model import run_golden
from .reference import run_float
from .run import Run

__all__ = ["Run", "run_float", "run_golden"]
