"""The command line: a file for each group of verbs.

Exit codes: 0 good, 1 mismatch or shortfall found, 2 unusable input.
"""

from ..sim.terminal import run_app  # noqa: I001 - the order of the help
from . import inspect, compile, explore, encode, measure, activity, build, run, firmware, demo  # noqa: F401
from .app import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; bad input ends in one line on stderr and exit code 2."""
    run_app(app)
