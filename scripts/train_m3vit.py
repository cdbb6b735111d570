"""Train the small two-task model of ``workloads/trained`` on procedural scenes.

Needs torch (any 2.x, CPU; not a dependency): ``python scripts/train_m3vit.py --output
workloads/trained/m3vit.npz``. About ten minutes on an idle core. Prints the task metrics on scenes
it has not seen.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from archsim.config.edgemoe_params import TRAINED as P
from archsim.functional.edgemoe.weights import shapes
from workloads.trained.scenes import CLASSES, draw_scene

SCENES, UNSEEN, BATCH, STEPS = 6000, 300, 48, 1200
CELLS = 4  # of a patch


class Model(nn.Module):
    """The encoder with the names and shapes of ``weights.shapes``, and a head for each task."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.ParameterDict()
        for name, shape in shapes(P).items():
            kind = name.rpartition(".")[2]
            value = torch.zeros(shape)
            if kind == "weight":
                value = torch.randn(shape) / shape[-1] ** 0.5
            if kind == "scale":
                value = torch.ones(shape)
            if name in ("position", "class_token"):
                value = 0.02 * torch.randn(shape)
            self.w[name.replace(".", "/")] = nn.Parameter(value)
        outputs = (CELLS * len(CLASSES), CELLS)
        self.heads = nn.ModuleList(nn.Linear(P.dim, n) for n in outputs)
        self.balance = torch.zeros(())

    def part(self, index: int, name: str) -> torch.Tensor:
        return self.w[f"blocks/{index}/{name}".replace(".", "/")]

    def linear(self, x: torch.Tensor, index: int, name: str) -> torch.Tensor:
        return functional.linear(
            x, self.part(index, f"{name}.weight"), self.part(index, f"{name}.bias")
        )

    def norm(self, x: torch.Tensor, index: int, name: str) -> torch.Tensor:
        scale, offset = self.part(index, f"{name}.scale"), self.part(index, f"{name}.offset")
        return functional.layer_norm(x, (P.dim,), scale, offset, 1e-6)

    def experts(self, x: torch.Tensor, index: int, task: int) -> torch.Tensor:
        scores = functional.softmax(x @ self.part(index, "gate.weight")[task].T, dim=-1)
        best, which = scores.topk(P.top_k, dim=-1)
        chosen = torch.zeros_like(scores).scatter(-1, which, best)
        share = (chosen > 0).float().mean(dim=(0, 1)) * P.experts / P.top_k
        self.balance = self.balance + (share * scores.mean(dim=(0, 1))).sum()
        w1, b1 = self.part(index, "fc1.weight"), self.part(index, "fc1.bias")
        w2, b2 = self.part(index, "fc2.weight"), self.part(index, "fc2.bias")
        hidden = functional.gelu(torch.einsum("btd,ehd->bteh", x, w1) + b1)
        y = torch.einsum("bteh,edh->bted", hidden, w2) + b2
        return (chosen[..., None] * y).sum(dim=2)

    def block(self, x: torch.Tensor, index: int, task: int) -> torch.Tensor:
        y = self.norm(x, index, "norm1")
        split = (-1, P.tokens, P.heads, P.head_dim)
        q, k, v = (
            self.linear(y, index, n).view(split).transpose(1, 2) for n in ("query", "key", "value")
        )
        y = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)
        x = x + self.linear(y, index, "projection")
        y = self.norm(x, index, "norm2")
        if P.is_moe(index):
            return x + self.experts(y, index, task)
        return x + self.linear(functional.gelu(self.linear(y, index, "fc1")), index, "fc2")

    def forward(self, pixels: torch.Tensor, task: int) -> torch.Tensor:
        self.balance = torch.zeros(())
        side = P.patch
        rows, columns = P.image_height // side, P.image_width // side
        grid = pixels.view(-1, P.channels, rows, side, columns, side)
        patches = grid.permute(0, 2, 4, 1, 3, 5).reshape(-1, P.patches, P.patch_pixels)
        x = functional.linear(patches, self.w["patch/weight"], self.w["patch/bias"])
        token = self.w["class_token"].expand(len(x), 1, -1)
        x = torch.cat([token, x], dim=1) + self.w["position"]
        for index in range(P.depth):
            x = self.block(x, index, task)
        return self.heads[task](x[:, 1:])


def by_patch(cells: np.ndarray) -> np.ndarray:
    """Return ``[patches, 4]`` of ``[rows, columns]`` cells."""
    grid = cells.reshape(P.image_height // P.patch, 2, P.image_width // P.patch, 2)
    return grid.swapaxes(1, 2).reshape(P.patches, CELLS)


def data(first: int, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    scenes = [draw_scene(seed) for seed in range(first, first + count)]
    pixels = torch.tensor(np.stack([s.pixels for s in scenes])).float() / 256
    classes = torch.tensor(np.stack([by_patch(s.classes) for s in scenes]))
    nearness = torch.tensor(np.stack([by_patch(s.nearness) for s in scenes])).float()
    return pixels, classes, nearness


def loss_of(model: Model, task: int, pixels, classes, nearness) -> torch.Tensor:
    out = model(pixels, task)
    extra = 0.01 * model.balance
    if task == 0:
        logits = out.view(*classes.shape, len(CLASSES))
        return functional.cross_entropy(logits.flatten(0, 2), classes.flatten()) + extra
    return 4 * functional.smooth_l1_loss(out, nearness, beta=0.1) + extra


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=STEPS)
    chosen = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = Model()
    seen, unseen = data(0, SCENES), data(1_000_000, UNSEEN)
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=chosen.steps)
    start = time.time()
    for step in range(chosen.steps):
        rows = torch.randint(SCENES, (BATCH,))
        batch = [t[rows] for t in seen]
        loss = sum(loss_of(model, task, *batch) for task in range(P.tasks))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 100 == 0 or step == chosen.steps - 1:
            with torch.no_grad():
                right = model(unseen[0], 0).view(*unseen[1].shape, -1).argmax(-1) == unseen[1]
                error = (model(unseen[0], 1) - unseen[2]).square().mean().sqrt()
            print(
                f"{step} {time.time() - start:.0f} s loss {loss.item():.3f} "
                f"accuracy {right.float().mean():.4f} rmse {error:.4f}",
                flush=True,
            )
    save(model, chosen.output)


def save(model: Model, output: Path) -> None:
    """Write float16 weights, and the heads, which run on the host."""
    arrays = {k.replace("/", "."): v.detach().numpy() for k, v in model.w.items()}
    for name, head in zip(("classes", "nearness"), model.heads, strict=True):
        arrays[f"head.{name}.weight"] = head.weight.detach().numpy()
        arrays[f"head.{name}.bias"] = head.bias.detach().numpy()
    np.savez_compressed(output, **{k: v.astype(np.float16) for k, v in arrays.items()})


if __name__ == "__main__":
    main()
