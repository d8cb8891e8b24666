"""A bitstream and its clock with several seeds of place and route; the median counts."""

from __future__ import annotations

import shutil
from statistics import median
from typing import Any

from spikeloom import Build, build
from spikeloom.gen.toolchain.build import board_named
from spikeloom.gen.toolchain.place import place_and_route
from spikeloom.gen.toolchain.resources import Resources

__all__ = ["placed"]

RESOURCES = ("luts", "ffs", "lut_rams", "block_rams", "dsps", "sprams")


def placed(read: Build, board: str, seeds: list[int]) -> dict[str, Any]:
    """Resources of the routed design, its clock with every seed, and the path that limits the median.

    It is synthesised once; the netlist of the first build is placed again in ``seed<n>`` beside it.
    """
    first = build(read, board=board, seed=seeds[0])
    assert first.fmax_mhz is not None
    folder = read.path / "board" / board
    runs = [(first.fmax_mhz, first.luts, first.critical_path)]
    synthesised = Resources(**{name: getattr(first, name) for name in RESOURCES})
    for seed in seeds[1:]:
        again = folder.parent / f"seed{seed}"
        again.mkdir()
        for name in ("top.json", "top.lpf"):
            shutil.copy(folder / name, again / name)
        placement = place_and_route(board_named(board), cwd=again, synthesised=synthesised, seed=seed)
        runs.append(
            (min(placement.fmax_mhz.values()), placement.resources.luts, str(placement.critical_path))
        )
    middle = sorted(runs)[(len(runs) - 1) // 2]
    return {
        "luts": int(median(luts for _, luts, _ in runs)),
        "ffs": first.ffs,
        "block_rams": first.block_rams,
        "dsps": first.dsps,
        "seeds": {str(seed): round(mhz, 1) for seed, (mhz, _, _) in zip(seeds, runs, strict=True)},
        "fmax_mhz": round(middle[0], 1),
        "critical_path": middle[2],
        "tools": dict(first.tools),
        "passes": list(first.passes),
    }
