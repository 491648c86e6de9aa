"""Which addresses the worker may turn to when somebody else names them: never into the network it stands in."""

import ipaddress
import socket
from urllib.parse import urlsplit

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Translates to the IPv4 address in its last four bytes.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Where clouds answer with credentials of the machine; the IPv4 one is link-local anyway.
_METADATA = ipaddress.ip_address("fd00:ec2::254")


class AddressRefused(Exception):
    """The address is not turned to. The text says why, without what its host resolves to."""


def check_address(address: str, allow_private: bool) -> None:
    """Resolves the host of an http(s) address and refuses it when any result is not allowed.

    `allow_private` lets private networks and this machine in, never link-local addresses, where
    clouds answer with credentials. Raises AddressRefused.
    """
    try:
        parts = urlsplit(address)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise AddressRefused("it is not an address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise AddressRefused("it must begin with https:// or http://")
    if parts.username or parts.password:
        raise AddressRefused("it must not hold a user or a password")
    resolve(parts.hostname, port, allow_private)


def resolve(host: str, port: int, allow_private: bool) -> list[str]:
    """The IP addresses of a host, all of them allowed. Raises AddressRefused.

    To be connected to as they are: a name that is looked up again may lead elsewhere the second time.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressRefused(f"its host '{host}' was not found") from None
    # A zone (%eth0) belongs to link-local addresses only.
    addresses = [entry[4][0] for entry in found]
    if not addresses or not all(_allowed(ipaddress.ip_address(a.partition("%")[0]), allow_private) for a in addresses):
        remedy = "" if allow_private else " (ALLOW_PRIVATE_ADDRESSES is off)"
        raise AddressRefused(f"its host '{host}' leads into a network that the worker keeps out of{remedy}")
    return addresses


def _allowed(address: _Address, allow_private: bool) -> bool:
    inner = _inner(address)
    if inner is not None:
        return _allowed(inner, allow_private)
    if address.is_link_local or address.is_multicast or address.is_unspecified or address == _METADATA:
        return False
    return allow_private or address.is_global


def _inner(address: _Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for."""
    if address.version == 4:
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
