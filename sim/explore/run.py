"""The exploration: formats in parallel processes, each kept when it is done, and the front of them all."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from ...gen.errors import UserError
from ...gen.importer import load_network
from ...gen.resources.model import fit_note
from ...gen.toml_text import toml_text
from ...gen.toolchain.build import board_named
from ..compile import CompileOptions
from ..data import load_samples
from ..json_file import write_json, write_text
from .plot import draw
from .points import Job, explore_format

__all__ = ["RESULT", "Exploration", "explore", "read_exploration"]

RESULT = "explore.json"
PLOT = "explore.svg"
CACHE = "formats"
PICKS = "picks"
MOST_JOBS = 64

Progress = Callable[[str, int, int], None]
"""Called with a stage, how many formats are done, and how many there are."""


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """What was found.

    Attributes
    ----------
    path : Path
        Its directory.
    table : mapping
        Contents of ``explore.json``.
    """

    path: Path
    table: Mapping[str, Any]

    @property
    def picks(self) -> list[Mapping[str, Any]]:
        """Points that no other beats in everything, fastest first."""
        best = [point for point in self.table["points"] if point["best"]]
        return sorted(best, key=lambda point: point["cycles"])


def explore(
    model: Path,
    out: Path,
    *,
    options: CompileOptions,
    weight_bits: Sequence[int],
    state_bits: Sequence[int | str],
    data: Path | None = None,
    calibration: Path | None = None,
    limit: int | None = None,
    jobs: int | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> Exploration:
    """Look at every format and write what is found to the directory `out`.

    Formats that are there from an earlier run with the same model, data and options are not looked at again.

    Parameters
    ----------
    options : CompileOptions
        With ``plan.board``.
    weight_bits, state_bits : sequence
        All pairs of them are formats.
    data : Path, optional
        Accuracy is measured on it; without `calibration` the quantiser and the times are calibrated on it.
    limit : int, optional
        Only so many samples of `data` for the accuracy.
    jobs : int, optional
        Processes; as many as there are cores when absent.

    Raises
    ------
    UserError
        Unusable input, or nothing fits on the board.
    """
    board = board_named(options.plan.board or "")
    calibration = calibration or data
    some = [
        Job(
            model=model,
            options=options,
            weight_bits=weight,
            state_bits=state,
            calibration=calibration,
            data=data,
            limit=limit,
        )
        for weight, state in product(dict.fromkeys(weight_bits), dict.fromkeys(state_bits))
    ]
    _check_inputs(some[0])
    for folder in (out, out / CACHE, out / PICKS):
        _make(folder)
    found = _formats(some, out / CACHE, jobs or os.cpu_count() or 1, progress)
    points = [point for one in found for point in one["points"]]
    if not points:
        raise UserError(f"No format and no lanes fit on board {board.name}: use another board or fewer bits")
    for point, best in zip(points, _best(points), strict=True):
        point["best"] = best
    table = {
        "model": os.path.relpath(model.resolve(), out.resolve()),
        "calibration": None if calibration is None else os.path.relpath(calibration.resolve(), out.resolve()),
        "board": board.name,
        "clock_mhz": options.plan.planned_mhz,
        "note": fit_note(board.device),
        "accuracy_samples": None if data is None else str(limit or "all"),
        "points": [{key: value for key, value in point.items() if key != "plan"} for point in points],
    }
    _write(out, table, found)
    return Exploration(path=out, table=table)


def read_exploration(path: Path) -> Exploration:
    """Read the directory that `explore` wrote.

    Raises
    ------
    UserError
        It is none.
    """
    try:
        table = json.loads((path / RESULT).read_text(encoding="utf-8"))
        names = [point["name"] for point in table["points"] if point["best"]]
        if not isinstance(table["model"], str) or not all(isinstance(name, str) for name in names):
            raise TypeError("model and names must be text")
    except FileNotFoundError:
        raise UserError(f"{path} is no directory of `spikeloom explore`: it has no {RESULT}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path / RESULT} is not what `spikeloom explore` writes ({error})") from None
    return Exploration(path=path, table=table)


def _check_inputs(job: Job) -> None:
    """Read model and data once, so that nothing is written for what cannot be used."""
    network = load_network(job.model, semantics=job.options.semantics, dt=job.options.dt)
    for path in {job.data, job.calibration}:
        if path is not None:
            load_samples(path, shape=network.input_shape, limit=1)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"Cannot write {folder}: {error.strerror}") from None


def _formats(some: list[Job], cache: Path, processes: int, progress: Progress) -> list[dict[str, Any]]:
    """Results of all jobs, in their order."""
    found: dict[str, dict[str, Any]] = {}
    kept = {job.name: cache / f"{job.name}-{job.digest()}.json" for job in some}
    for job in some:
        if (result := _read(kept[job.name])) is not None:
            found[job.name] = result
    left = [job for job in some if job.name not in found]
    progress("formats", len(found), len(some))
    for job, result in _run(left, min(processes, MOST_JOBS, max(1, len(left)))):
        write_json(kept[job.name], result)
        found[job.name] = result
        progress("formats", len(found), len(some))
    return [found[job.name] for job in some]


def _read(path: Path) -> dict[str, Any] | None:
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return result if isinstance(result, dict) and {"points", "options"} <= set(result) else None


def _run(some: list[Job], processes: int) -> Iterator[tuple[Job, dict[str, Any]]]:
    """(job, result) as they are done; nothing goes on when the caller stops."""
    if processes == 1:
        for job in some:
            yield job, explore_format(job)
        return
    with multiprocessing.get_context("spawn").Pool(processes, _ignore_interrupts) as pool:
        for place, result in pool.imap_unordered(_numbered, enumerate(some)):
            yield some[place], result


def _numbered(job: tuple[int, Job]) -> tuple[int, dict[str, Any]]:
    return job[0], explore_format(job[1])


def _ignore_interrupts() -> None:
    """An interrupt is the parent's, which ends its processes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _best(points: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Whether no other point is as good in everything and better in something."""

    def measures(point: Mapping[str, Any]) -> tuple[float, ...]:
        wrong = 0.0 if point["accuracy"] is None else -point["accuracy"]
        return (point["cycles"], point["luts"], point["block_rams"], wrong)

    def beaten(mine: tuple[float, ...], place: int) -> bool:
        return any(
            all(a <= b for a, b in zip(other, mine, strict=True)) and (other != mine or at < place)
            for at, other in enumerate(every)
            if at != place
        )

    every = [measures(point) for point in points]
    return [not beaten(mine, place) for place, mine in enumerate(every)]


def _write(out: Path, table: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> None:
    """Result, plot, and options of every pick; picks of an earlier run go."""
    for old in (out / PICKS).glob("*.toml"):
        old.unlink()
    for one in found:
        for point in one["points"]:
            if point["best"]:
                text = toml_text({**one["options"], "plan": point["plan"]})
                write_text(out / PICKS / f"{point['name']}.toml", text)
    write_text(out / PLOT, draw(table))
    write_json(out / RESULT, table)
