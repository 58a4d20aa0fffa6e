"""Reads Salesforce's outbound messages (SOAP 1.1), however hostile; it fetches nothing and keeps no session id."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from ingest_webhooks.sources.salesforce.ids import id18
from ingest_webhooks.words.shapes import Broken
from milepost_runtime.strict_json import MAX_DEPTH, BadBody

_ENVELOPE = "{http://schemas.xmlsoap.org/soap/envelope/}"
_OUTBOUND = "{http://soap.sforce.com/2005/09/outbound}"
_INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}"
_OBJECTS = ("{urn:sobject.enterprise.soap.sforce.com}", "{urn:sobject.partner.soap.sforce.com}")
_MARK = b"\xef\xbb\xbf"
_ODD_ENCODINGS = (b"\xff\xfe", b"\xfe\xff", b"+ADw")
_DECLARATION = re.compile(
    r"""<\?xml\s+version\s*=\s*["']([^"'<>]*)["'](?:\s+encoding\s*=\s*["']([^"'<>]*)["'])?[^<>]*\?>"""
)
_TAG = re.compile(rb"<([^\s/>]+)")
MAX_ATTRIBUTES = 200
# As many as JSON may have values.
MAX_ELEMENTS = 20_000
MAX_NAME = 1_000


@dataclass(slots=True)
class Node:
    """An element: its name with its namespace, `type` as xsi:type says it, with the namespace of its prefix."""

    name: str
    type: str = ""
    nil: bool = False
    texts: list[str] = field(default_factory=list)
    children: list["Node"] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What stands in it, without blanks around it."""
        return "".join(self.texts).strip()

    def named(self, name: str) -> list["Node"]:
        """Return the children of a name."""
        return [child for child in self.children if child.name == name]


@dataclass(frozen=True, slots=True)
class Notification:
    """One record that a message speaks of."""

    id: str
    record: Node | None


@dataclass(frozen=True, slots=True)
class Message:
    """An outbound message; every id in its form of 18 characters, `action` empty when it names none."""

    organisation: str
    action: str
    notifications: tuple[Notification, ...]


def read_message(body: bytes) -> Message:
    """Return the message.

    Raises BadBody with one of bad_encoding, bad_xml, xml_doctype, too_deep, too_wide, bad_event_id.
    """
    envelope = _parse(body).root
    if envelope is None or envelope.name != f"{_ENVELOPE}Envelope":
        raise BadBody("bad_xml", "the body is no SOAP 1.1 envelope")
    said = _only(_only(envelope, f"{_ENVELOPE}Body"), f"{_OUTBOUND}notifications")
    organisation = id18(_only(said, f"{_OUTBOUND}OrganizationId").text)
    if organisation is None:
        raise BadBody("bad_xml", "OrganizationId is no id")
    actions = said.named(f"{_OUTBOUND}ActionId")
    action = (id18(actions[0].text) if actions else None) or ""
    notifications = tuple(_notification(one) for one in said.named(f"{_OUTBOUND}Notification"))
    if not notifications:
        raise BadBody("bad_event_id", "the message holds no Notification")
    return Message(organisation, action, notifications)


def read_record(node: Node | None) -> tuple[str, dict[str, Any]]:
    """Return the object's name and its fields, None for those that are told to be empty; raises Broken."""
    space = None if node is None else next((one for one in _OBJECTS if node.type.startswith(one)), None)
    if node is None or space is None:
        raise Broken("the notification holds no sObject of Salesforce's types")
    fields: dict[str, Any] = {}
    for child in node.children:
        name = child.name.removeprefix(space)
        if name == child.name:
            continue  # what others put beside the fields is none of ours
        if name == "fieldsToNull":
            fields.setdefault(child.text, None)
        else:
            fields[name] = _value(child, space)
    kind = node.type.removeprefix(space)
    # The partner's schema knows one type only, and says in a field which object it is.
    return (str(fields.pop("type", "")) if kind == "sObject" else kind), fields


def without_sessions(body: bytes) -> bytes:
    """Return the body with every session id taken out, otherwise as it was; raises BadBody for what cannot be read."""
    if b"SessionId" not in body:
        return body
    raw = body[_offset(body) :]
    kept, done = bytearray(body[: _offset(body)]), 0
    for start, end in _parse(body).sessions:
        closing = _closing(raw, start, end)
        if closing is not None:
            kept += raw[done:start] + b"<SessionId/>"
            done = closing.end()
    return bytes(kept + raw[done:])


def acknowledgement(*, accepted: bool) -> bytes:
    """Return the answer that ends Salesforce's retries, or asks for one."""
    word = "true" if accepted else "false"
    return (
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
        '<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound">'
        f"<Ack>{word}</Ack></notificationsResponse></soapenv:Body></soapenv:Envelope>"
    ).encode("ascii")


def _only(parent: Node, name: str) -> Node:
    found = parent.named(name)
    if len(found) != 1:
        raise BadBody("bad_xml", f"the message needs exactly one {name.rpartition('}')[2]} in its place")
    return found[0]


