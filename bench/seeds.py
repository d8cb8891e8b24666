"""A bitstream and its clock with several seeds of place and route; the median counts."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from statistics import median
from typing import Any

from spikeloom import Build, build
from spikeloom.gen.toolchain.build import BuildResult, board_named
from spikeloom.gen.toolchain.clocks import with_clock
from spikeloom.gen.toolchain.domains import DomainTiming, domain_timings
from spikeloom.gen.toolchain.flows import FLOWS
from spikeloom.gen.toolchain.place import place_and_route
from spikeloom.gen.toolchain.resources import Resources

__all__ = ["Run", "placed", "runs_of"]

RESOURCES = tuple(asdict(Resources()))
Run = tuple[int, tuple[DomainTiming, ...]]
"""LUTs, and the clock domains, the accelerator's first."""


def runs_of(
    read: Build, board: str, seeds: list[int], *, link: str | None = None, clock_mhz: float | None = None
) -> tuple[BuildResult, list[Run]]:
    """The first seed's build, and what every seed makes of its netlist, placed in ``seed<n>`` beside it."""
    first = build(read, board=board, link=link, clock=clock_mhz, seed=seeds[0])
    assert first.bitstream is not None
    target = board_named(board) if clock_mhz is None else with_clock(board_named(board), clock_mhz)
    folder, runs = first.bitstream.parent, [(first.luts, first.domains)]
    synthesised = Resources(**{name: getattr(first, name) for name in RESOURCES})
    for seed in seeds[1:]:
        again = folder.parent / f"seed{seed}"
        again.mkdir()
        for name in ("top.json", FLOWS[target.family].constraints):
            shutil.copy(folder / name, again / name)
        placement = place_and_route(target, cwd=again, synthesised=synthesised, seed=seed)
        domains = domain_timings(placement, target, split=link is not None and clock_mhz is not None)
        runs.append((placement.resources.luts, domains))
    return first, runs


def placed(
    read: Build, board: str, seeds: list[int], *, link: str | None = None, clock_mhz: float | None = None
) -> dict[str, Any]:
    """Resources of the routed design, its clock with every seed, and the path that limits the median."""
    first, runs = runs_of(read, board, seeds, link=link, clock_mhz=clock_mhz)
    middle = sorted((domains[0] for _, domains in runs), key=lambda domain: domain.fmax_mhz)
    return {
        "luts": int(median(luts for luts, _ in runs)),
        "ffs": first.ffs,
        "block_rams": first.block_rams,
        "dsps": first.dsps,
        "sprams": first.sprams,
        "seeds": {
            str(seed): round(domains[0].fmax_mhz, 1) for seed, (_, domains) in zip(seeds, runs, strict=True)
        },
        "fmax_mhz": round(median(domain.fmax_mhz for domain in middle), 1),
        "link_mhz": [round(domain.fmax_mhz, 1) for _, domains in runs for domain in domains[1:]],
        "critical_path": middle[(len(middle) - 1) // 2].critical_path,
        "tools": dict(first.tools),
        "passes": list(first.passes),
    }
