"""The whole compile: a model file to a build directory, step by step.

Each step is plain data to plain data; this is the visible list. It stands in `sim` because calibration, test
vectors and the accuracy on the calibration set come from the models there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..gen.build_dir import Build, Vectors, check_output, write_build
from ..gen.cycles import predict_cycles
from ..gen.importer import load_network
from ..gen.ir import Network, QuantisedNetwork
from ..gen.manifest import Source
from ..gen.plan import Plan, PlanOptions, make_plan
from ..gen.planning.activity import Activity
from ..gen.quantise import QuantiseOptions, QuantiseReport, quantise
from ..gen.resources.model import predict_resources
from ..gen.toolchain.build import board_named
from ..gen.toolchain.fit import check_memory
from ..gen.toolchain.resources import RESOURCES
from . import golden
from .data import Samples, load_samples
from .decision import accuracy, decide

__all__ = ["CompileOptions", "CompileResult", "activity_of", "compile_model"]

Progress = Callable[[str], None]
"""Called with the step that begins."""

VECTOR_SAMPLES = 4
RANDOM_STEPS, RANDOM_RATE = 16, 0.1  # of the vectors where there is no calibration set
MEASURED_SAMPLES = 256
PLANNED_SAMPLES = 32


@dataclass(frozen=True, kw_only=True)
class CompileOptions:
    """What a user may choose.

    Attributes
    ----------
    semantics : str
        ``NAME[,field=value...]``, see docs/semantics.md.
    dt : float or None
        Seconds a step, where the file does not tell.
    quantise : QuantiseOptions
    plan : PlanOptions
    """

    semantics: str = "auto"
    dt: float | None = None
    quantise: QuantiseOptions = field(default_factory=QuantiseOptions)
    plan: PlanOptions = field(default_factory=PlanOptions)

    def to_table(self, report: QuantiseReport) -> dict[str, Any]:
        """Options that give the same integers without the calibration set; the build adds `plan`."""
        table: dict[str, Any] = {"semantics": self.semantics, "quantise": report.as_options().to_table()}
        return table if self.dt is None else {**table, "dt": self.dt}


@dataclass(frozen=True, kw_only=True, eq=False)
class CompileResult:
    """A build, and what is known of it before any RTL runs.

    Attributes
    ----------
    build : Build
    report : QuantiseReport
    measured_samples : int
        Calibration samples that the next four were measured on (0: none; cycles are then of random input).
    accuracy_float, accuracy_golden : float or None
        None without labels.
    predicted_cycles_per_sample : float
    input_spikes_per_sample : float
    """

    build: Build
    report: QuantiseReport
    measured_samples: int
    accuracy_float: float | None
    accuracy_golden: float | None
    predicted_cycles_per_sample: float
    input_spikes_per_sample: float


def compile_model(
    model: str | Path,
    out: str | Path,
    *,
    options: CompileOptions | None = None,
    calibration: str | Path | None = None,
    progress: Progress = lambda step: None,
) -> CompileResult:
    """Compile a model.

    Parameters
    ----------
    model : path
        A ``.nir`` file.
    out : path
        Build directory: new, empty, or an earlier build, which is replaced.
    options : CompileOptions, optional
    calibration : path, optional
        ``DATA.npz`` with spike counts (and labels) that the quantiser may use.
    progress : callable, optional

    Raises
    ------
    UserError, MissingTool
        One line: what, where, what would be accepted. Nothing is written then.
    """
    options = options or CompileOptions()
    target = check_output(Path(out))
    progress("reading the model")
    network = load_network(model, semantics=options.semantics, dt=options.dt)
    data = None if calibration is None else load_samples(calibration, shape=network.input_shape)
    progress("quantising")
    qnet, report = quantise(
        network, options.quantise, simulate=golden, calibration=None if data is None else data.x
    )
    progress("planning")
    plan = _plan(qnet, options.plan, data)
    progress("running the golden model")
    facts = _measure(network, qnet, plan, data)
    progress("writing the RTL")
    build = write_build(
        target,
        network=network,
        qnet=qnet,
        plan=plan,
        report=report,
        vectors=_vectors(qnet, data),
        options=options.to_table(report),
        predicted=_predicted(plan, facts),
        source=Source.of(model),
    )
    return CompileResult(build=build, report=report, **facts)


def _plan(qnet: QuantisedNetwork, options: PlanOptions, data: Samples | None) -> Plan:
    board = None if options.board is None else board_named(options.board)
    sample = None if data is None else data.x[:MEASURED_SAMPLES]
    if options.target is None:
        plan = make_plan(qnet, options, sample=sample)
    else:
        from ..gen.planning.planner import plan_for_target  # OR-tools takes a second to import

        plan = plan_for_target(qnet, options, activity=activity_of(qnet, data), sample=sample)
    if board is not None:
        check_memory(plan.accelerator, board)
    return plan


def activity_of(qnet: QuantisedNetwork, data: Samples | None) -> Activity:
    """What the planner times plans with: calibration samples, or random input where there are none."""
    x = _random_input(qnet) if data is None else data.x[:PLANNED_SAMPLES]
    run = golden.run_golden(qnet, x)
    spikes = [run.spikes.get(population.name) for population in qnet.populations]
    source = f"{len(x)} calibration samples" if data is not None else f"random input at {RANDOM_RATE:.0%}"
    return Activity(counts=x, spikes=spikes, source=source)


def _predicted(plan: Plan, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the manifest says of cycles, accuracy and memory; samples are 0 where the input was random."""
    params, board = plan.accelerator, plan.options.board
    device = None if board is None else board_named(board).device
    return {
        "cycles": {
            "per_sample": facts["predicted_cycles_per_sample"],
            "input_spikes_per_sample": facts["input_spikes_per_sample"],
            "samples": facts["measured_samples"],
        },
        "accuracy": {"float": facts["accuracy_float"], "golden": facts["accuracy_golden"]},
        "resources": {
            "weight_memory_bits": sum(core.weight_memory_bits for core in params.cores),
            "board": board,
            **(dict.fromkeys(RESOURCES) if device is None else asdict(predict_resources(params, device))),
        },
    }


