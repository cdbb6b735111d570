# %% [markdown]
# # Edge-MoE: from a design point to Verilog
#
# The same YAML gives the predicted cycles of a multi-task vision transformer and the Verilog of its accelerator.

# %%
import json
from pathlib import Path

import archsim
from archsim.config import load_device
from hdl.generate import generate

results = archsim.run(
    {
        "workload": {"model": "m3vit"},
        "device": "edgemoe_fast",
        "sweep": {"device.linear.tile_in": [16, 24], "device.attention.queries": [4, 8]},
        "minimize": ["latency_us", "dsp"],
    },
    output="build/notebooks/edgemoe",
)
results

# %% [markdown]
# What every unit does when, for the best design (`timeline.json` opens in Perfetto):

# %%
trace = json.loads(results.timeline.read_text())["traceEvents"]
names = {e["tid"]: e["args"]["name"] for e in trace if e["name"] == "thread_name"}
busy = {}
for event in (e for e in trace if e["ph"] == "X"):
    busy[names[event["tid"]]] = busy.get(names[event["tid"]], 0) + event["dur"] / 1e3
for unit, ms in sorted(busy.items(), key=lambda item: -item[1]):
    if unit != "operators":
        print(f"{unit:12} {ms:6.3f} ms")

# %% [markdown]
# The hardware of a small encoder, from the same generator:

# %%
small = load_device("configs/edgemoe/small.yaml")
manifest = generate(small, Path("build/notebooks/edgemoe/rtl"))
files = sorted(p for p in Path("build/notebooks/edgemoe/rtl").rglob("*") if p.is_file())
for file in files:
    print(f"{file.name:28} {file.stat().st_size:9,} bytes")
print("design digest", manifest.design_digest[:16])

# %% [markdown]
# `archsim cosim configs/edgemoe/small.yaml` simulates this Verilog with whole encoders over AXI and compares every
# bit; `archsim loop` adds the results recorded on a real GPU.
