"""Event lists: binned like a plain loop does it, and refused in one line."""

from pathlib import Path

import numpy as np
import pytest
from spikeloom.gen.errors import UserError
from spikeloom.sim.data import load_samples

SHAPE = (2, 3, 4)
NMNIST = Path(__file__).resolve().parents[3] / "shared" / "data" / "nmnist" / "test30.npz"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "events.npz"


def events(seed=0, samples=5):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 200, samples)
    counts[2] = 0
    total = counts.sum()
    return {
        "p": rng.integers(0, 2, total).astype(np.uint8),
        "y": rng.integers(0, 3, total).astype(np.uint8),
        "x": rng.integers(0, 4, total).astype(np.uint16),
        "t": rng.integers(0, 10_000, total).astype(np.uint32),
        "offset": np.concatenate([[0], counts.cumsum()]).astype(np.uint32),
        "label": np.arange(samples),
    }


def binned(arrays, bin_us, steps):
    """The same with a loop over events."""
    samples = len(arrays["offset"]) - 1
    x = np.zeros((samples, steps, *SHAPE), dtype=int)
    dropped = 0
    for k in range(samples):
        for e in range(int(arrays["offset"][k]), int(arrays["offset"][k + 1])):
            step = int(int(arrays["t"][e]) // bin_us)
            if step < steps:
                x[k, step, arrays["p"][e], arrays["y"][e], arrays["x"][e]] += 1
            else:
                dropped += 1
    return x, dropped


@pytest.mark.parametrize(("bin_us", "steps"), [(1000, 10), (1000, 4), (2500.5, 4), (9999, 2), (7, 1429)])
def test_events_are_counted(file, bin_us, steps):
    arrays = events()
    np.savez(file, **arrays)
    samples = load_samples(file, shape=SHAPE, bin_us=bin_us, steps=steps)
    x, dropped = binned(arrays, bin_us, steps)
    np.testing.assert_array_equal(samples.x, x)
    assert samples.x.dtype == np.uint8
    assert samples.dropped_events == dropped
    assert samples.y is not None
    assert samples.y.tolist() == [0, 1, 2, 3, 4]


def test_steps_reach_the_last_event_by_default(file):
    arrays = events()
    np.savez(file, **arrays)
    samples = load_samples(file, shape=SHAPE, bin_us=1000)
    assert samples.x.shape[1] == int(arrays["t"].max()) // 1000 + 1
    assert samples.x.sum() == len(arrays["t"])


def test_limit_reads_the_first_samples(file):
    arrays = events()
    np.savez(file, **arrays)
    x, _ = binned(arrays, 1000, 10)
    samples = load_samples(file, shape=SHAPE, bin_us=1000, steps=10, limit=2)
    np.testing.assert_array_equal(samples.x, x[:2])
    assert samples.y is not None
    assert samples.y.tolist() == [0, 1]


def test_a_flat_sensor_sums_the_polarities(file):
    arrays = events()
    np.savez(file, **arrays)
    samples = load_samples(file, shape=SHAPE[1:], bin_us=1000, steps=10)
    np.testing.assert_array_equal(samples.x, binned(arrays, 1000, 10)[0].sum(axis=2))


def changed(**changes):
    return {**events(), **changes}


TOTAL = len(events()["t"])


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        (events(), {}, "FILE: holds event lists, which need a bin width above 0 microseconds"),
        (
            events(),
            {"bin_us": 0},
            "FILE: holds event lists, which need a bin width above 0 microseconds, not 0",
        ),
        (
            events(),
            {"bin_us": float("nan")},
            "FILE: holds event lists, which need a bin width above 0 microseconds, not nan",
        ),
        (
            events(),
            {"bin_us": 1000, "shape": (24,)},
            "FILE: event lists need an input of the shape (polarities, rows, columns) or (rows, columns), not"
            " (24,)",
        ),
        (
            {k: v for k, v in events().items() if k != "p"},
            {"bin_us": 1000},
            "FILE: has no array p, only label, offset, t, x, y",
        ),
        (
            changed(offset=np.asarray([1, 2])),
            {"bin_us": 1000},
            "FILE: offset must start at 0, never fall, and have one entry more than there are samples",
        ),
        (
            changed(offset=np.asarray([0, 5, 2])),
            {"bin_us": 1000},
            "FILE: offset must start at 0, never fall, and have one entry more than there are samples",
        ),
        (
            changed(offset=np.asarray([0])),
            {"bin_us": 1000},
            "FILE: offset must start at 0, never fall, and have one entry more than there are samples",
        ),
        (
            changed(offset=np.asarray([0, 10**6])),
            {"bin_us": 1000},
            f"FILE: offset counts 1000000 events, p has {TOTAL}",
        ),
        (
            changed(x=np.full(TOTAL, 4)),
            {"bin_us": 1000},
            "FILE: x of event 0 must be 0 .. 3, not 4",
        ),
        (changed(y=np.full(TOTAL, -1)), {"bin_us": 1000}, "FILE: y of event 0 must be 0 .. 2, not -1"),
        (
            changed(t=np.zeros(TOTAL)),
            {"bin_us": 1000},
            f"FILE: t must be a list of whole numbers, not float64 of shape ({TOTAL},)",
        ),
        (
            changed(t=np.full(TOTAL, 2**63, np.uint64)),
            {"bin_us": 1000},
            "FILE: t of event 0 must be 0 .. 9007199254740991, not 9223372036854775808",
        ),
        (
            changed(label=np.arange(4)),
            {"bin_us": 1000},
            "FILE: labels label must have the shape (5,), not (4,)",
        ),
        (
            changed(t=np.full(TOTAL, 2**40)),
            {"bin_us": 1},
            "FILE: 5 samples of 1099511627777 steps take 131941395333240 bytes, at most 4294967296 are"
            " accepted; take wider bins, fewer steps or a limit",
        ),
        (
            {
                **{name: np.zeros(256, np.uint8) for name in "xypt"},
                "offset": np.asarray([0, 0, 256]),
            },
            {"bin_us": 1},
            "FILE: sample 1 has 256 events of one channel in one step, at most 255 fit; take narrower bins",
        ),
        (
            {**{name: np.zeros(0, np.uint8) for name in "xypt"}, "offset": np.asarray([0, 0])},
            {"bin_us": 1},
            "FILE: has no events, so the number of steps must be given",
        ),
    ],
)
def test_what_does_not_fit(file, arrays, options, message):
    np.savez(file, **arrays)
    with pytest.raises(UserError) as error:
        load_samples(file, **{"shape": SHAPE, **options})
    assert str(error.value).replace(str(file), "FILE") == message


@pytest.mark.skipif(not NMNIST.exists(), reason="the data sets beside the project are absent")
def test_recordings_of_a_real_event_camera():
    samples = load_samples(NMNIST, shape=(2, 34, 34), bin_us=1000, steps=300)
    assert samples.x.shape == (30, 300, 2, 34, 34)
    assert samples.y is not None
    assert int(samples.x.sum(dtype=np.int64)) + samples.dropped_events == len(np.load(NMNIST)["t"])
