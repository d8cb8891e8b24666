"""Measure an engine on a data set: run it, the golden model and the float reference, batch by batch."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from ..gen.build_dir import Build
from ..gen.cycles import predict_cycles
from ..gen.dense_cycles import dense_step_cycles
from ..gen.errors import UserError
from ..hw.params import ReadoutKind
from .compare import FIRST, Comparison, compare_runs
from .decision import accuracy, decide, decide_output
from .engines.golden import golden_engine_run
from .engines.run import EngineOptions, EngineRun, Progress
from .engines.select import engine_input, run_engine
from .golden.model import run_golden
from .golden.reference import run_float
from .golden.run import Run
from .operations import synaptic_operations
from .results import SimulateResult

__all__ = ["Measurement"]

_BATCH_BYTES = 1 << 28


class Measurement:
    """One data set and one engine. Works in batches, so that states never need more than a set amount.

    Parameters are those of `verify.simulate`.
    """

    def __init__(
        self,
        build: Build,
        x: np.ndarray,
        y: np.ndarray | None,
        engine: str,
        limit: int | None,
        rule: str | None,
        options: EngineOptions,
        progress: Progress | None,
    ) -> None:
        self.started = time.monotonic()
        self.build, self.engine, self.options, self.progress = build, engine, options, progress
        self.params = build.plan.accelerator
        self.x = engine_input(build, x, limit)
        self.y = _labels(y, len(x), len(self.x))
        self.rule = _check_rule(rule, self.params.readout)
        self.engine_wall_s = 0.0
        self.version = ""
        self.classes: dict[str, list[np.ndarray]] = {"engine": [], "golden": [], "float": []}
        self.comparisons: list[Comparison] = []
        self.cycles: list[np.ndarray] = []
        self.predicted: list[np.ndarray] = []
        self.saturations: dict[str, int] = {}
        self.saturations_counted: int | None = None
        self.synaptic_ops = 0
        sizes = {population.name: population.size for population in build.qnet.populations}
        self.outputs = {name: sizes[name] for name in build.qnet.outputs}

    def result(self) -> SimulateResult:
        """Run everything, and sum it up."""
        for batch in self._batches():
            self._batch(batch)
        cycles, predicted = _joined(self.cycles), _joined(self.predicted)
        first = [mismatch for comparison in self.comparisons for mismatch in comparison.first]
        return SimulateResult(
            engine=self.engine,
            engine_version=self.version,
            samples=len(self.x),
            steps=self.x.shape[1],
            accuracy=self._accuracy("engine"),
            accuracy_golden=self._accuracy("golden"),
            accuracy_float=self._accuracy("float"),
            mismatches=sum(c.mismatches for c in self.comparisons),
            compared=sum(c.compared for c in self.comparisons),
            first_mismatches=tuple(first[:FIRST]),
            cycles_per_sample=None if cycles is None else float(cycles.mean()),
            predicted_cycles_per_sample=None if predicted is None else float(predicted.mean()),
            dense_cycles_per_sample=float(self.x.shape[1] * dense_step_cycles(self.params)),
            cycle_mismatches=self._cycle_mismatches(cycles, predicted),
            input_spikes=int(self.x.sum(dtype=np.int64)),
            synaptic_ops=self.synaptic_ops,
            saturations=sum(self.saturations.values()),
            saturations_by_population=self.saturations,
            saturations_counted=self.saturations_counted,
            engine_wall_s=self.engine_wall_s,
            wall_s=time.monotonic() - self.started,
        )

    def _batches(self) -> Iterator[slice]:
        neurons = sum(core.neuron.neurons for core in self.params.cores)
        # Spikes of golden and float; with states both again, in eight bytes and twice.
        sample_bytes = self.x.shape[1] * neurons * (40 if self.options.probes else 2)
        size = max(1, _BATCH_BYTES // sample_bytes)
        for start in range(0, len(self.x), size):
            yield slice(start, min(start + size, len(self.x)))

    def _batch(self, batch: slice) -> None:
        x = self.x[batch]
        self._tell("golden", batch.start)
        golden = run_golden(self.build.qnet, x, record=self.options.probes, threads=self.options.threads)
        expected = golden_engine_run(golden, self.params, wall_s=0.0, probes=self.options.probes)
        self._tell("golden", batch.stop)
        got = self._run_engine(x, batch)
        self.comparisons.append(compare_runs(got, expected, outputs=self.outputs, first_sample=batch.start))
        self._count(x, golden)
        if got.saturations is not None:
            self.saturations_counted = (self.saturations_counted or 0) + got.saturations
        self._predict(x, golden, got)
        if self.y is not None:
            self.classes["engine"].append(self._decide(got))
            self.classes["golden"].append(self._decide(expected))
            self._tell("float", batch.start)
            run = run_float(self.build.network, x, keep=())
            self.classes["float"].append(decide(self.build.network, run, rule=self.rule))
            self._tell("float", batch.stop)

    def _run_engine(self, x: np.ndarray, batch: slice) -> EngineRun:
        def progress(stage: str, done: int, total: int) -> None:
            if stage == self.engine:
                self._tell(stage, batch.start + done)
            elif self.progress is not None:
                self.progress(stage, done, total)

        run = run_engine(self.engine, self.build, x, options=self.options, progress=progress)
        self.version = run.version
        self.engine_wall_s += run.wall_s
        return run

    def _count(self, x: np.ndarray, golden: Run) -> None:
        for name, count in golden.saturations.items():
            self.saturations[name] = self.saturations.get(name, 0) + count
        self.synaptic_ops += synaptic_operations(self.build.qnet, x, golden)

    def _predict(self, x: np.ndarray, golden: Run, got: EngineRun) -> None:
        if got.cycles is None:
            return
        self.cycles.append(got.cycles)
        if self._predictable():
            spikes = [golden.spikes.get(name) for name in self.build.plan.populations]
            self.predicted.append(predict_cycles(self.params, x, spikes))

    def _predictable(self) -> bool:
        given = self.options
        return not (given.gap or given.stall or given.overlap or given.shuffle)

    @staticmethod
    def _cycle_mismatches(cycles: np.ndarray | None, predicted: np.ndarray | None) -> int | None:
        if cycles is None or predicted is None:
            return None
        return int(np.count_nonzero(cycles != predicted))

    def _decide(self, run: EngineRun) -> np.ndarray:
        return decide_output(self.build.qnet, run.readout, run.output, rule=self.rule)

    def _accuracy(self, which: str) -> float | None:
        if self.y is None:
            return None
        return accuracy(np.concatenate(self.classes[which]), self.y)

    def _tell(self, stage: str, done: int) -> None:
        if self.progress is not None:
            self.progress(stage, done, len(self.x))


def _joined(parts: list[np.ndarray]) -> np.ndarray | None:
    return np.concatenate(parts) if parts else None


def _labels(y: np.ndarray | None, samples: int, used: int) -> np.ndarray | None:
    if y is None:
        return None
    if y.shape != (samples,):
        raise UserError(f"Labels must be one for each of {samples} samples, not shape {y.shape}")
    return y[:used]


def _check_rule(rule: str | None, readout: ReadoutKind) -> str | None:
    if readout in (ReadoutKind.COUNTS, ReadoutKind.CLASS) and rule not in (None, "count", "sum"):
        raise UserError(
            f"A {readout} readout decides by count or sum, not {rule}; compile with another readout"
        )
    return rule
