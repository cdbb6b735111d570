"""Strict YAML: YAML 1.2 core scalars, nothing executed, nothing silently dropped, marks kept.

PyYAML alone reads 25e9 and 1e-9 as text, "no" as false, 010 as 8 and keeps the last of two equal
keys. Here its parser only splits the text into events. Numbers follow YAML 1.2 (010
is ten, 0o10 eight, 0x10 sixteen); duplicate keys, tags, anchors, aliases, merge keys, NaN,
infinities and second documents are refused, each with its line and column.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import yaml

from archsim.errors import ConfigError

Scalar = str | int | float | bool | None
Path = tuple[str | int, ...]
"""Where a value stands in a document: keys and list indices from the root."""

MAX_BYTES = 2 * 1024**2
MAX_DEPTH = 32
MAX_INTEGER = 2**63 - 1

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_CONTROL = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-퟿-�𐀀-􏿿]")


@dataclass(slots=True)
class Document:
    """Plain data with the place of every value and key, for errors that name them.

    ``name`` is what errors call the text: the file as the user wrote it, or ``--set a=b``.
    """

    name: str
    data: Any = None
    values: dict[Path, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)
    replaced: dict[Path, str] = field(default_factory=dict)

    def where(self, path: Path, key: bool = False) -> str:
        """Return ``file:line:column`` of the value (or its ``key``), or of what holds it."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.replaced:
                return self.replaced[path[:end]]
            marks = self.keys if key and end == len(path) else self.values
            if path[:end] in marks:
                line, column = marks[path[:end]]
                return f"{self.name}:{line}:{column}"
        return self.name

    def error(self, path: Path, sentence: str, key: bool = False) -> ConfigError:
        """Return the error ``file:line:column: sentence`` about the value at ``path``."""
        return ConfigError(f"{self.where(path, key)}: {sentence}")


def read_document(file: FilePath, name: str | None = None) -> Document:
    """Read the YAML file ``file``; ``ConfigError`` says what is wrong with it and where."""
    name = str(file) if name is None else name
    try:
        if not file.exists():
            raise ConfigError(f"{name}: the file must exist, but there is none of this name")
        if not file.is_file():
            raise ConfigError(f"{name}: the file must be a regular file, not a folder or device")
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"{name}: the file must be readable, but: {reason}") from None
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{name}: the file must be at most {MAX_BYTES} bytes, not larger")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = _line_column(raw[: error.start].decode("utf-8", "replace"))
        raise ConfigError(
            f"{name}:{line}:{column}: the text must be UTF-8, not the byte 0x{raw[error.start]:02x}"
        ) from None
    return parse_document(text.removeprefix("\ufeff"), name)


def parse_document(text: str, name: str) -> Document:
    """Return the single YAML document in ``text``, whose root must be a mapping."""
    document = _parse(text, name)
    if not isinstance(document.data, dict):
        raise document.error((), f"the file must hold a mapping, not {show(document.data)}")
    return document


def parse_value(text: str, name: str) -> Any:
    """Return the value that ``text`` has in a YAML file: a scalar, or a ``[flow, list]``."""
    return _parse(text, name).data


def parse_scalar(text: str) -> Scalar:
    """Return what the plain scalar ``text`` means in YAML 1.2; ``ValueError`` if not finite."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        if len(text) > 24 or abs(value := _integer(text)) > MAX_INTEGER:
            raise ValueError(f"an integer must fit in 64 bits, not {shorten(text)}")
        return value
    if _FLOAT.fullmatch(text):
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(f"a number must be finite, not {shorten(text)}")
        return number
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"a number must be finite, not {text}")
    return text


def show(value: object) -> str:
    """Return ``value`` as a user wrote it, short enough for a sentence."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    return shorten(repr(value))


def shorten(text: str) -> str:
    """Return ``text``, cut in its middle where it is long."""
    return text if len(text) <= 60 else f"{text[:40]}...{text[-15:]}"


def _integer(text: str) -> int:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text[2:] if base != 10 else text, base)


def _line_column(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _parse(text: str, name: str) -> Document:
    if bad := _CONTROL.search(text):
        line, column = _line_column(text[: bad.start()])
        code = ord(bad.group())
        raise ConfigError(f"{name}:{line}:{column}: the text must be printable, not U+{code:04X}")
    document = Document(name)
    try:
        _Builder(document, iter(yaml.parse(text, Loader=_LOADER))).build()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "broken text"
        raise ConfigError(f"{place}: the text must be valid YAML, but {problem}") from None
    return document


class _Builder:
    """Builds plain data from parser events, refusing what a configuration must not hold."""

    def __init__(self, document: Document, events: Iterator[Any]) -> None:
        self.document = document
        self.events = events

    def build(self) -> None:
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.StreamStartEvent | yaml.StreamEndEvent):
                continue
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._error(event, "the file must hold one YAML document, not several")
            elif not isinstance(event, yaml.DocumentEndEvent):
                self.document.data = self._node(event, ())

    def _error(self, event: Any, sentence: str) -> ConfigError:
        mark = event.start_mark
        return ConfigError(f"{self.document.name}:{mark.line + 1}:{mark.column + 1}: {sentence}")

    def _refuse_extras(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise self._error(event, "the text must not use YAML anchors or aliases (& and *)")
        if event.tag is not None:
            raise self._error(event, f"the text must not use YAML tags, not {shorten(event.tag)!r}")

    def _node(self, event: Any, path: Path) -> Any:
        mark = event.start_mark
        self.document.values[path] = (mark.line + 1, mark.column + 1)
        self._refuse_extras(event)
        if len(path) > MAX_DEPTH:
            raise self._error(event, f"values must nest at most {MAX_DEPTH} deep")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._mapping(path)

    def _scalar(self, event: Any, path: Path) -> Scalar:
        if not event.implicit[0]:
            return str(event.value)
        try:
            return parse_scalar(event.value)
        except ValueError as error:
            at = f"{dotted(path)}: " if path else ""
            raise self._error(event, f"{at}{error}") from None

    def _sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._key(event)
            if key in data:
                line = self.document.keys[*path, key][0]
                sentence = f"{dotted((*path, key))} must be given once, not again after line {line}"
                raise self._error(event, sentence)
            mark = event.start_mark
            self.document.keys[*path, key] = (mark.line + 1, mark.column + 1)
            data[key] = self._node(next(self.events), (*path, key))
        return data

    def _key(self, event: Any) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise self._error(event, "a key must be plain text, not a mapping, list or alias")
        self._refuse_extras(event)
        if event.value == "<<" and event.implicit[0]:
            raise self._error(event, "the text must not use YAML merge keys (<<)")
        key = self._scalar(event, ())
        if not isinstance(key, str) or not key:
            raise self._error(event, f"a key must be text, not {show(key)}")
        return key


def dotted(path: Path) -> str:
    """Return ``path`` as ``a.b[0].c``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{shorten(part)}" if text else shorten(part)
    return text
