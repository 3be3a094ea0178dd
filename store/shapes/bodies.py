"""Bodies of events: payload and merged document in one compressed frame. Pure.

A shared dictionary (the words every listing repeats) makes small frames four times smaller.
The first byte names the layout, so that old journals stay readable when it changes.
"""

import struct

import zstandard

_SAMPLE = (
    b'{"providerIdentifier":"my-crm","externalId":"listing-456","title":"Apartament 3 camere '
    b'decomandat, zona ","description":"","address":"Str. , Bucuresti, Sectorul ","transaction":'
    b'"SALE","transaction":"RENT","type":"HOUSE","type":"STUDIO","type":"APARTMENT","price":185000,'
    b'"currency":"RON","currency":"EUR","rooms":3,"totalArea":85.5,"usableArea":70,"latitude":44.4,'
    b'"longitude":26.0,"constructionYear":2020,"floor":4,"floorMax":10,"partitioning":'
    b'"SEMI_DETACHED","partitioning":"DETACHED","imageUrls":["https://","https://"],"agency":'
    b'{"name":"","phone":"+407"},"agent":{"name":"","phone":"+407","email":""},"attributes":{},'
    b'"publishedAt":"2026-01-01T00:00:00.000000Z","sourceUpdatedAt":"2026-01-01T00:00:00.000000Z",'
    b'"soldAt":"2026-01-01T00:00:00.000000Z","soldPrice":1000,"status":"sold","status":"active"}'
)
_LAYOUT = b"\x01"
_LENGTH = struct.Struct("<I")
_DICTIONARY = zstandard.ZstdCompressionDict(_SAMPLE, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


class BodyCodec:
    """Packs and unpacks bodies. One per thread: its compressor keeps state."""

    def __init__(self) -> None:
        self._compress = zstandard.ZstdCompressor(level=1, dict_data=_DICTIONARY).compress
        self._decompress = zstandard.ZstdDecompressor(dict_data=_DICTIONARY).decompress

    def pack(self, payload: bytes, document: bytes) -> bytes:
        """Return one frame that holds both."""
        return _LAYOUT + self._compress(_LENGTH.pack(len(payload)) + payload + document)

    def unpack(self, body: bytes) -> tuple[bytes, bytes]:
        """Return (payload, document). Raises ValueError for a layout of a newer imo360."""
        if body[:1] != _LAYOUT:
            raise ValueError(f"unknown body layout {body[:1]!r}: made by a newer imo360")
        content = self._decompress(body[1:])
        (length,) = _LENGTH.unpack_from(content)
        start = _LENGTH.size
        return content[start : start + length], content[start + length :]
