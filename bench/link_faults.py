"""Faults on the cable of a simulated board, by the thousand: each detected or harmless, no wrong result.

Run: python bench/link_faults.py [--faults N] [--out DIR]
Real digits go through host code, UART pins and RTL, while bytes of both directions are flipped, lost,
doubled, replaced and held back; the outputs are compared with the golden model's. First one fault at a time,
and of each what became of it; then, a tenth as many, so close that one meets what another left.
Writes link_faults.json and link_faults.md to DIR (default bench/results); exit code 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from report import RESULTS, save, table
from spikeloom import Build, CompileOptions, compile_model, load_samples
from spikeloom.firmware.host.board import BoardLink
from spikeloom.firmware.host.faults import LinkError
from spikeloom.firmware.host.session import LinkOptions
from spikeloom.gen.manifest import build_id
from spikeloom.hw.link.params import HostLinkParams
from spikeloom.sim.engines import run_engine
from spikeloom.sim.link.faulty import FAULTS, FaultyPort
from spikeloom.sim.link.pins import SimulatedBoard

__all__ = ["main"]

DETECTED, HARMLESS, WRONG = "detected", "harmless", "wrong"

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "digits"
RATES = (0.002, 0.004, 0.006)  # faults a byte
BYTES_TO_FAULT = 150.0  # on average, in the 330 of a digit
SAMPLES = 12
WINDOW = 2  # small, so that more of the time goes into faults than into what they make come again
NOISE = 5e-5  # a wrong level at the pin, per clock cycle


def detections(link: BoardLink) -> tuple[int, ...]:
    """Everything by which either end, or the host's clock, can have seen that something went wrong."""
    board, host = link.counters(), link.statistics
    seen = tuple(board[name] for name in ("bad_frames", "stray_frames", "line_errors"))
    return (*seen, host.bad_frames, host.stray_frames, host.polls, host.sent_again)


def one_by_one(build: Build, x: np.ndarray, expected: np.ndarray, faults: int) -> dict[str, Counter[str]]:
    """So many faults, each in a digit of its own: what became of those of each kind.

    Detected: a counter of either end moved before the digit, and a command after it, were through. Harmless:
    none did, and every value was right. Wrong: a value was not, or the session did not recover.
    """
    params = HostLinkParams(bit_cycles=4, window=WINDOW, clock_hz=25_000_000, build_id=build_id(build.path))
    found: dict[str, Counter[str]] = {kind: Counter() for kind in FAULTS}
    cable = FaultyPort(SimulatedBoard(build, params), rate=0.0, once=True)
    with BoardLink(cable, build, options=LinkOptions(timeout_s=0.002, tries=1000, stall_s=60.0)) as link:
        digit, before = 0, detections(link)
        for number in range(faults):
            kind = list(FAULTS)[number % len(FAULTS)]
            cable.kinds, injected, right = (kind,), cable.injected.total(), True
            while right and cable.injected.total() == injected:  # a digit may end before the fault comes
                cable.rate = 1 / BYTES_TO_FAULT
                try:
                    right = np.array_equal(link.run(x[digit : digit + 1]), expected[digit : digit + 1])
                except LinkError:
                    found[kind][WRONG] += 1
                    return found
                cable.rate = 0.0
                digit = (digit + 1) % len(x)
            after = detections(link)
            found[kind][WRONG if not right else DETECTED if after != before else HARMLESS] += 1
            before = after
            if number % 500 == 499:
                print(
                    f"{number + 1} faults one by one, {sum(of[WRONG] for of in found.values())} wrong",
                    flush=True,
                )
    return found


def session(build: Build, x: np.ndarray, expected: np.ndarray, seed: int, kind: str | None) -> dict[str, Any]:
    """One session of some samples on a cable that does `kind` (None: everything); what became of it."""
    params = HostLinkParams(bit_cycles=4, window=WINDOW, clock_hz=25_000_000, build_id=build_id(build.path))
    noise = NOISE if kind == "pin noise" else 0.0
    pins = SimulatedBoard(build, params, noise=noise, seed=seed)
    kinds = [] if kind in (None, "pin noise") else [kind]
    cable = FaultyPort(pins, rate=0.0, kinds=kinds, seed=seed)
    options = LinkOptions(timeout_s=0.002, tries=1000, stall_s=60.0)
    with BoardLink(cable, build, options=options) as link:
        before = link.counters()
        cable.rate = 0.0 if kind == "pin noise" else RATES[seed % len(RATES)]
        try:
            output = link.run(x)
            recovered, wrong = True, int(np.count_nonzero(output != expected))
        except LinkError:
            recovered, wrong = False, 0
        cable.rate = 0.0
        if recovered:
            wrong += int(np.count_nonzero(link.run(x[:1]) != expected[:1]))  # and afterwards
        seen = {name: value - before[name] for name, value in link.counters().items()} if recovered else {}
        statistics = link.statistics
    detected = sum(seen.get(name, 0) for name in ("bad_frames", "stray_frames", "line_errors"))
    return {
        "kind": kind or "all kinds",
        "seed": seed,
        "injected": dict(cable.injected),
        "recovered": recovered,
        "wrong": wrong,
        "detected": detected + statistics.bad_frames + statistics.stray_frames,
        "polls": statistics.polls,
        "sent_again": statistics.sent_again,
        "bytes": statistics.bytes_out + statistics.bytes_in,
    }


