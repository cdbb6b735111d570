"""A frame's timeline: the host's SMs prepare a batch while the cluster works on the one before."""

from __future__ import annotations

import math

from archsim.graph import Graph
from archsim.metrics.timeline import Slice, Timeline
from archsim.models.ngpc.cluster import Frame, cluster_us
from archsim.models.ngpc.model import NgpcModel

HOST = "host SMs: remaining kernels"
CLUSTER = "cluster"
CLUSTER_WAITS = "cluster waits"
TABLES = "tables from L2"


def timeline(model: NgpcModel, graph: Graph) -> Timeline:
    """Return what cluster and host do when in one frame; the end is its ``latency_us``."""
    return frame_timeline(model.frame(graph), f"{model.device.name}: {graph.name}")


def frame_timeline(frame: Frame, title: str) -> Timeline:
    """Return the timeline of ``frame``: the pipeline that ``closed_us`` has as a formula.

    Loading the tables, the cluster's batches and its waits tile the frame.
    """
    host, cluster = frame.host_us / frame.batches, cluster_us(frame)
    slices = [Slice(TABLES, "tables", 0.0, frame.load_us, "l2")]
    ready = at = frame.load_us
    each = math.ceil(frame.samples / frame.batches)
    linked = each * frame.transfer_us
    computed = math.ceil(each / frame.processors) * frame.sample_us
    bound = "l2" if linked > computed else "compute"
    for batch in range(frame.batches):
        name = f"batch {batch}"
        slices.append(Slice(HOST, name, ready, ready + host, "", {"samples": each}))
        ready += host
        if ready > at:
            slices.append(Slice(CLUSTER_WAITS, f"host: {name}", at, ready, "host"))
            at = ready
        full = at + cluster - frame.fill_us
        args: dict[str, int | str] = {"samples": each, "bound": bound}
        slices.append(Slice(CLUSTER, name, at, full, bound, args))
        slices.append(Slice(CLUSTER, f"{name}: fill", full, at + cluster, "exposed"))
        at += cluster
    return Timeline(
        title=title,
        end_us=at,
        tracks=(TABLES, HOST, CLUSTER, CLUSTER_WAITS),
        slices=slices,
        tiling=((TABLES, CLUSTER, CLUSTER_WAITS),),
    )
