"""Train the 784-128-10 network on MNIST and write ``mnist_784_128_10.nir``.

``python examples/mnist/train.py [MNIST.npz]``: about 20 minutes on one core. Needs spikeloom and torch. The
data file is that of make_data.py, which also says how an image becomes spikes. In every epoch an image is
new: a little rotated, scaled, sheared and shifted, with other phases of its spikes. Test images take no part.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import nir
import numpy as np
import torch
from make_data import DEFAULT_SOURCE, STEPS, TEST_SEED, rates, read_mnist
from spikeloom.sim.encode import encode_rate
from torch import Tensor, nn
from torch.nn import functional

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from augment import deform, even_spikes  # noqa: E402
from nir_nodes import lif_node, write_chain  # noqa: E402
from surrogate import Dense, Lif  # noqa: E402

SEED = 1
HIDDEN = 128
BETA = 0.9375  # 1 - 1/16: the leak is one shift and one subtraction
EPOCHS = 60
BATCH = 128
LEARNING_RATE = 2e-3
WEIGHT_NOISE, WEIGHT_CLIP = 0.035, 5.0  # the rounding error of 4 bits; largest over root mean square


def network() -> nn.Sequential:
    return nn.Sequential(
        Dense(784, HIDDEN, noise=WEIGHT_NOISE, clip=WEIGHT_CLIP), Lif(BETA), nn.Dropout(0.05),
        Dense(HIDDEN, 10, noise=WEIGHT_NOISE, clip=WEIGHT_CLIP), Lif(BETA),
    )  # fmt: skip


def augmented(images: Tensor) -> Tensor:
    """Deform images (n, 784) of 0..255 and turn them into spikes (n, STEPS, 784)."""
    pixels = deform(images.view(-1, 1, 28, 28).float(), rotate=0.2, scale=0.12, shear=0.15, shift=0.1)
    return even_spikes(torch.from_numpy(rates(pixels.view(-1, 784).numpy())).float(), STEPS)


def train(net: nn.Sequential, images: Tensor, labels: Tensor) -> None:
    """Fit the outputs' spike counts by back-propagation through time."""
    optimiser = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=1e-3)
    batches = len(labels) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, LEARNING_RATE, total_steps=EPOCHS * batches, pct_start=0.1
    )
    net.train()
    for epoch in range(EPOCHS):
        start, total = time.monotonic(), 0.0
        for batch in torch.randperm(len(labels))[: batches * BATCH].split(BATCH):
            counts = net(augmented(images[batch])).sum(1)
            loss = functional.cross_entropy(counts, labels[batch], label_smoothing=0.02)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            net[0].constrain()
            net[3].constrain()
            total += loss.item()
        print(f"epoch {epoch + 1}: loss {total / batches:.4f}, {time.monotonic() - start:.0f} s", flush=True)


@torch.no_grad()
def evaluate(net: nn.Sequential, spikes: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy by the output that fires most (the lower class wins a tie); spikes an image of each layer."""
    net.eval()
    totals, right = np.zeros(3), 0
    for part in range(0, len(labels), 1000):
        x = torch.from_numpy(spikes[part : part + 1000]).float()
        hidden = net[1](net[0](x))
        out = net[4](net[3](hidden))
        totals += [float(s.sum()) for s in (x, hidden, out)]
        right += int(np.sum(out.sum(1).numpy().argmax(1) == labels[part : part + 1000]))
    names = ("input", "hidden", "output")
    return {"accuracy": right / len(labels)} | dict(zip(names, (totals / len(labels)).tolist(), strict=True))


def save(net: nn.Sequential, path: Path) -> None:
    nodes: dict[str, nir.NIRNode] = {}
    for number, layer in enumerate((net[0], net[3]), start=1):
        weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        nodes[f"fc{number}"] = nir.Affine(weight, bias)
        nodes[f"lif{number}"] = lif_node(BETA, bias.shape)
    write_chain(path, (784,), nodes)


def main() -> None:
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    data = read_mnist(sys.argv[1] if len(sys.argv) > 1 else DEFAULT_SOURCE)
    net = network()
    train(net, torch.from_numpy(data["x_train"]), torch.from_numpy(data["y_train"]))
    save(net, HERE / "mnist_784_128_10.nir")
    test = encode_rate(rates(data["x_test"]), STEPS, seed=TEST_SEED, even=True)
    print(evaluate(net, test, data["y_test"]))


if __name__ == "__main__":
    main()