def _notification(node: Node) -> Notification:
    ids = node.named(f"{_OUTBOUND}Id")
    found = id18(ids[0].text) if len(ids) == 1 else None
    if found is None:
        raise BadBody("bad_event_id", "a Notification has no Id of 15 or 18 characters")
    records = node.named(f"{_OUTBOUND}sObject")
    return Notification(found, records[0] if len(records) == 1 else None)


def _value(node: Node, space: str) -> Any:
    if node.nil:
        return None
    parts = {child.name.removeprefix(space): _value(child, space) for child in node.children}
    return parts or "".join(node.texts) or None


def _closing(raw: bytes, start: int, end: int) -> re.Match[bytes] | None:
    """Return the tag that closes what begins at `start`; None for an empty tag, of which only what follows is told."""
    name = _TAG.match(raw, start)
    return None if name is None else re.compile(rb"</%s\s*>" % re.escape(name[1])).match(raw, end)


def _offset(body: bytes) -> int:
    return len(_MARK) if body.startswith(_MARK) else 0


def _parse(body: bytes) -> "_Tree":
    """Read all of it; the declaration may say nothing but XML 1.0 in UTF-8, and nothing may be declared."""
    raw = body[_offset(body) :]
    _check_encoding(raw)
    if raw.count(b"<") > 2 * MAX_ELEMENTS:  # far too many to be worth a parser's time
        raise BadBody("too_wide", "too many elements")
    tree = _Tree()
    parser = DefusedXMLParser(target=tree, forbid_dtd=True)
    tree.machine = parser.parser
    try:
        parser.feed(raw)
        parser.close()
    except DefusedXmlException:
        raise BadBody("xml_doctype", "document types and entities are not read") from None
    except ParseError as error:
        line, column = error.position
        raise BadBody("bad_xml", f"no well-formed XML at line {line}, column {column}") from None
    return tree


def _check_encoding(raw: bytes) -> None:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadBody("bad_encoding", f"no valid UTF-8 at byte {error.start}") from None
    if raw.startswith(_ODD_ENCODINGS) or "\0" in text:
        raise BadBody("bad_encoding", "send XML in plain UTF-8")
    found = _DECLARATION.match(text) if text.startswith("<?xml") else None
    if found is not None and (found[1] != "1.0" or (found[2] or "utf-8").lower() not in ("utf-8", "us-ascii")):
        raise BadBody("bad_encoding", "send XML 1.0 in UTF-8")


class _Tree:
    """What the parser tells, as nodes; `sessions` are the places (bytes) where session ids begin and end."""

    def __init__(self) -> None:
        self.machine: Any = None
        self.root: Node | None = None
        self.sessions: list[tuple[int, int]] = []
        self._open: list[Node] = []
        self._spaces: dict[str, list[str]] = {}
        self._elements = 0
        self._declared = 0
        self._session: tuple[int, int] | None = None

    def start_ns(self, prefix: str, space: str) -> None:
        """A prefix stands for a namespace from here on."""
        self._declared += 1
        if self._declared > MAX_ATTRIBUTES:
            raise BadBody("too_wide", f"more than {MAX_ATTRIBUTES} namespaces in one place")
        self._spaces.setdefault(prefix, []).append(space)

    def end_ns(self, prefix: str) -> None:
        """And here it stands for what it stood for before."""
        self._declared -= 1
        self._spaces[prefix].pop()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self._elements += 1
        if len(self._open) >= MAX_DEPTH:
            raise BadBody("too_deep", f"nested deeper than {MAX_DEPTH}")
        if len(attributes) > MAX_ATTRIBUTES or self._elements > MAX_ELEMENTS:
            raise BadBody("too_wide", "too many attributes or elements")
        if any(len(one) > MAX_NAME for one in _names(name, attributes)):
            raise BadBody("too_wide", f"a name is longer than {MAX_NAME} characters")
        nil = attributes.get(f"{_INSTANCE}nil", "").strip() in ("true", "1")
        node = Node(name, self._resolved(attributes.get(f"{_INSTANCE}type", "").strip()), nil)
        if self._open:
            self._open[-1].children.append(node)
        elif self.root is None:
            self.root = node
        if self._session is None and name.rpartition("}")[2] == "SessionId":
            self._session = len(self._open), self.machine.CurrentByteIndex
        self._open.append(node)

    def data(self, text: str) -> None:
        """Text stands in the open element."""
        if self._open:
            self._open[-1].texts.append(text)

    def end(self, _name: str) -> None:
        """An element ends."""
        self._open.pop()
        if self._session is not None and self._session[0] == len(self._open):
            self.sessions.append((self._session[1], self.machine.CurrentByteIndex))
            self._session = None

    def close(self) -> None:
        """The document ended."""

    def _resolved(self, kind: str) -> str:
        """Return a QName with the namespace that its prefix stands for here, whatever the prefix is."""
        prefix, joint, local = kind.partition(":")
        if not joint:
            prefix, local = "", kind
        spaces = self._spaces.get(prefix)
        return f"{{{spaces[-1]}}}{local}" if kind and spaces else kind


def _names(name: str, attributes: dict[str, str]) -> Iterator[str]:
    yield name
    yield from attributes
