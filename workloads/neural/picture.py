"""Pictures: PNG files, and how far two pictures are apart."""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def write_png(file: Path, picture: Array) -> None:
    """Write ``picture`` (``[height, width, 3]``, 0 to 1) with 8 bits a channel."""
    data = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    height, width, _ = data.shape
    rows = np.concatenate((np.zeros((height, 1), np.uint8), data.reshape(height, -1)), axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    file.write_bytes(_SIGNATURE + b"".join(_chunk(kind, body) for kind, body in parts))


def psnr(picture: Array, reference: Array) -> float:
    """Return the peak signal-to-noise ratio in dB of 0-to-1 pictures; inf where they are equal."""
    error = float(np.mean((picture.astype(np.float64) - reference.astype(np.float64)) ** 2))
    return math.inf if error == 0 else -10 * math.log10(error)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