def campaign(build: Build, x: np.ndarray, faults: int) -> list[dict[str, Any]]:
    """Sessions of every kind in turn until so many faults were injected."""
    expected = run_engine("golden", build, x).output
    rows, injected, seed = [], 0, 0
    kinds = [*FAULTS, "pin noise", None]
    while injected < faults:
        start = seed * SAMPLES % (len(x) - SAMPLES)
        part = slice(start, start + SAMPLES)
        row = session(build, x[part], expected[part], seed, kinds[seed % len(kinds)])
        rows.append(row)
        injected += sum(row["injected"].values())
        seed += 1
        wrong = sum(row["wrong"] for row in rows)
        print(f"{seed} sessions, {injected} faults, {wrong} wrong values", flush=True)
    return rows


def body(found: dict[str, Counter[str]], rows: list[dict[str, Any]], values: int) -> str:
    """Both tables."""
    outcomes = (DETECTED, HARMLESS, WRONG)
    lines = [[kind, of.total(), *(of[outcome] for outcome in outcomes)] for kind, of in found.items()]
    lines.append(["all", *np.sum([line[1:] for line in lines], axis=0).tolist()])
    return (
        "Digits through host code, UART pins and RTL (CXXRTL); every value is compared with the golden"
        " model's.\n\n## One at a time\n\nEach fault in a digit of its own, at a random byte of either"
        " direction."
        " *Detected*: a counter of either end moved, or the host had to ask again. *Harmless*: nothing did,"
        f" and all was right.\n\n{table(('kind', 'faults', *outcomes), lines)}\n\n"
        f"## Close together\n\n{close(rows, values)}"
    )


def close(rows: list[dict[str, Any]], values: int) -> str:
    """Sessions with faults at a rate."""
    lines = []
    for kind in dict.fromkeys(row["kind"] for row in rows):
        of = [row for row in rows if row["kind"] == kind]
        faults = sum(sum(row["injected"].values()) for row in of)
        keys = ("detected", "sent_again", "polls", "bytes", "wrong")
        sums = [sum(row[key] for row in of) for key in keys]
        lines.append((kind, len(of), sum(r["recovered"] for r in of), faults, *sums))
    head = ("kind", "sessions", "recovered", "faults", "frames seen as damaged or out of order")
    head += ("frames sent again", "polls", "bytes", "wrong values")
    total = Counter[str]()
    for row in rows:
        total.update(row["injected"])
    named = ", ".join(f"{count} {kind}" for kind, count in sorted(total.items()))
    return (
        f"{SAMPLES} digits and one a session, {values} values; {RATES[0]:g} to {RATES[-1]:g} faults a byte,"
        " both directions."
        f" `pin noise`: a wrong level at RX in a cycle with probability {NOISE:g}.\n\n"
        f"{table(head, lines)}\n\n{sum(total.values())} faults: {named}."
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Faults on the link")
    parser.add_argument("--faults", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        result = compile_model(
            EXAMPLE / "digits.nir",
            Path(name) / "build",
            options=CompileOptions(),
            calibration=EXAMPLE / "digits_calibration.npz",
        )
        x = load_samples(EXAMPLE / "digits_test.npz", shape=(64,)).x
        expected = run_engine("golden", result.build, x).output
        found = one_by_one(result.build, x, expected, arguments.faults)
        rows = campaign(result.build, x, arguments.faults // 10)
    met = all(row["recovered"] and not row["wrong"] for row in rows)
    met = met and not any(of[WRONG] for of in found.values())
    values = len(rows) * (SAMPLES + 1) * x.shape[1] * result.build.plan.accelerator.output_neurons
    figures = {"one_by_one": found, "rows": rows, "met": met, "wall_s": round(time.monotonic() - started, 1)}
    save(
        "link_faults", figures, title="Faults on the link", body=body(found, rows, values), out=arguments.out
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
