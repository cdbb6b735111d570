import random
import shutil
import sqlite3
import subprocess
import sys

import pytest

from archsim.errors import ConfigError
from archsim.sweep import Space, Store, read_detail
from archsim.sweep.record import Record, lost_record

SPACE = Space("grid", {"x": list(range(40)), "y": [1, 2, 3]})


def record(key, place=0, status="ok", detail=b""):
    metrics = '{"m":1.5}' if status == "ok" else "{}"
    return Record(place, key, "{}", status, metrics, "", "", detail)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "store.sqlite"


def run_rows(store, pairs):
    store.add_to_run(pairs)
    return [(row.place, row.key, row.status) for row in store.rows()]


def test_points_survive_closing_and_come_sorted(path):
    with Store(path) as store:
        assert store.fresh
        assert store.commit([record("b", 0)]) and store.commit([record("a", 1)])
    with Store(path) as store:
        assert not store.fresh
        assert not store.commit([record("a", 1)])
        assert run_rows(store, [("b", 0), ("a", 1)]) == [(1, "a", "ok"), (0, "b", "ok")]
    assert sorted(p.name for p in path.parent.iterdir()) == ["store.sqlite", "store.sqlite.lock"]


def test_only_points_of_this_run_are_seen_and_the_lowest_index_stays(path):
    with Store(path) as store:
        for key in "abc":
            store.commit([record(key)])
        assert run_rows(store, [("b", 7), ("b", 2), ("b", 9), ("c", 1)]) == [
            (2, "b", "ok"),
            (1, "c", "ok"),
        ]
        assert store.counts() == (2, 0)


def test_missing_and_lost_points_are_planned_by_index(path):
    with Store(path) as store:
        store.commit([record("done")])
        store.commit([record("bad", status="failed")])
        store.commit([lost_record(3, "lost", {"x": 1})])
        store.add_to_run([("done", 1), ("lost", 3), ("bad", 4), ("new", 0)])
        assert store.plan() == 2
        assert list(store.todo()) == [(0, "new"), (3, "lost")]
        assert store.counts() == (1, 2)
        assert store.commit([record("lost", 3)])
        assert store.counts() == (2, 1)


def test_details_are_kept_once_and_read_without_the_lock(path, sweep):
    sweep(Space("list", {"x": [1]}), store_path=path)
    with Store(path) as store:
        ((key,),) = store._db.execute("SELECT key FROM points").fetchall()
        expected = {"operators": [{"name": "gemm", "us": 50.1}] * 3}
        assert store.detail(key) == read_detail(path, key) == expected
        assert read_detail(path, "other") is None
        assert not store.commit([record(key, detail=b"again")])
        assert store._db.execute("SELECT count(*) FROM details").fetchone() == (1,)


def test_a_batch_with_points_that_are_stored_keeps_the_new_ones_alone(path):
    first = [record("a", detail=b"of a"), record("b"), record("c", detail=b"of c")]
    with Store(path) as store:
        assert store.commit(first) == 3
        store.commit([lost_record(3, "lost", {})])
    with Store(path) as store:
        mixed = [record("c", detail=b"again"), record("d", detail=b"of d"), record("lost")]
        assert store.commit([*mixed, record("d", detail=b"twice")]) == 2
        assert store.commit([record("e", detail=b"of e")]) == 1
        kept = store._db.execute(
            "SELECT key, details.detail FROM points JOIN details ON id = points.detail ORDER BY key"
        ).fetchall()
        assert kept == [(key, f"of {key}".encode()) for key in "acde"]
        assert store._db.execute("SELECT count(*) FROM details").fetchone() == (4,)


def test_a_batch_that_cannot_be_stored_leaves_nothing_of_it(path):
    with Store(path) as store:
        with pytest.raises(ConfigError, match="undamaged SQLite file"):
            store.commit([record("a", detail=b"x"), record("b", status="no such status")])
        assert store._db.execute("SELECT count(*) FROM points").fetchone() == (0,)
        assert store.commit([record("b", detail=b"y")]) == 1


