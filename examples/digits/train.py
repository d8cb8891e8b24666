"""Train the 64-48-10 network on scikit-learn's digits and write everything that the example needs.

Run ``python examples/digits/train.py`` (half a minute on a core). It needs spikeloom, torch, scikit-learn,
and writes beside itself

- ``digits.nir``: the network, as snnTorch would export it (zero reset, spike at membrane > threshold);
- ``digits_test.npz``: every held-out digit as spikes, ``x`` uint8 (samples, steps, 64) and ``y``;
- ``digits_calibration.npz``: some training digits in the same form, for the quantiser.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nir
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from spikeloom.sim.encode import encode_rate
from torch import nn

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from nir_nodes import lif_node, write_chain  # noqa: E402
from surrogate import Dense, Lif  # noqa: E402

SEED = 3
STEPS = 12
HIDDEN = 48
BETA = 0.9375  # 1 - 1/16: the leak is one shift and one subtraction
EPOCHS = 150
CALIBRATION_SAMPLES = 256
TEST_SEED, CALIBRATION_SEED, FIRST_TRAINING_SEED = 0, 1, 2  # of the spikes' phases


def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Intensities 0..1 (samples, 64) and labels: training, then held out (a quarter of each class)."""
    data = load_digits()
    x = data.data / 16
    return train_test_split(x, data.target, test_size=0.25, stratify=data.target, random_state=SEED)


def spikes_of(values: np.ndarray, *, seed: int) -> torch.Tensor:
    """Evenly spaced spikes (samples, STEPS, 64), a pixel of full intensity in every step.

    They carry the intensity with far less noise than independent draws do: one point of accuracy here.
    """
    return torch.from_numpy(encode_rate(values, STEPS, seed=seed, even=True))


def network() -> nn.Sequential:
    return nn.Sequential(
        Dense(64, HIDDEN, noise=0.03, clip=3), Lif(BETA), nn.Dropout(0.1),
        Dense(HIDDEN, 10, noise=0.03, clip=3), Lif(BETA),
    )  # fmt: skip


def train(net: nn.Sequential, x: np.ndarray, y: np.ndarray) -> None:
    """Fit the outputs' spike counts by back-propagation through time, on freshly drawn spikes each epoch."""
    labels = torch.as_tensor(y)
    optimiser = torch.optim.AdamW(net.parameters(), lr=4e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    net.train()
    for epoch in range(EPOCHS):
        spikes = spikes_of(x, seed=FIRST_TRAINING_SEED + epoch).float()
        for batch in torch.randperm(len(labels)).split(64):
            counts = net(spikes[batch]).sum(1)
            loss = nn.functional.cross_entropy(counts, labels[batch], label_smoothing=0.02)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            for layer in (net[0], net[3]):
                layer.constrain()
        schedule.step()


@torch.no_grad()
def evaluate(net: nn.Sequential, spikes: torch.Tensor, y: np.ndarray) -> dict[str, float]:
    """Accuracy by the output that fires most (the lower class wins a tie); spikes a sample of each layer."""
    net.eval()
    hidden = net[1](net[0](spikes))
    out = net[4](net[3](hidden))
    layers = {"input": spikes, "hidden": hidden, "output": out}
    accuracy = float(np.mean(out.sum(1).numpy().argmax(1) == y))
    return {"accuracy": accuracy, **{name: float(s.sum((1, 2)).mean()) for name, s in layers.items()}}


def save(net: nn.Sequential) -> None:
    nodes: dict[str, nir.NIRNode] = {}
    for number, layer in enumerate((net[0], net[3]), start=1):
        weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        nodes[f"fc{number}"] = nir.Affine(weight, bias)
        nodes[f"lif{number}"] = lif_node(BETA, bias.shape)
    write_chain(HERE / "digits.nir", (64,), nodes)


def main() -> None:
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    x_train, x_test, y_train, y_test = digits()
    net = network()
    train(net, x_train, y_train)
    save(net)
    test = spikes_of(x_test, seed=TEST_SEED)
    print(evaluate(net, test.float(), y_test))
    calibration = spikes_of(x_train[:CALIBRATION_SAMPLES], seed=CALIBRATION_SEED)
    for name, x, y in (("test", test, y_test), ("calibration", calibration, y_train[:CALIBRATION_SAMPLES])):
        np.savez_compressed(HERE / f"digits_{name}.npz", x=x.numpy(), y=y.astype(np.int64))


if __name__ == "__main__":
    main()
