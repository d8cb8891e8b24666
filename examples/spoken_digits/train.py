"""Train a network for spoken digits and write ``fsdd_KIND.nir``.

``python examples/spoken_digits/train.py recurrent|delays|plain [FSDD.npz]``: two to four minutes on one core.
Needs spikeloom and torch; make_data.py tells what FSDD.npz is, networks.py what is trained. In every epoch a
recording is new: stretched, shifted in time and pitch, louder or quieter, noisy. Tests take no part.
``--validate`` trains on five sixths of the training recordings and reports the accuracy on the rest instead.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from export import save  # noqa: E402
from make_data import BANDS, DEFAULT_SOURCE, LOUD, QUIET, STEPS, TEST_SEED, read_fsdd, spikes_of  # noqa: E402
from networks import DelayedDense, network, parameter_count  # noqa: E402
from surrogate import Lif, RecurrentCubaLif  # noqa: E402

SEED = 1
EPOCHS = 60
BATCH = 64
LEARNING_RATE = 4e-3
DELAY_LEARNING_RATE = 0.1  # steps
LOGIT_PER_MEMBRANE_SUM = 0.01
VALIDATION = 450


def augmented(frames: Tensor) -> Tensor:
    """Spikes (samples, STEPS, BANDS) of changed frames, with new phases."""
    rate = ((changed(frames) - QUIET) / (LOUD - QUIET)).clamp(0, 1)
    total = torch.floor(torch.rand(len(rate), 1, BANDS) + rate.cumsum(1))
    return torch.diff(total, dim=1, prepend=torch.zeros(len(rate), 1, BANDS))


def changed(frames: Tensor) -> Tensor:
    """Stretch by 9 %, start up to 15 frames later, move by a band, scale and shift loudness, add noise."""
    count = len(frames)

    def draw(largest: float) -> Tensor:
        return (torch.rand(count) * 2 - 1) * largest

    speed, band, width = 1 + draw(0.09), draw(0.9), 1 + draw(0.024)
    length = STEPS - (frames.flip(1).amax(2) > 0).float().argmax(1)
    start = torch.rand(count) * (STEPS - length / speed).clamp(0, 15)
    zero = torch.zeros(count)
    to_band = torch.stack([width, zero, band * 2 / BANDS], 1)
    to_frame = torch.stack([zero, speed, speed - 1 - 2 * start * speed / STEPS], 1)
    grid = functional.affine_grid(
        torch.stack([to_band, to_frame], 1), [count, 1, STEPS, BANDS], align_corners=False
    )
    moved = functional.grid_sample(frames[:, None], grid, align_corners=False)[:, 0]
    loud = moved * (1 + draw(0.07))[:, None, None] + draw(9.0)[:, None, None] + 5 * torch.randn_like(moved)
    return torch.where(moved > 1, loud, 0)  # silence after the end stays silent


def optimiser_of(net: nn.Sequential) -> torch.optim.Optimizer:
    delays = [module.position for module in net.modules() if isinstance(module, DelayedDense)]
    others = [p for p in net.parameters() if not any(p is delay for delay in delays)]
    groups = [{"params": others, "lr": LEARNING_RATE, "weight_decay": 0.01}]
    if delays:
        groups.append({"params": delays, "lr": DELAY_LEARNING_RATE, "weight_decay": 0.0})
    return torch.optim.AdamW(groups)


def train(net: nn.Sequential, frames: Tensor, labels: Tensor) -> None:
    """Fit the sums of the readout membranes by back-propagation through time."""
    batches = len(labels) // BATCH
    total = EPOCHS * batches
    optimiser = optimiser_of(net)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda k: min(1, (k + 1) / (0.05 * total)) * (0.5 + 0.5 * math.cos(math.pi * k / total))
    )
    net.train()
    for epoch in range(EPOCHS):
        start, losses = time.monotonic(), 0.0
        for module in net.modules():
            if isinstance(module, DelayedDense):
                module.narrow(epoch / EPOCHS)
        for batch in torch.randperm(len(labels))[: batches * BATCH].split(BATCH):
            logits = LOGIT_PER_MEMBRANE_SUM * net(augmented(frames[batch])).sum(1)
            loss = functional.cross_entropy(logits, labels[batch], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses += loss.item()
        print(f"epoch {epoch + 1}: loss {losses / batches:.4f}, {time.monotonic() - start:.0f} s", flush=True)


@torch.no_grad()
def evaluate(net: nn.Sequential, spikes: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy, and spikes a recording of each layer."""
    net.eval()
    x = torch.from_numpy(spikes).float()
    result = {"input": float(x.sum()) / len(x)}
    for layer in net:
        x = layer(x)
        if isinstance(layer, Lif | RecurrentCubaLif):
            result[f"hidden {len(result)}"] = float(x.sum()) / len(x)
    return {"accuracy": float(np.mean(x.sum(1).numpy().argmax(1) == labels))} | result


def main() -> None:
    parser = argparse.ArgumentParser(description="Train a network for spoken digits")
    parser.add_argument("kind", choices=["recurrent", "delays", "plain"])
    parser.add_argument("source", nargs="?", default=DEFAULT_SOURCE, type=Path)
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--seed", default=SEED, type=int, help="of weights, order and augmentation")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    data = read_fsdd(options.source)
    if options.validate:
        order = np.random.default_rng(SEED).permutation(len(data["y_train"]))
        held, rest = order[:VALIDATION], order[VALIDATION:]
        data = {
            "x_train": data["x_train"][rest], "y_train": data["y_train"][rest],
            "x_test": data["x_train"][held], "y_test": data["y_train"][held],
        }  # fmt: skip
    net = network(options.kind)
    train(net, torch.from_numpy(data["x_train"]).float(), torch.from_numpy(data["y_train"]))
    test = spikes_of(data["x_test"], seed=TEST_SEED)
    print(f"{parameter_count(net)} parameters", evaluate(net, test, data["y_test"]))
    if not options.validate:
        save(net, HERE / f"fsdd_{options.kind}.nir", BANDS)


if __name__ == "__main__":
    main()
