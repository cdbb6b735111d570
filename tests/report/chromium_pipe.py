"""Headless Chromium spoken to over its debugging pipe: real mouse events, and CPU time by process.

Used by the tests of large pages and by ``benchmarks/bench_report.py``.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--enable-unsafe-swiftshader", "--window-size=1280,900", "--remote-debugging-pipe",
)  # fmt: skip

PATIENCE_S = 120

# Chromium reads file descriptor 3 and writes 4: 3 may be the number of the other pipe's end.
_LAUNCH = """import fcntl, os, sys
read, write = (fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3])
os.dup2(read, 3), os.dup2(write, 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""


@dataclass(frozen=True)
class Opened:
    """What opening a page took: CPU seconds of the page's main thread, and of all processes."""

    main_s: float
    all_s: float
    wall_s: float
    heap_mb: float


class Chromium:
    """One browser with one tab; ``said`` holds what the page logged or threw."""

    def __init__(self, program: str, profile: Path) -> None:
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _LAUNCH, str(to_browser), str(from_browser), program, *FLAGS,
             f"--user-data-dir={profile}"],
            pass_fds=(to_browser, from_browser), stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        self._count, self._rest, self._session = 0, b"", ""
        self.said: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Performance.enable", timeDomain="threadTicks")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        tab = not method.startswith(("Target.", "SystemInfo.", "Browser."))
        if tab:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._count:
            self._heard(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            piece = os.read(self._in, 1 << 20)
            if not piece:
                raise RuntimeError("Chromium ended")
            self._rest += piece
        text, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message

    def _heard(self, message: dict[str, Any]) -> None:
        if message.get("method") in (
            "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded",
        ):  # fmt: skip
            self.said.append(json.dumps(message["params"])[:2000])

    def value(self, expression: str) -> Any:
        """Return what a JavaScript expression or promise gives, as plain data."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"])[:2000])
        return answer["result"].get("value")

    def open(self, page: Path) -> Opened:
        """Open ``page`` and wait until it says that it is ready and has been painted."""
        # a new page may get a process of its own: what counts is the sum over all
        before, began = self._cpu_s(), time.monotonic()
        self.call("Page.navigate", url=page.as_uri())
        while self.value("document.documentElement?.dataset.ready || ''") != "yes":
            if time.monotonic() > began + PATIENCE_S:
                raise RuntimeError(f"{page} was not ready in {PATIENCE_S} s: {self.said}")
            time.sleep(0.1)
        self.painted()
        wall = time.monotonic() - began
        after = self._cpu_s()
        measured = self.call("Performance.getMetrics")["metrics"]
        found = {entry["name"]: entry["value"] for entry in measured}
        heap = found["JSHeapUsedSize"] / 1e6
        return Opened(found["TaskDuration"], after - before, wall, heap)

    def painted(self) -> None:
        frame = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        self.value(f"{frame}.then(() => 1)")

    def _cpu_s(self) -> float:
        found = self.call("SystemInfo.getProcessInfo")["processInfo"]
        return float(sum(process["cpuTime"] for process in found))

    def mouse(self, kind: str, x: float, y: float, *, down: bool = False) -> None:
        self.call(
            "Input.dispatchMouseEvent", type=kind, x=x, y=y, clickCount=1,
            button="none" if kind == "mouseMoved" and not down else "left", buttons=int(down),
        )  # fmt: skip

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 5) -> None:
        self.mouse("mouseMoved", *start)
        self.mouse("mousePressed", *start, down=True)
        for step in range(1, steps + 1):
            x, y = (a + (b - a) * step / steps for a, b in zip(start, end, strict=True))
            self.mouse("mouseMoved", x, y, down=True)
        self.mouse("mouseReleased", *end)
        self.painted()

    def click(self, x: float, y: float) -> None:
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, down=True)
        self.mouse("mouseReleased", x, y)
        self.painted()

    def picture(self) -> bytes:
        """Return the window as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])

    def close(self) -> None:
        with contextlib.suppress(RuntimeError, OSError):
            self.call("Browser.close")
        for end in (self._in, self._out):
            os.close(end)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def chromium(program: str, profile: Path) -> Iterator[Chromium]:
    browser = Chromium(program, profile)
    try:
        yield browser
    finally:
        browser.close()
