"""Strategies: values that break parsers, and valid documents, texts and bytes with some of it changed."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st

#: Texts of every kind that a name, a path or a number may turn out to be.
ODD_TEXTS = (
    *("", " ", "0", "-1", "1e999", "nan", "null", "true", "²", "٣", "\x00", "a\x00b", "\ud800", "a\nb", "{}", "%s%n"),
    *(
        "..",
        "../..",
        "/",
        "/etc/passwd",
        "C:\\x",
        "\\\\host\\share\\x",
        "C:x",
        "file:///etc/passwd",
        "~",
        "CON",
        "http://[",
    ),
    *(
        "<script>alert(1)</script>",
        "'; --",
        "B" + "0" * 30_000 + "x",
        "a" * 70_000,
        "$(touch pwned)",
        "__import__('os')",
    ),
)
ODD_NUMBERS = (
    *(0, -1, 1, 2, 3, 64, 65, 255, 2**15, 2**31 - 1, 2**31, 2**40, 2**63, 2**64, -(2**63), 10**30, 10**400),
    *(0.0, -0.0, 0.5, 1e-320, 1e30, 1e308, -1e308, float("inf"), float("-inf"), float("nan")),
)


_DEEPEST = 10


def nested(depth: int, kind: str = "list") -> Any:
    """A value inside values inside values."""
    value: Any = 0
    for _ in range(depth):
        value = [value] if kind == "list" else {"a": value}
    return value


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(ODD_NUMBERS),
    st.integers(),
    st.floats(),
    st.sampled_from(ODD_TEXTS),
    st.text(max_size=20),
)
#: Any JSON value, and some that only Python's parser takes for JSON.
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
) | st.builds(copy.deepcopy, st.sampled_from([nested(100), nested(100, "dict"), [0] * 2000]))


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if len(path) > _DEEPEST:
        return found
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        found += _places(inner, (*path, key))
    return found


def _owner(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        document = document[key]
    return document


@st.composite
def changed_documents(draw: Any, document: Any) -> Any:
    """A JSON document with one to four of its values replaced, removed, doubled or wrapped."""
    made = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 4))):
        places = _places(made)
        if not places:
            return draw(json_values)
        path = draw(st.sampled_from(places))
        owner, key = _owner(made, path), path[-1]
        action = draw(st.sampled_from(("replace", "replace", "replace", "remove", "wrap", "double")))
        if action == "replace":
            owner[key] = draw(json_values)
        elif action == "remove":
            del owner[key]
        elif action == "wrap":
            owner[key] = [owner[key]] if draw(st.booleans()) else {"a": owner[key]}
        elif isinstance(owner, list):
            owner.extend(copy.deepcopy(owner[key]) for _ in range(draw(st.integers(1, 5))))
    return made


def changed_json(document: Any) -> st.SearchStrategy[str]:
    """The text of such a document, of any JSON value, or of something that nests deeper than a parser goes."""
    texts = st.one_of(changed_documents(document), changed_documents(document), json_values).map(json.dumps)
    deep = st.sampled_from(
        ["[" * 100_000, '{"a":' * 100_000, "[" * 900 + "]" * 900, "1" * 5000, "", "null", "\ufeff{}"]
    )
    return st.one_of(
        texts, texts, deep, changed_bytes(json.dumps(document).encode()).map(lambda b: b.decode("latin-1"))
    )


@st.composite
def changed_bytes(draw: Any, data: bytes) -> bytes:
    """Bytes with some overwritten, cut off, inserted or repeated; lengths and counts inside become extreme."""
    made = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(made) - 1)))
        action = draw(st.sampled_from(("set", "set", "extreme", "cut", "insert", "repeat", "remove")))
        if action == "set" and made:
            made[at] = draw(st.integers(0, 255))
        elif action == "extreme":
            width = draw(st.sampled_from((1, 2, 4, 8)))
            value = draw(st.sampled_from((0, 1, 2**7, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)))
            made[at : at + width] = (value % 256**width).to_bytes(width, draw(st.sampled_from(("little", "big"))))
        elif action == "cut":
            del made[at:]
        elif action == "insert":
            made[at:at] = draw(st.binary(max_size=12))
        elif action == "repeat":
            made[at:at] = made[at : at + draw(st.integers(1, 64))] * draw(st.integers(1, 8))
        elif action == "remove":
            del made[at : at + draw(st.integers(1, 16))]
    return bytes(made)


@st.composite
def changed_lines(draw: Any, text: str) -> str:
    """A text of ``key: value`` lines with values, indents and lines changed."""
    lines = text.splitlines()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(lines) - 1)))
        action = draw(st.sampled_from(("value", "value", "value", "indent", "remove", "double", "item", "any")))
        odd = str(draw(scalars))
        if action == "value" and lines:
            lines[at] = f"{lines[at].partition(':')[0]}: {odd}"
        elif action == "indent" and lines:
            lines[at] = draw(st.sampled_from((" ", "\t", "    " * 50))) + lines[at]
        elif action == "remove" and lines:
            del lines[at]
        elif action == "double":
            lines[at:at] = lines[at : at + 3] * draw(st.integers(1, 20))
        elif action == "item":
            lines.insert(at, f"- {odd}")
        elif action == "any":
            lines.insert(at, draw(st.text(max_size=30)))
    return "\n".join(lines).encode("utf-8", "replace").decode("utf-8")
