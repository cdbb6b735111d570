# %% [markdown]
# # A neural-graphics cluster: which processors for NeRF frames?
#
# Latency, silicon area and power of clusters of neural field processors beside an RTX 3090, at full HD.

# %%
import matplotlib.pyplot as plt

import archsim

results = archsim.run(
    {
        "workload": {"model": "nerf_frame", "pixels": 2073600},
        "device": "paper_64",
        "sweep": {
            "device.cluster.processors": [8, 16, 32, 64],
            "device.encoding.banks": [2, 4, 8],
            "device.encoding.sram_bytes": [262144, 524288, 1048576],
            "device.formats.feature_bits": [8, 16],
            "device.cluster.batches": [64],
        },
        "minimize": ["latency_us", "area_mm2", "power_w"],
    },
    output="build/notebooks/ngpc",
)
results

# %%
frame, front = results.frame(), results.front.to_pandas()
figure, axes = plt.subplots(figsize=(5, 3))
axes.scatter(frame["area_mm2"], frame["latency_us"] / 1e3, c="lightgrey", s=14, label="designs")
marks = axes.scatter(
    front["area_mm2"], front["latency_us"] / 1e3, c=front["power_w"], s=28, label="Pareto-optimal"
)
figure.colorbar(marks, label="power (W)")
axes.set(xlabel="area (mm²)", ylabel="frame (ms)", xscale="log", yscale="log")
axes.legend()
figure.tight_layout()
plt.show()

# %% [markdown]
# How many frames a second does each square millimetre buy? The largest cluster is not the answer.

# %%
front = front.assign(fps_per_mm2=front["frames_per_s"] / front["area_mm2"])
columns = [c for c in front.columns if c.startswith("device.")] + ["frames_per_s", "fps_per_mm2"]
front.sort_values("fps_per_mm2", ascending=False)[columns].head(3).round(2)
