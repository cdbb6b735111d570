"""A histogram whose bins are spread over the shared memories of a cluster (DSMEM).

Every CTA holds ``bins / cluster`` bins; an element is counted in the CTA that holds its bin. With
one CTA a cluster it is the ordinary histogram in shared memory.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numba import cuda, uint32

from workloads.kernels.examples.case import Case, exact
from workloads.kernels.ptx import (
    add_cluster_u32,
    address_of,
    cluster_arrive,
    cluster_rank,
    cluster_wait,
    map_shared,
    shared_address,
)

ELEMENTS = 1 << 20
THREADS = 132 * 2048


@cuda.jit
def histogram(x, held, out):
    """Counts x (values below the number of bins) into out; ``held`` bins a CTA (a power of two)."""
    counts = cuda.shared.array(0, uint32)
    t = cuda.threadIdx.x
    for i in range(t, held, cuda.blockDim.x):
        counts[i] = 0
    here = shared_address(address_of(counts))
    cluster_arrive()
    cluster_wait()
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        value = x[i]
        rank = uint32(value // held)
        place = map_shared(uint32(here + uint32(4) * uint32(value % held)), rank)
        add_cluster_u32(place, uint32(1))
    cluster_arrive()
    cluster_wait()
    first = cluster_rank() * held
    for i in range(t, held, cuda.blockDim.x):
        if counts[i]:
            cuda.atomic.add(out, first + i, counts[i])


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """Clusters of 1 to 8, 1024 to 4096 bins, blocks of 128 and 512."""
    for block in (128, 512):
        for bins in (1024, 2048, 4096):
            x = rng.integers(0, bins, ELEMENTS).astype(np.uint32)
            want = np.bincount(x, minlength=bins)
            for cluster in (1, 2, 4, 8):
                held = bins // cluster
                yield Case(
                    f"histogram_c{cluster}_{bins}_b{block}", histogram, (THREADS // block,),
                    (block,), (x, np.uint32(held), np.zeros(bins, np.uint32)),
                    {"cluster": cluster, "dynamic_smem_bytes": 4 * held, "expect": exact(2, want)},
                )  # fmt: skip
