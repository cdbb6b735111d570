# %% [markdown]
# # What if the GPU were different?
#
# An H200 with fewer SMs, more bandwidth, another cache: what would ViT-Base take, and what would it draw?

# %%
import matplotlib.pyplot as plt

import archsim

results = archsim.run(
    {
        "workload": {"model": "vit_base_patch16_224", "batch": 8, "dtype": "fp16"},
        "device": "h200",
        "sweep": {
            "device.sm_count": [66, 99, 132, 165],
            "device.memory.bandwidth_bytes_per_s": [2.4e12, 4.8e12, 9.6e12],
        },
        "minimize": ["latency_us", "power_w"],
    },
    output="build/notebooks/gpu",
)
frame = results.frame().set_index("key")
frame[["device.sm_count", "device.memory.bandwidth_bytes_per_s", "latency_us", "power_w"]].round(
    1
).head(4)

# %%
figure, axes = plt.subplots(figsize=(5, 3))
for bandwidth, part in frame.groupby("device.memory.bandwidth_bytes_per_s"):
    part = part.sort_values("latency_us")
    axes.plot(part["latency_us"], part["power_w"], "o-", label=f"{bandwidth / 1e12:g} TB/s")
axes.set(
    xlabel="latency (µs)", ylabel="power (W)", title="SMs: 165, 132, 99, 66 from left to right"
)
axes.legend()
figure.tight_layout()
plt.show()

# %% [markdown]
# Doubling the bandwidth moves the curve little: this workload is bound by arithmetic. Which constants does the
# best answer rest on? The report says so, with the roofline of every operator.

# %%
best = results.best
print({name: round(best[name], 1) for name in ("latency_us", "latency_low_us", "latency_high_us")})
print(results.report)
