"""Which addresses outside may be called: by form when a URL is saved, by number when a line is opened; it calls nobody.

A machine that follows URLs which people type in can be sent into the rooms behind it. So names are resolved once, every
address that they resolve to is checked, and the line is opened to a checked address, whatever the name says next.
"""

import asyncio
import ipaddress
import re
import socket
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
PORTS = {"https": 443, "http": 80}
LONGEST_URL = 2_000
RESOLVE_S = 3.0
# What listens there speaks no HTTP, and some of it would take a request for commands.
_NOT_HTTP = frozenset((1433, 1521, 2049, 2375, 2379, 3306, 3389, 5432, 5672, 6000, 6379, 9042, 11211, 27017))
# `is_global` calls these global: ways back inside by translation, addresses of groups, examples (RFC 9637).
_WAYS_BACK = tuple(
    ipaddress.ip_network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "3fff::/20")
)
_UNICAST = ipaddress.ip_network("2000::/3")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class UrlRefused(Exception):
    """This URL may not be called; `code` is `url_scheme`, `url_form`, `url_port` or `url_address`."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class NameUnknown(Exception):
    """The name resolves to nothing at the moment."""


@dataclass(frozen=True)
class Inside:
    """Networks behind us that a deployment lets itself call, also without TLS; none unless it says so."""

    networks: tuple[Network, ...] = ()

    def holds(self, address: Address) -> bool:
        """Tell whether an address is in one of them."""
        return any(address.version == network.version and address in network for network in self.networks)


# For receivers that are ours, wherever they are.
ANYWHERE = Inside((ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")))


def inside(text: str) -> Inside:
    """Return the networks of a list such as `10.1.0.0/16, 127.0.0.0/8`. Raises ValueError."""
    return Inside(tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip()))


@dataclass(frozen=True)
class Target:
    """A URL that may be called as far as its form goes: `path` begins with a slash and holds the query."""

    scheme: str
    host: str
    port: int
    path: str

    @cached_property
    def authority(self) -> str:
        """The host as the header `Host` names it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


# By its form alone: the address that a name leads to is looked up and checked whenever a line is opened.
@lru_cache(maxsize=1024)
def check_url(text: str, allowed: Inside) -> Target:
    """Return where a URL leads. Raises UrlRefused for whatever no line should ever be opened to."""
    parts = _split(text)
    if parts.scheme != "https" and not (parts.scheme == "http" and allowed.networks):
        raise UrlRefused("url_scheme", "give an https:// address")
    if parts.username is not None or parts.password is not None or parts.fragment or "#" in text:
        raise UrlRefused("url_form", "give an address without user, password and fragment")
    host = _host(parts.hostname or "", allowed)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, _port(parts), path)


def _split(text: str) -> SplitResult:
    if not 0 < len(text) <= LONGEST_URL or "\\" in text or any(ord(sign) <= 0x20 or ord(sign) == 0x7F for sign in text):
        raise UrlRefused("url_form", f"an address has 1 to {LONGEST_URL} characters, no spaces and no backslash")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise UrlRefused("url_form", "this is no address") from None
    if not (parts.path + parts.query).isascii():
        raise UrlRefused("url_form", "write what is not ASCII percent-encoded")
    return parts


def _port(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port is None:
        return PORTS[parts.scheme]
    if port not in PORTS.values() and not (1024 <= port <= 65535 and port not in _NOT_HTTP):
        raise UrlRefused("url_port", "this port is not for HTTP")
    return port


def _host(host: str, allowed: Inside) -> str:
    """Return the host as it is resolved: a number in its one canonical form, or a name in ASCII."""
    plain = unicodedata.normalize("NFKC", host).rstrip(".").lower()
    if ":" in plain or _NUMBER.fullmatch(plain.rpartition(".")[2]):
        try:
            address = ipaddress.ip_address(plain)
        except ValueError:
            address = None
        if address is None or plain != host.lower() or not may_reach(address, allowed):
            raise UrlRefused("url_address", "this address is not one of the public internet")
        return str(address)
    if not plain.isascii() or not host.isascii():
        raise UrlRefused("url_form", "write the host name in ASCII (xn--…)")
    if len(plain) > 253 or not all(_LABEL.fullmatch(label) for label in plain.split(".")):
        raise UrlRefused("url_form", "this is no host name")
    if plain.rpartition(".")[2] == "localhost" and not allowed.networks:
        raise UrlRefused("url_address", "this address is not one of the public internet")
    return plain


def may_reach(address: Address, allowed: Inside) -> bool:
    """Tell whether a line may be opened to an address: a public one of a single machine, or one that is allowed."""
    if allowed.holds(address):
        return True
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST:
        return False
    ways_back = any(address.version == network.version and address in network for network in _WAYS_BACK)
    return address.is_global and not address.is_multicast and not ways_back


async def resolve(target: Target, allowed: Inside) -> Sequence[str]:
    """Return the addresses to connect to, the best one first; all that the name resolves to must be allowed.

    Raises UrlRefused, NameUnknown (also when resolving takes longer than RESOLVE_S).
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_S):
            found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        raise NameUnknown(f"the name {target.host} resolves to nothing at the moment") from None
    return checked(target, [str(one[4][0]) for one in found], allowed)


def checked(target: Target, addresses: Sequence[str], allowed: Inside) -> Sequence[str]:
    """Return the addresses that a name has, if all of them may be reached. Raises UrlRefused, NameUnknown."""
    for text in addresses:
        address = ipaddress.ip_address(text)
        if not may_reach(address, allowed):
            raise UrlRefused("url_address", f"{target.host} leads to an address that is not of the public internet")
        if target.scheme != "https" and not allowed.holds(address):
            raise UrlRefused("url_scheme", f"{target.host} is outside, and outside only https is spoken")
    if not addresses:
        raise NameUnknown(f"the name {target.host} resolves to nothing at the moment")
    return addresses
