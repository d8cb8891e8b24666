"""Train a convolutional network on MNIST and write ``mnist_conv.nir``.

``python examples/mnist/train_conv.py [MNIST.npz]``: about 25 minutes on one core. Needs spikeloom and torch.
A pixel spikes once, the sooner the brighter it is (make_data.py). In every epoch an image is a little
rotated, scaled, sheared and shifted. The loss holds the spikes to a budget of synaptic rows, which is what
they cost in cycles. Test images take no part.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import nir
import numpy as np
import torch
from make_data import CONV_STEPS, DEFAULT_SOURCE, INK, latencies, read_mnist
from torch import Tensor, nn
from torch.nn import functional

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from augment import deform  # noqa: E402
from nir_nodes import li_node, lif_node, write_chain  # noqa: E402
from surrogate import Convolution, Dense, Li, Lif, SumPool  # noqa: E402

SEED = 1
BETA = 0.9375  # 1 - 1/16: the leak is one shift and one subtraction
EPOCHS = 13
BATCH = 100
LEARNING_RATE = 2e-3
NOISE = 0.015  # the rounding error of 6 bits
BUDGET_ROWS = 6000  # an image
ROWS = (25 / 4, 9, 1)  # rows of weights that a spike of the input and of the two hidden layers reads


class Normalised(nn.Module):
    """A convolution and the normalisation of its channels, one convolution in the file."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1):
        super().__init__()
        self.synapses = Convolution(inputs, outputs, kernel, stride=stride, noise=NOISE)
        self.norm = nn.BatchNorm2d(outputs)
        nn.init.constant_(self.norm.weight, 0.5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.synapses(x)
        return self.norm(y.flatten(0, 1)).unflatten(0, y.shape[:2])

    @torch.no_grad()
    def node(self, input_shape: tuple[int, int]) -> nir.Conv2d:
        gain = self.norm.weight / (self.norm.running_var + self.norm.eps).sqrt()
        weight = self.synapses.weight * gain.view(-1, 1, 1, 1)
        bias = (self.synapses.bias - self.norm.running_mean) * gain + self.norm.bias
        return nir.Conv2d(
            input_shape=input_shape, weight=weight.numpy(), stride=self.synapses.stride, padding=(0, 0),
            dilation=(1, 1), groups=1, bias=bias.numpy(),
        )  # fmt: skip


def network() -> nn.Sequential:
    return nn.Sequential(
        Normalised(1, 24, 5, stride=2), Lif(BETA),
        Normalised(24, 48, 3), Lif(BETA),
        SumPool(2), nn.Flatten(2), nn.Dropout(0.3), Dense(1200, 10, noise=NOISE), Li(BETA),
    )  # fmt: skip


def run(net: nn.Sequential, spikes: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Membranes of the outputs, summed over the steps; spikes of the input and the hidden layers."""
    x, totals = spikes, [spikes.sum()]
    for layer in net:
        x = layer(x)
        if isinstance(layer, Lif):
            totals.append(x.sum())
    return x.sum(1), totals


def encoded(images: Tensor) -> Tensor:
    """Spikes (n, steps, 1, 28, 28) of images (n, 1, 28, 28) of 0..255."""
    value = images / 255
    step = torch.floor((CONV_STEPS - 1) * (1 - value) + 0.5)
    return torch.stack([((value > INK) & (step == k)).float() for k in range(CONV_STEPS)], 1)


def train(net: nn.Sequential, images: Tensor, labels: Tensor) -> None:
    """Fit the sums of the outputs' membranes by back-propagation through time."""
    optimiser = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=5e-3)
    batches = len(labels) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, LEARNING_RATE, total_steps=EPOCHS * batches, pct_start=0.1
    )
    net.train()
    for epoch in range(EPOCHS):
        start, total = time.monotonic(), 0.0
        for batch in torch.randperm(len(labels))[: batches * BATCH].split(BATCH):
            seen = deform(images[batch].float(), rotate=0.2, scale=0.12, shear=0.15, shift=0.1)
            sums, spikes = run(net, encoded(seen))
            rows = sum(count * each for count, each in zip(spikes, ROWS, strict=True)) / len(batch)
            loss = functional.cross_entropy(0.1 * sums, labels[batch], label_smoothing=0.05)
            loss = loss + 0.3e-3 * functional.relu(rows - BUDGET_ROWS)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1}: loss {total / batches:.4f}, {time.monotonic() - start:.0f} s", flush=True)


@torch.no_grad()
def evaluate(net: nn.Sequential, spikes: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy by the output with the largest sum; spikes an image of the input and the hidden layers."""
    net.eval()
    totals, right = np.zeros(3), 0
    for part in range(0, len(labels), 500):
        sums, counts = run(net, torch.from_numpy(spikes[part : part + 500]).float())
        totals += [float(count) for count in counts]
        right += int(np.sum(sums.numpy().argmax(1) == labels[part : part + 500]))
    names = ("input", "first", "second")
    return {"accuracy": right / len(labels)} | dict(zip(names, (totals / len(labels)).tolist(), strict=True))


def save(net: nn.Sequential, path: Path) -> None:
    dense = net[7]
    nodes: dict[str, nir.NIRNode] = {
        "conv1": net[0].node((28, 28)),
        "lif1": lif_node(BETA, (24, 12, 12)),
        "conv2": net[2].node((12, 12)),
        "lif2": lif_node(BETA, (48, 10, 10)),
        "pool": nir.SumPool2d(
            kernel_size=np.array([2, 2]), stride=np.array([2, 2]), padding=np.array([0, 0])
        ),
        "flatten": nir.Flatten({"input": np.array([48, 5, 5])}, start_dim=0),
        "fc": nir.Affine(dense.weight.detach().numpy(), dense.bias.detach().numpy()),
        "li": li_node(BETA, (10,)),
    }
    write_chain(path, (1, 28, 28), nodes)


def main() -> None:
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    data = read_mnist(sys.argv[1] if len(sys.argv) > 1 else DEFAULT_SOURCE)
    net = network()
    train(net, torch.from_numpy(data["x_train"]).view(-1, 1, 28, 28), torch.from_numpy(data["y_train"]))
    net.eval()
    save(net, HERE / "mnist_conv.nir")
    print(evaluate(net, latencies(data["x_test"]), data["y_test"]))


if __name__ == "__main__":
    main()
