"""Reading XML that nobody vouches for: elements and texts only, no document type, no entities, bounded."""

from __future__ import annotations

from typing import Dict, List, Optional
from xml.etree.ElementTree import Element, TreeBuilder  # nosec B405: only builds; the parser below refuses entities
from xml.parsers import expat  # nosec B407: document types are refused, so there are no entities to expand

from sr_plugin.core.errors import SourceUnreadable

#: Metadata of the largest products have a few megabytes.
LARGEST_XML = 64 << 20
_DEEPEST = 64


class _Refused(Exception):
    """Something in the document that metadata of products never hold."""


class _Builder:
    """Feeds expat's events to a tree, without namespaces."""

    def __init__(self) -> None:
        self._tree = TreeBuilder()
        self._depth = 0

    def start(self, tag: str, attributes: Dict[str, str]) -> None:
        """Open an element."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _Refused("it is nested too deeply")
        self._tree.start(_local(tag), {_local(key): value for key, value in attributes.items()})

    def end(self, tag: str) -> None:
        """Close an element."""
        self._depth -= 1
        self._tree.end(_local(tag))

    def text(self, data: str) -> None:
        """Add text."""
        self._tree.data(data)

    def refuse(self, *_: object) -> None:
        """A document type is where entities come from."""
        raise _Refused("it declares a document type")

    def root(self) -> Element:
        """The whole tree."""
        return self._tree.close()


def _local(tag: str) -> str:
    return tag.rpartition(":")[2]


def parse_xml(data: bytes, name: str) -> Element:
    """The root element of a document; names of elements and attributes come without their namespace prefix.

    Args:
        data: the document.
        name: what to call it in errors.

    Raises:
        SourceUnreadable: when it is too large, damaged, or declares a document type.
    """
    if len(data) > LARGEST_XML:
        raise SourceUnreadable(f"The metadata file '{name}' is larger than any product's.")
    builder = _Builder()
    parser = expat.ParserCreate()
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = builder.refuse
    parser.EntityDeclHandler = builder.refuse
    try:
        parser.Parse(data, True)
        return builder.root()
    except (expat.ExpatError, _Refused, AssertionError, ValueError, LookupError) as error:
        raise SourceUnreadable(f"The metadata file '{name}' cannot be read ({error}).", _HINT) from error


_HINT = "Download the product again."


def texts(root: Element, tag: str) -> List[str]:
    """Texts of all elements of this name, in the order of the document."""
    return [(element.text or "").strip() for element in root.iter(tag)]


def first_text(root: Element, *tags: str) -> str:
    """Text of the first element that has one of these names and a text; empty where there is none."""
    return next((text for tag in tags for text in texts(root, tag) if text), "")


def number(text: str) -> Optional[float]:
    """The finite number that a text holds, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None