def test_details_are_read_from_a_folder_that_cannot_be_written(path, sweep):
    sweep(Space("list", {"x": [1]}), store_path=path)
    path.parent.chmod(0o555)
    try:
        assert read_detail(path, "none") is None
    finally:
        path.parent.chmod(0o755)


def test_second_driver_gets_one_sentence(path):
    hold = (
        "import sys; from pathlib import Path; from archsim.sweep import Store\n"
        "with Store(Path(sys.argv[1])): print('open', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", hold, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert child.stdout.readline() == b"open\n"
        with pytest.raises(ConfigError, match=rf"one run at a time, and process {child.pid} is us"):
            Store(path)
    finally:
        child.kill()
        child.communicate()
    Store(path).close()  # a killed holder leaves no lock


def damaged(path, how):
    data = path.read_bytes()
    pages = len(data) // 4096
    if how == "empty":
        path.write_bytes(b"")
    elif how == "header only":
        path.write_bytes(data[:50])
    elif how == "one page":
        path.write_bytes(data[:4096])
    elif how == "half":
        path.write_bytes(data[: (pages // 2) * 4096])
    elif how == "torn page":
        path.write_bytes(data[:-100])
    elif how == "foreign text":
        path.write_text("key,x\n1,2\n" * 100)
    elif how == "zeroed page":
        path.write_bytes(data[: 4096 * 2] + bytes(4096) + data[4096 * 3 :])
    elif how == "foreign database":
        path.unlink()
        db = sqlite3.connect(path)
        db.execute("CREATE TABLE points (key)")
        db.commit()
        db.close()
    elif how == "newer version":
        db = sqlite3.connect(path)
        db.execute("PRAGMA user_version = 99")
        db.close()
    elif how == "folder":
        path.unlink()
        path.mkdir()


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("empty", "must be an SQLite file that archsim wrote, not an empty file"),
        ("header only", "must be an undamaged SQLite file; move it away"),
        ("one page", "must be an undamaged SQLite file; move it away"),
        ("half", "must be an undamaged SQLite file; move it away"),
        ("torn page", "must be an undamaged SQLite file; move it away"),
        ("zeroed page", "must be an undamaged SQLite file; move it away"),
        ("foreign text", "must be an SQLite file that archsim wrote, not another kind of file"),
        ("foreign database", "that archsim wrote, not another program's database"),
        ("newer version", "must be of version 1, not 99"),
        ("folder", "must be a file, not a folder"),
    ],
)
def test_unusable_files_are_refused_and_left_as_they_are(path, sweep, how, sentence):
    sweep(SPACE, store_path=path)
    damaged(path, how)
    before = path.read_bytes() if path.is_file() else None
    attempts = [lambda: Store(path), lambda: read_detail(path, "a")]
    for attempt in attempts[:1] if how == "zeroed page" else attempts:
        with pytest.raises(ConfigError, match=sentence) as error:
            attempt()
        assert str(error.value).startswith(f"{path}: the sweep store must ")
        assert "\n" not in str(error.value)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_flipped_bytes_never_change_results_silently(path, sweep, results):
    sweep(SPACE, store_path=path)
    clean, store = results(), path.read_bytes()
    chance = random.Random(5)
    refused = 0
    for _ in range(40):
        data = bytearray(store)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        try:
            sweep(SPACE, store_path=path)
        except ConfigError:
            refused += 1
        else:
            assert results() == clean
    assert 0 < refused < 40


def test_a_log_left_by_a_deleted_store_is_not_replayed(path, sweep, tmp_path):
    sweep(SPACE, store_path=path)
    with Store(path) as store:
        store.commit([record("old")])
        log = path.with_name("store.sqlite-wal")
        shutil.copy(log, tmp_path / "wal")
    path.unlink()
    shutil.copy(tmp_path / "wal", log)
    with Store(path) as store:
        assert store.fresh


def test_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="must lie in a writable folder"):
        Store(tmp_path / "file" / "store.sqlite")
