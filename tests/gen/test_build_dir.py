"""The build directory: complete or absent, reproducible, and believed only after it was checked."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from spikeloom.gen import build_dir
from spikeloom.gen.build_dir import Vectors, check_output, read_build, write_build
from spikeloom.gen.codec import encode
from spikeloom.gen.errors import UserError
from spikeloom.gen.manifest import Source, file_hash
from spikeloom.gen.plan import PlanOptions, make_plan

from .chains import float_chain, quantised_chain

OPTIONS = {"semantics": {"name": "norse", "dt": 1e-3}, "quantise": {"weight_bits": 4, "search": True}}


def vectors():
    rng = np.random.default_rng(3)
    x = rng.integers(0, 2, (2, 5, 6), dtype=np.uint8)
    return Vectors(
        x=x, output=rng.integers(0, 2, (2, 5, 4), dtype=np.uint8), streams={"events.mem": "00\n1f\n"}
    )


def write(path, *, seed=5, **options):
    qnet = quantised_chain([6, 9, 4], bits=3, seed=seed)
    plan = make_plan(qnet, PlanOptions(lanes=4, **options))
    return write_build(
        path,
        network=float_chain(qnet),
        qnet=qnet,
        plan=plan,
        report={"disagreement": 0.01, "worst": float("inf"), "steps": [1, 2, 3]},
        vectors=vectors(),
        options=OPTIONS,
        predicted={"cycles": {"per_sample": 123}},
        source=Source(name="model.nir", sha256="0" * 64),
    )


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    return write(tmp_path_factory.mktemp("build") / "out")


def contents(path):
    return {p.relative_to(path).as_posix(): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def test_layout(build):
    assert set(contents(build.path)) == {
        "constraints/accelerator.lpf",
        "constraints/accelerator.sdc",
        "manifest.json",
        "network.npz",
        "options.toml",
        "quantised.npz",
        "rtl/accelerator.il",
        "rtl/accelerator.v",
        "rtl/accelerator_core_layer_1_array_memory_weights.mem",
        "rtl/accelerator_core_layer_1_lif_parameters_memory.mem",
        "rtl/accelerator_core_layer_2_array_memory_weights.mem",
        "rtl/accelerator_core_layer_2_lif_parameters_memory.mem",
        "summary.md",
        "vectors/events.mem",
        "vectors/vectors.npz",
    }
    assert [p.name for p in build.path.parent.iterdir()] == ["out"]


def test_manifest(build):
    manifest = json.loads((build.path / "manifest.json").read_text())
    assert manifest["source"] == {"name": "model.nir", "sha256": "0" * 64}
    assert manifest["network"]["synapses"] == 6 * 9 + 9 * 4
    assert manifest["semantics"]["name"] == "norse"
    assert len(manifest["assumptions"]) == 1
    assert manifest["formats"][0]["weight_bits"] == 3
    assert manifest["formats"][0]["per_neuron"] == ["threshold", "membrane_decay"]
    assert manifest["quantiser"] == {"disagreement": 0.01, "worst": None, "steps": [1, 2, 3]}
    assert manifest["predicted"] == {"cycles": {"per_sample": 123}, "resources": None}
    assert manifest["tools"].keys() >= {"spikeloom", "amaranth", "numpy", "yosys"}
    assert set(manifest["files"]) == set(contents(build.path)) - {"manifest.json"}
    for name, entry in manifest["files"].items():
        assert entry == {
            "bytes": (build.path / name).stat().st_size,
            "sha256": file_hash(build.path / name),
        }


def test_no_path_of_the_machine_is_written(build):
    for name, content in contents(build.path).items():
        assert str(build.path.parent).encode() not in content, name
        assert str(Path(build_dir.__file__).parents[1]).encode() not in content, name


def test_options_give_the_plan_again(build):
    options = tomllib.loads((build.path / "options.toml").read_text())
    plan_options = options.pop("plan")
    assert options == OPTIONS
    assert PlanOptions.from_table(plan_options) == build.plan.options


def test_summary_tells_formats_ports_and_assumptions(build):
    text = (build.path / "summary.md").read_text()
    assert "| layer.1 | LIF | 9 | 6 | 4 | 3 | 1 | 18 x 12 |" in text
    assert "| events__payload | in | 5 | from bit 0: index (3), tick (1), last (1) |" in text
    assert "- Spikes are compared with >, as the norse preset says" in text
    assert "- cycles: per_sample 123" in text


def test_constraints(build):
    assert (
        "create_clock -name clk -period 10.0000" in (build.path / "constraints/accelerator.sdc").read_text()
    )
    assert 'FREQUENCY PORT "clk" 100 MHZ;' in (build.path / "constraints/accelerator.lpf").read_text()


def test_round_trip(build):
    again = read_build(build.path)
    assert again.plan == build.plan
    assert encode(again.network) == encode(build.network)
    assert encode(again.qnet) == encode(build.qnet)
    for first, second in zip(build.qnet.projections, again.qnet.projections, strict=True):
        assert first.weight.dtype == second.weight.dtype
        assert not second.weight.flags.writeable
    assert again.manifest == json.loads((build.path / "manifest.json").read_text())
    assert again.verilog.is_file()
    assert again.rtlil.is_file()
    assert len(again.images) == 4
    samples, expected = again.vectors(), vectors()
    assert samples is not None
    assert (samples.x == expected.x).all()
    assert (samples.output == expected.output).all()


def test_build_without_vectors(tmp_path):
    qnet = quantised_chain([2, 3], analog=True)
    write_build(tmp_path / "out", network=float_chain(qnet), qnet=qnet, plan=make_plan(qnet))
    assert read_build(tmp_path / "out").vectors() is None
    assert read_build(tmp_path / "out").manifest["quantiser"] is None


WRITE_AGAIN = """
import sys
sys.path.insert(0, sys.argv[1])
from tests.gen.test_build_dir import write
write(sys.argv[2])
"""


def test_same_bytes_in_every_process(build, tmp_path):
    root = Path(__file__).parents[2]
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", WRITE_AGAIN, str(root), str(tmp_path / seed)]
        subprocess.run(command, check=True, env=environment, cwd=tmp_path)
    assert contents(tmp_path / "1") == contents(tmp_path / "2") == contents(build.path)


def test_other_weights_give_other_bytes(build, tmp_path):
    other = contents(write(tmp_path / "out", seed=6).path)
    same = {name for name, content in contents(build.path).items() if other[name] == content}
    assert not same & {"quantised.npz", "rtl/accelerator.il", "manifest.json"}


def test_an_earlier_build_is_replaced(build, tmp_path):
    shutil.copytree(build.path, tmp_path / "out")
    (tmp_path / "out" / "stale").write_text("old")
    write(tmp_path / "out", seed=2)
    assert "stale" not in contents(tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    read_build(tmp_path / "out")


def test_missing_folders_are_made_and_empty_ones_used(tmp_path):
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty")
    write(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / "manifest.json").is_file()


def full(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    return tmp_path, "it holds other files; give a new or empty directory, or an earlier one"


def a_file(tmp_path):
    (tmp_path / "out").write_text("mine")
    return tmp_path / "out", "it exists and is not a directory"


def under_a_file(tmp_path):
    (tmp_path / "file").write_text("mine")
    return tmp_path / "file" / "out", f"{tmp_path / 'file'} is not a directory"


def dangling(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    return tmp_path / "loop", None


@pytest.mark.parametrize("make", [full, a_file, under_a_file, dangling])
def test_places_that_cannot_be_written(make, tmp_path):
    path, reason = make(tmp_path)
    before = sorted(p.name for p in tmp_path.iterdir())
    for attempt in (check_output, write):
        with pytest.raises(UserError) as error:
            attempt(path)
        assert str(error.value).startswith(f"Cannot write the build to {path}: ")
        assert "\n" not in str(error.value)
        assert reason is None or str(error.value).endswith(reason)
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_a_folder_without_permission(tmp_path, monkeypatch):
    monkeypatch.setattr("spikeloom.gen.atomic_dir.os.access", lambda *_: False)
    with pytest.raises(UserError, match=r": no permission to write in "):
        write(tmp_path / "out")


@pytest.mark.parametrize(
    "failure",
    [OSError(28, "No space left on device"), KeyboardInterrupt(), UserError("no"), ZeroDivisionError()],
)
@pytest.mark.parametrize("existing", [False, True])
def test_a_failure_leaves_what_was_there(failure, existing, build, tmp_path, monkeypatch):
    target = tmp_path / "a" / "out"
    before = contents(shutil.copytree(build.path, target)) if existing else {}

    def fail(*args, **kwargs):
        raise failure

    monkeypatch.setattr(build_dir, "summary_text", fail)
    expected = UserError if isinstance(failure, OSError) else type(failure)
    with pytest.raises(expected) as error:
        write(target, clock_mhz=50.0)
    if isinstance(failure, OSError):
        assert str(error.value) == f"Cannot write the build to {target}: No space left on device"
    assert contents(tmp_path) == {f"a/out/{name}": content for name, content in before.items()}
    assert [p.name for p in tmp_path.iterdir()] == (["a"] if existing else [])


def test_an_interrupt_in_the_last_moment_restores_the_earlier_build(build, tmp_path, monkeypatch):
    before = contents(shutil.copytree(build.path, tmp_path / "out"))
    rename = Path.rename

    def interrupted(self, target):
        if Path(target).name == "out" and not self.name.endswith("-old"):
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "out", seed=6)
    assert contents(tmp_path / "out") == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def altered(path, change):
    manifest = json.loads((path / "manifest.json").read_text())
    change(manifest)
    (path / "manifest.json").write_text(json.dumps(manifest, indent=2))


def renew_hash(path, name):
    altered(path, lambda m: m["files"][name].update(sha256=file_hash(path / name)))


def unsafe_path(path):
    altered(path, lambda m: m["files"].update({"../secret": {"sha256": "0"}}))


def without_plan(path):
    altered(path, lambda m: m.pop("plan"))


def wrong_enum(path):
    altered(path, lambda m: m["plan"]["accelerator"].update(readout="votes"))


def unknown_field(path):
    altered(path, lambda m: m["plan"].update(extra=1))


def wrong_type(path):
    altered(path, lambda m: m["plan"]["accelerator"]["cores"][0]["array"].update(lanes="4"))


def invalid_value(path):
    altered(path, lambda m: m["plan"]["accelerator"]["cores"][0]["array"].update(lanes=1000))


def other_core(path):
    altered(path, lambda m: m["plan"]["accelerator"]["cores"][1]["neuron"].update(state_bits=17))


def changed_rtl(path):
    with (path / "rtl/accelerator.v").open("a") as file:
        file.write("// mine\n")


def missing_image(path):
    next(path.glob("rtl/*.mem")).unlink()


def other_version(path):
    altered(path, lambda m: m.update(format_version=99))


def not_json(path):
    (path / "manifest.json").write_text('{"format": "spikeloom-build", oops')


def deep_json(path):
    (path / "manifest.json").write_text('{"format": "spikeloom-build", "x": ' + "[" * 100_000)


def pickled(path):
    np.savez(path / "quantised.npz", structure=np.array([{}], dtype=object))
    renew_hash(path, "quantised.npz")


def truncated(path):
    (path / "network.npz").write_bytes((path / "network.npz").read_bytes()[:500])
    renew_hash(path, "network.npz")


def compressed(path):
    np.savez_compressed(path / "network.npz", structure=np.zeros(9, np.uint8))
    renew_hash(path, "network.npz")


def other_weights(path):
    rewrite(path, lambda q: quantised_chain([6, 9, 4], bits=4))


def large_weight(path):
    def change(qnet):
        first = replace(qnet.projections[0], weight=qnet.projections[0].weight + np.int32(100))
        return replace(qnet, projections=(first, *qnet.projections[1:]))

    rewrite(path, change)


def wrong_shape(path):
    def change(qnet):
        first = replace(qnet.projections[0], weight=np.zeros((9, 5), np.int32))
        return replace(qnet, projections=(first, *qnet.projections[1:]))

    rewrite(path, change)


def rewrite(path, change):
    qnet = change(read_build(path).qnet)
    build_dir.write_network(path / "quantised.npz", qnet)
    renew_hash(path, "quantised.npz")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (unsafe_path, "manifest.json: file ../secret must be a path inside the build directory"),
        (without_plan, "manifest.json: plan: expected an object, found null"),
        (
            wrong_enum,
            "manifest.json: plan.accelerator.readout:"
            " expected one of spikes, membrane, counts, class, found 'votes'",
        ),
        (unknown_field, "manifest.json: plan: unknown extra"),
        (wrong_type, "manifest.json: plan.accelerator.cores.0.array.lanes: expected int, found '4'"),
        (
            invalid_value,
            "manifest.json: plan.accelerator.cores.0.array: Lanes must be between 1 and 9, not 1000",
        ),
        (other_core, "manifest.json: core layer_2 does not fit population layer.2 of the network"),
        (changed_rtl, "rtl/accelerator.v: changed since it was written; compile the network again"),
        (missing_image, ".mem: missing; compile the network again"),
        (other_version, "manifest.json: build format 1 is supported; compile the network again"),
        (not_json, "manifest.json: not readable (Expecting property name enclosed in double quotes"),
        (deep_json, "manifest.json: not readable ("),
        (pickled, "quantised.npz: not a readable .npz of plain arrays"),
        (truncated, "network.npz: not a readable .npz of plain arrays"),
        (compressed, "network.npz: not a readable .npz of plain arrays (structure.npy is compressed)"),
        (other_weights, "manifest.json: core layer_1 does not fit population layer.1 of the network"),
        (large_weight, "quantised.npz: projection input->layer.1: a weight does not fit its 3 bits"),
        (
            wrong_shape,
            "quantised.npz: projection input->layer.1: its weights must have shape (9, 6), not (9, 5)",
        ),
    ],
)
def test_damage_is_one_line(damage, message, build, tmp_path):
    copy = shutil.copytree(build.path, tmp_path / "copy")
    damage(copy)
    with pytest.raises(UserError) as error:
        read_build(copy)
    assert message in str(error.value)
    assert str(error.value).startswith(str(copy))
    assert "\n" not in str(error.value)


def test_not_a_build(tmp_path):
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UserError) as error:
            read_build(path)
        assert (
            str(error.value) == f"{path}: not a spikeloom build directory; make one with: spikeloom compile"
        )
