"""Results of mutation testing, kept under what they were made of."""

import hashlib
import json


def digest_of(text, count, seed):
    """Digest of a hardware's RTLIL with the number and the seed of its mutants."""
    return hashlib.sha256(f"{count} {seed}\n{text}".encode()).hexdigest()[:16]


def kept(folder, digest):
    """The result in ``folder`` if it is of ``digest``; None otherwise."""
    file = folder / "result.json"
    result = json.loads(file.read_text()) if file.exists() else {}
    return result if result.get("digest") == digest else None
