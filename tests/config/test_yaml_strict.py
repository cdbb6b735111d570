"""Strict YAML: YAML 1.2 scalars, and everything that must not pass."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsim.config.yaml_strict import (
    MAX_BYTES,
    MAX_DEPTH,
    parse_document,
    parse_scalar,
    read_document,
    show,
)
from archsim.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("25e9", 25e9), ("4.8e12", 4.8e12), ("1e-9", 1e-9), ("1410E6", 1410e6), ("-.5", -0.5),
        ("5.", 5.0), ("+5", 5), ("010", 10), ("0o10", 8), ("0x1F", 31), ("-0", 0),
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("off", "off"), ("y", "y"),
        ("true", True), ("False", False), ("TRUE", True), ("null", None), ("~", None),
        ("1_000", "1_000"), ("1:30", "1:30"), ("2024-01-01", "2024-01-01"), ("0b1", "0b1"),
        ("1e", "1e"), (".", "."), ("e9", "e9"), ("0x", "0x"), ("tRue", "tRue"),
        ("9223372036854775807", 2**63 - 1),
    ],
)  # fmt: skip
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    found = parse_scalar(text)
    assert found == value
    assert type(found) is type(value)
    assert parse_document(f"key: {text}\n", "f").data == {"key": value}


@pytest.mark.parametrize("text", ["'8'", '"true"', "'~'", "'1e9'"])
def test_quoted_scalars_are_text(text: str) -> None:
    assert parse_document(f"key: {text}", "f").data == {"key": text[1:-1]}


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63) + 1, 2**63 - 1))
def test_what_python_prints_is_read_back(number: float) -> None:
    assert parse_scalar(repr(number)) == number


REFUSED = {
    "duplicate key": ("a: 1\nb: 2\na: 3\n", "3:1", "a must be given once, not again after line 1"),
    "duplicate nested": ("x: {a: 1, a: 2}", "1:11", "x.a must be given once"),
    "nan": ("a: .nan", "1:4", "finite, not .nan"),
    "inf": ("a: -.Inf", "1:4", "finite, not -.Inf"),
    "overflow": ("a: 1e999", "1:4", "finite, not 1e999"),
    "long integer": ("a: " + "9" * 5000, "1:4", "64 bits"),
    "anchor": ("a: &x 1", "1:4", "anchors"),
    "alias": ("a: 1\nb: *x", "2:4", "anchors"),
    "tag": ("a: !!python/object/apply:os.system [ls]", "1:4", "tags"),
    "plain tag": ("a: !!str 1", "1:4", "tags"),
    "custom tag": ("a: !include x.yaml", "1:4", "tags"),
    "merge": ("<<: {a: 1}", "1:1", "merge keys"),
    "two documents": ("a: 1\n---\nb: 2\n", "2:1", "one YAML document"),
    "list root": ("- 1\n", "1:1", "must hold a mapping, not a list"),
    "scalar root": ("hello", "1:1", "must hold a mapping, not 'hello'"),
    "tab": ("a:\n\t- 1\n", "2:1", "valid YAML"),
    "unclosed": ("a: [1, 2", "2:1", "valid YAML"),
    "depth": ("a: " + "[" * 5000, "1:36", f"at most {MAX_DEPTH} deep"),
    "list key": ("? [1]\n: 2", "1:3", "key must be plain text"),
    "integer key": ("1: 2", "1:1", "key must be text, not 1"),
    "null key": ("~: 2", "1:1", "key must be text, not null"),
    "tagged key": ("!!str a: 2", "1:1", "tags"),
    "control": ("a: \x07", "1:4", "U+0007"),
    "nul": ("a: 1\nb: \0", "2:4", "U+0000"),
    "tight colon": ("a: b: c", "1:5", "valid YAML"),
    "directive": ("%YAML 3.0\n---\na: 1", "1:1", "valid YAML"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_with_place(name: str) -> None:
    text, place, words = REFUSED[name]
    with pytest.raises(ConfigError) as caught:
        parse_document(text, "f.yaml")
    assert str(caught.value).startswith(f"f.yaml:{place}: "), str(caught.value)
    assert words in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_data_or_one_sentence(text: str) -> None:
    try:
        assert isinstance(parse_document(text, "f").data, dict)
    except ConfigError as error:
        assert "\n" not in str(error)


def test_marks_point_at_values_and_keys() -> None:
    document = parse_document("a:\n  - b: 1\n    c: [2,  3]\n", "f")
    assert document.where(("a", 0, "c", 1)) == "f:3:13"
    assert document.where(("a", 0, "c"), key=True) == "f:3:5"
    assert document.where(("a", 0, "missing")) == "f:2:5"


def test_unreadable_files(tmp_path: Path) -> None:
    big = tmp_path / "big.yaml"
    big.write_bytes(b"a: " + b"x" * MAX_BYTES)
    utf16 = tmp_path / "utf16.yaml"
    utf16.write_bytes("a: 1".encode("utf-16"))
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"a: 1\nb: \xe9\n")
    for file, words in (
        (big, "at most"),
        (utf16, "UTF-8"),
        (latin, "latin.yaml:2:4: the text must be UTF-8, not the byte 0xe9"),
        (tmp_path, "regular file"),
        (tmp_path / "none.yaml", "must exist"),
        (tmp_path / ("n" * 300), "must"),
        (tmp_path / "a\0b", "must"),
        (Path("/dev/zero"), "regular file"),
    ):
        with pytest.raises(ConfigError, match="must") as caught:
            read_document(file)
        assert words in str(caught.value)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    file = tmp_path / "bom.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_document(file).data == {"a": 1}


def test_values_are_shown_short() -> None:
    assert show("x" * 500) == "'" + "x" * 39 + "..." + "x" * 14 + "'"
    assert [show(v) for v in (None, True, [], {"a": 1})] == [
        "null", "true", "an empty list", "a mapping",
    ]  # fmt: skip
