"""The disassembler's text as instructions, per function section."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from archsim.frontend.instruction import Control, Instruction, Kind
from archsim.frontend.operand_text import parse_operand, split_operands
from archsim.frontend.toolchain import KernelCompileError

_CODE = re.compile(r"\s*/\*([0-9a-f]{4,})\*/\s+(.*?)\s*;\s*/\*\s*0x([0-9a-f]{16})\s*\*/")
_UPPER = re.compile(r"\s*/\*\s*0x([0-9a-f]{16})\s*\*/\s*$")
_LABEL = re.compile(r"([^\s:]+):\s*$")
_SECTION = re.compile(r"\s*\.section\s+\.text\.([^\s,\"]+)|//-+ \.text\.(\S+) -+")
_LINE = re.compile(r"\s*//## File \"[^\"]*\", line (\d+)")
_GUARD = re.compile(r"@(!?)(U?P(?:\d|T))\s+(.*)")
_COMMENT = re.compile(r"\(\*.*?\*\)")


@dataclass(slots=True)
class _Raw:
    address: int
    text: str
    encoding: int
    line: int


@dataclass(slots=True)
class _Section:
    raw: list[_Raw] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)


def _sections(text: str) -> dict[str, _Section]:
    """Raw instructions and label addresses of every text section."""
    found: dict[str, _Section] = {}
    current = _Section()
    pending: list[str] = []
    line = 0
    for row in text.splitlines():
        if match := _SECTION.match(row):
            current = found.setdefault(match[1] or match[2], _Section())
            line = 0
        elif match := _LINE.match(row):
            line = int(match[1])
        elif match := _CODE.match(row):
            address = int(match[1], 16)
            current.labels.update(dict.fromkeys(pending, address))
            pending.clear()
            current.raw.append(_Raw(address, match[2], int(match[3], 16), line))
            if len(current.raw) == 1:
                found.setdefault("", current)
        elif (match := _UPPER.match(row)) and current.raw:
            current.raw[-1].encoding |= int(match[1], 16) << 64
        elif match := _LABEL.match(row):
            pending.append(match[1])
    return found


def _instruction(raw: _Raw, labels: dict[str, int]) -> Instruction:
    text, guard = _COMMENT.sub("", raw.text).strip(), None
    if match := _GUARD.match(text):
        guard = parse_operand(match[1] + match[2], labels, 0)
        text = match[3]
    head, _, rest = text.partition(" ")
    opcode, *modifiers = head.split(".")
    immediate = (raw.encoding >> 32) & 0xFFFFFFFF
    try:
        parts = [p for part in split_operands(rest) for p in _separate_label(part)]
        operands = tuple(parse_operand(part, labels, immediate) for part in parts)
    except (ValueError, KeyError) as error:
        raise KernelCompileError(
            f"instruction at {raw.address:#06x} must have operands of a known form, not {text!r}"
        ) from error
    return Instruction(
        raw.address, opcode, tuple(modifiers), operands, guard, Control.decode(raw.encoding),
        raw.encoding, raw.text, raw.line,
    )  # fmt: skip


def _separate_label(part: str) -> list[str]:
    """``R4 `(f)`` and ``R4 -0x10`` hold two operands without a comma between them."""
    match = re.fullmatch(r"(U?R\d+)\s+(`\(.*\)|-?0x[0-9a-f]+)", part)
    return [match[1], match[2]] if match else [part]


def parse_sass(text: str) -> dict[str, tuple[Instruction, ...]]:
    """Instructions of each function in ``text``; a listing without sections is named ``""``."""
    return {
        name: tuple(_instruction(raw, section.labels) for raw in section.raw)
        for name, section in _sections(text).items()
        if section.raw
    }


def branch_target(instruction: Instruction) -> int | None:
    """Address that a direct branch can go to, or None."""
    if instruction.opcode not in ("BRA", "BSSY", "CALL", "JMP", "WARPSYNC"):
        return None
    for operand in instruction.operands:
        if operand.kind is Kind.LABEL:
            return operand.index
    return None
