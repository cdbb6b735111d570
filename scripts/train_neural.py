"""Train an application on its procedural scene for a device's grid, and ship the weights.

``python scripts/train_neural.py nerf --device ngpc/small --steps 1500`` writes
``workloads/neural/weights/nerf_small.npz``. One CPU core; the file holds how it was made.
"""

from __future__ import annotations

import argparse
import time

from archsim.config import load_device
from archsim.config.ngpc import NgpcDevice
from archsim.config.ngpc_applications import APPLICATIONS
from workloads.neural.shipped import FOLDER, save
from workloads.neural.train import Schedule, train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("application", choices=APPLICATIONS)
    parser.add_argument("--device", default="ngpc/small")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--batch", type=int, default=1 << 14)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    device = load_device(given.device)
    if not isinstance(device, NgpcDevice):
        parser.error("--device must be of machine ngpc")
    params = device.params_for(given.application)
    schedule = Schedule(steps=given.steps, batch=given.batch)
    started = time.process_time()
    network = train(
        given.application, params, schedule, given.seed,
        lambda step, loss: print(f"{step:6d}  {loss:.3e}", flush=True),
    )  # fmt: skip
    meta = {
        "scene": f"workloads.neural.scenes.TRUTH[{given.application!r}]",
        "steps": given.steps, "batch": given.batch, "seed": given.seed,
        "cpu_s": round(time.process_time() - started, 1),
    }  # fmt: skip
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{given.application}_{device.name}.npz"
    save(file, params, network, meta)
    print(f"{file}  {file.stat().st_size} bytes  {meta['cpu_s']} CPU s")


if __name__ == "__main__":
    main()
