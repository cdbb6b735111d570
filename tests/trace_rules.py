"""What Perfetto's importer of trace-event JSON asks for, as checks (the trace-event format
document, and the importer's own statistics of what it drops or flags).

The trace processor itself runs in `tests/report/test_perfetto.py`, which is slow; these rules are
stricter than it.
"""

import json
import math
import re
from collections import defaultdict
from itertools import pairwise


def check_trace(file):
    """Return the slices by (process, track) in ns; AssertionError where a rule is broken."""
    text = file.read_text(encoding="utf-8")
    # An unknown key before the events, or displayTimeUnit anywhere, is counted in its statistics.
    assert text.startswith('{"traceEvents":[')
    data = json.loads(text, parse_constant=_refuse)
    assert list(data) == ["traceEvents"]
    names, tracks, slices = {}, {}, defaultdict(list)
    for event in data["traceEvents"]:
        assert event["ph"] in ("M", "X", "C"), event
        assert isinstance(event["pid"], int) and event["pid"] > 0  # 0 is the idle process
        assert isinstance(event["name"], str) and event["name"]
        _no_lists_or_controls(event)
        if event["ph"] == "M":
            key, value = (event["pid"], event["tid"]), event["args"]
            if event["name"] == "process_name":
                assert event["pid"] not in names, "a process is named once"
                names[event["pid"]] = value["name"]
            elif event["name"] == "thread_name":
                assert key not in tracks, "a track is named once"
                assert event["tid"] not in {tid for _, tid in tracks}, "a number is one track's"
                assert event["tid"] != event["pid"], "that would be the main thread"
                tracks[key] = value["name"]
            else:
                assert event["name"] == "thread_sort_index" and type(value["sort_index"]) is int
        elif event["ph"] == "C":
            assert _ns(event["ts"]) >= 0 and len(event["args"]) == 1
            assert all(math.isfinite(v) for v in event["args"].values())
        else:
            start, length = _ns(event["ts"]), _ns(event["dur"])
            assert start >= 0 and length > 0
            slices[event["pid"], event["tid"]].append((start, start + length, event["name"]))
    assert set(slices) <= set(tracks), "every track with slices has a name"
    assert {pid for pid, _ in tracks} <= set(names)
    for key, mine in slices.items():
        for (_, end, first), (start, _, second) in zip(
            sorted(mine), sorted(mine)[1:], strict=False
        ):
            assert start >= end, f"{tracks[key]}: {first} and {second} overlap"
    found = {(names[p], tracks[p, t]): sorted(mine) for (p, t), mine in slices.items()}
    assert len(found) == len(slices), "tracks of a process have names of their own"
    return found


def check_tiled(found, tracks, end_ns, process=None):
    """Assert that the slices of ``tracks`` tile the time from 0 to ``end_ns``."""
    mine = sorted(
        piece for (p, track), pieces in found.items()
        if track in tracks and process in (None, p) for piece in pieces
    )  # fmt: skip
    assert mine and mine[0][0] == 0
    for (_, end, first), (start, _, second) in pairwise(mine):
        assert start == end, f"between {first} and {second}"
    assert mine[-1][1] == end_ns


def _ns(us):
    """The importer cuts off what is smaller than a nanosecond, so there must be none of it."""
    assert isinstance(us, int | float) and not isinstance(us, bool)
    assert abs(us * 1000 - round(us * 1000)) < 1e-4 * max(1, abs(us) * 1e-6), us
    assert "e" not in repr(us).lower(), "numbers are written out"
    return round(us * 1000)


def _no_lists_or_controls(event):
    for value in event.values():
        assert not isinstance(value, list)
        if isinstance(value, dict):
            _no_lists_or_controls(value)
        elif isinstance(value, str):
            assert not re.search(r"[\x00-\x1f\x7f]", value)


def _refuse(word):
    raise AssertionError(f"{word} is no JSON")
