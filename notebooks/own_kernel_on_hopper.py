# %% [markdown]
# # Your own kernel on Hopper, without one
#
# Two Numba kernels that copy a matrix, one of them with a stride. Their machine code is executed, and its timing
# replayed on an H200 that is not there.

# %%
import matplotlib.pyplot as plt
import numpy as np
from numba import cuda

from archsim.app.sm_device import sm_device
from archsim.models.gpu.sm.timing_launch import time_launch


@cuda.jit
def along_rows(x, y):
    row, column = cuda.blockIdx.x, cuda.threadIdx.x
    y[row, column] = 2.0 * x[row, column]


@cuda.jit
def along_columns(x, y):
    row, column = cuda.threadIdx.x, cuda.blockIdx.x
    y[row, column] = 2.0 * x[row, column]


# %%
h200 = sm_device("h200")
x = np.ones((128, 128), np.float32)
timed = {
    kernel.py_func.__name__: time_launch(kernel, 128, 128, (x, np.empty_like(x)), h200)
    for kernel in (along_rows, along_columns)
}
for name, found in timed.items():
    sectors = found.counters["l2_read_bytes"] / x.nbytes
    print(
        f"{name:14} {found.cycles:7.0f} cycles  {found.us:5.2f} µs  limited by {found.limiter}; "
        f"{sectors:.1f} bytes read from L2 for each byte needed"
    )

# %% [markdown]
# Where do the issue slots go?

# %%
reasons = [
    r
    for r in next(iter(timed.values())).reasons
    if max(t.reasons[r] for t in timed.values()) > 0.01
]
figure, axes = plt.subplots(figsize=(5.5, 2.2))
left = np.zeros(len(timed))
for reason in reasons:
    shares = np.array([found.reasons[reason] for found in timed.values()])
    axes.barh(list(timed), shares, left=left, label=reason)
    left += shares
axes.legend(fontsize=7, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.15))
axes.set_title("share of issue slots")
figure.tight_layout()
plt.show()