def _measure(network: Network, qnet: QuantisedNetwork, plan: Plan, data: Samples | None) -> Mapping[str, Any]:
    """Predicted cycles and, with labels, accuracies."""
    x = _random_input(qnet) if data is None else data.x[:MEASURED_SAMPLES]
    run = golden.run_golden(qnet, x)
    cycles = predict_cycles(plan.accelerator, x, [run.spikes.get(name) for name in plan.populations])
    accuracies: tuple[float | None, float | None] = (None, None)
    if data is not None and data.y is not None:
        y = data.y[:MEASURED_SAMPLES]
        float_run = golden.run_float(network, x, keep=())
        accuracies = (accuracy(decide(network, float_run), y), accuracy(decide(qnet, run), y))
    return {
        "measured_samples": 0 if data is None else len(x),
        "accuracy_float": accuracies[0],
        "accuracy_golden": accuracies[1],
        "predicted_cycles_per_sample": float(cycles.mean()),
        "input_spikes_per_sample": float(x.sum(dtype=np.int64) / len(x)),
    }


def _vectors(qnet: QuantisedNetwork, data: Samples | None) -> Vectors:
    x = (_random_input(qnet) if data is None else data.x)[:VECTOR_SAMPLES]
    return Vectors(x=x, output=golden.run_golden(qnet, x).joined_output)


def _random_input(qnet: QuantisedNetwork) -> np.ndarray:
    """Seeded counts, above 0 at `RANDOM_RATE`, where nothing else is known of the input."""
    shape = (VECTOR_SAMPLES, RANDOM_STEPS, *qnet.input_shape)
    rng = np.random.default_rng(0)
    events = (rng.random(shape) < RANDOM_RATE).astype(np.uint8)
    return events * rng.integers(1, qnet.input_max + 1, shape, np.uint8)
