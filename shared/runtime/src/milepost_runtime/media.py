"""Says whether a body comes as what a route takes; it never looks into it."""

from collections.abc import Mapping

from milepost_runtime.problems import Problem

JSON = frozenset({b"application/json"})


def check_media(named: Mapping[bytes, bytes], taken: frozenset[bytes] = JSON) -> None:
    """Raise 415 unless the body is of a media type that is taken (empty: any), in UTF-8 if it is JSON, and as it is."""
    media = named.get(b"content-type", b"")
    if media not in taken and not _is_taken(media, taken):
        names = " or ".join(sorted(one.decode("ascii") for one in taken)) or "JSON"
        raise Problem(415, "media_type_unsupported", f"Send {names} in UTF-8.")
    encoding = named.get(b"content-encoding")
    if encoding is not None and encoding.strip().lower() != b"identity":
        raise Problem(415, "encoding_unsupported", "Send the body as it is, without a content encoding.")


def _is_taken(media: bytes, taken: frozenset[bytes]) -> bool:
    kind, *parameters = (part.strip().lower() for part in media.split(b";"))
    if taken and kind not in taken:
        return False
    charsets = [part.removeprefix(b"charset=").strip(b'"') for part in parameters if part.startswith(b"charset=")]
    is_json = kind == b"application/json" or kind.endswith(b"+json")
    return not is_json or all(charset == b"utf-8" for charset in charsets)
