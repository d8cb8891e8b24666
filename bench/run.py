"""Run the measurements: all of them, or the sections named.

Run: python bench/run.py [SECTION ...] [--out DIR]; the sections are in `SECTIONS`
Each section writes its JSON and its Markdown to DIR (default bench/results), with the versions of all tools.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from report import RESULTS

__all__ = ["SECTIONS", "main"]

HERE = Path(__file__).parent
SECTIONS = {
    "demo": "demo_time.py",
    "compile": "compile_scaling.py",
    "scaling": "scaling.py",
    "boards": "board_builds.py",
    "mnist": "mnist_rtl.py",
    "networks": "networks.py",
    "lanes": "lane_clocks.py",
    "link": "link_faults.py",
    "link_builds": "link_builds.py",
    "up5k": "up5k_builds.py",
    "activity": "activity.py",
    "bound": "memory_bound.py",
    "resources": "resources.py",
    "golden": "golden_speed.py",
    "forms": "mnist_forms.py",
    "planning": "planning.py",
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Measurements of spikeloom")
    parser.add_argument("sections", nargs="*", metavar="section", help=f"of {', '.join(SECTIONS)}; none: all")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    for name in arguments.sections:
        if name not in SECTIONS:
            parser.error(f"there is no section {name}; there are {', '.join(SECTIONS)}")
    missed = []
    for name in arguments.sections or SECTIONS:
        print(f"== {name}", flush=True)
        command = [sys.executable, HERE / SECTIONS[name], "--out", arguments.out]
        if subprocess.run(command, check=False).returncode:
            missed.append(name)
    if missed:
        print(f"targets missed or not measured: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
