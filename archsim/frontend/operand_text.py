"""Operands of the disassembler's text as `Operand` values."""

from __future__ import annotations

import re

from archsim.frontend.instruction import Kind, Operand

ZERO_REGISTER = 255
ZERO_UNIFORM = 63
TRUE = 7

_FILES = (
    (re.compile(r"UR(\d+|Z)"), Kind.UNIFORM, ZERO_UNIFORM),
    (re.compile(r"UP(\d+|T)"), Kind.UNIFORM_PREDICATE, TRUE),
    (re.compile(r"R(\d+|Z)"), Kind.REGISTER, ZERO_REGISTER),
    (re.compile(r"P(\d+|T)"), Kind.PREDICATE, TRUE),
    (re.compile(r"B(\d+)"), Kind.BARRIER, 0),
)
_CONSTANT = re.compile(r"cx?\[(\w+)\]\[(.*)\]")
_MEMORY = re.compile(r"(?:desc\[UR(\d+|Z)\])?\[(.*)\]")
_DESCRIPTOR = re.compile(r"gdesc\[UR(\d+|Z)\](\..*)?")
_SPECIAL = re.compile(r"SR\w*|U?PR|SB\d|gsb\d|Rpc")  # PR, UPR: all predicates; SB, gsb: scoreboards
_FLOAT = re.compile(r"[+-]?(\d+(\.\d*)?(e[+-]?\d+)?|INF|QNAN|SNAN|NAN)", re.IGNORECASE)


def split_operands(text: str) -> list[str]:
    """Comma-separated operands; commas inside brackets do not separate."""
    parts: list[str] = []
    depth, current = 0, ""
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += character
    if current.strip():
        parts.append(current.strip())
    return parts


def _address(text: str) -> tuple[int, int, bool, int]:
    """Register, uniform register, 64-bit flag and displacement of an address expression."""
    base, uniform, wide, value = -1, -1, False, 0
    for sign, term in re.findall(r"([+-]?)\s*([\w.]+)", text):
        name, *suffixes = term.split(".")
        if name.startswith("UR"):
            uniform = ZERO_UNIFORM if name == "URZ" else int(name[2:])
            wide = wide or ("64" in suffixes and base < 0)
        elif name.startswith("R"):
            base = ZERO_REGISTER if name == "RZ" else int(name[1:])
            wide = wide or "64" in suffixes
        else:
            value += int(name, 0) * (-1 if sign == "-" else 1)
    return base, uniform, wide, value


def _signs(text: str) -> tuple[str, bool, bool, bool]:
    negate, absolute, invert = False, False, False
    while text and text[0] in "-~!":
        negate ^= text[0] == "-"
        invert ^= text[0] in "~!"
        text = text[1:]
    if text.startswith("|"):
        absolute = True
        text = text.replace("|", "")
    return text, negate, absolute, invert


def _bracketed(body: str, negate: bool, absolute: bool, invert: bool) -> Operand | None:
    constant = _CONSTANT.match(body)
    if constant:
        bank, inner = constant.groups()
        base, uniform, _, value = _address(inner)
        index = -1 if bank.startswith("UR") else int(bank, 0)
        return Operand(
            Kind.CONSTANT, index, value, base, uniform, negate=negate, absolute=absolute,
            invert=invert,
        )  # fmt: skip
    matrix = _DESCRIPTOR.fullmatch(body)
    if matrix:
        index = ZERO_UNIFORM if matrix[1] == "Z" else int(matrix[1])
        suffixes = tuple(part for part in (matrix[2] or "").split(".") if part)
        return Operand(Kind.DESCRIPTOR, index, suffixes=suffixes)
    memory = _MEMORY.match(body)
    if memory:
        base, uniform, wide, value = _address(memory[2])
        descriptor = ZERO_UNIFORM if memory[1] == "Z" else int(memory[1] or -1)
        return Operand(Kind.MEMORY, 0, value, base, uniform, wide, descriptor)
    return None


def parse_operand(text: str, labels: dict[str, int], immediate: int) -> Operand:
    """The operand that ``text`` writes.

    ``labels`` gives the addresses of labels; ``immediate`` is bits 32 to 63 of the encoding, the
    exact bits of a floating-point literal. Raises ValueError on text it does not know.
    """
    if "`(" in text:
        label = text[text.index("`(") + 2 : text.rindex(")")]
        return Operand(Kind.LABEL, labels[label], name=label)
    if re.fullmatch(r"[+-]?0x[0-9a-fA-F]+", text):
        return Operand(Kind.IMMEDIATE, value=int(text, 16))
    if _FLOAT.fullmatch(text.strip()):
        return Operand(Kind.FLOAT, value=immediate, name=text.strip())
    body, negate, absolute, invert = _signs(text)
    bracketed = _bracketed(body, negate, absolute, invert)
    if bracketed:
        return bracketed
    name, *suffixes = body.split(".")
    for pattern, kind, last in _FILES:
        match = pattern.fullmatch(name)
        if match:
            index = int(match[1]) if match[1].isdigit() else last
            return Operand(
                kind, index, negate=negate, absolute=absolute, invert=invert,
                suffixes=tuple(suffixes),
            )  # fmt: skip
    if _SPECIAL.fullmatch(name):
        return Operand(Kind.SPECIAL, name=body)
    if re.fullmatch(r"0x[0-9a-fA-F]+|\d+", name):
        return Operand(Kind.IMMEDIATE, value=int(name, 0), negate=negate, invert=invert)
    raise ValueError(f"operand must be a known form, not {text!r}")
