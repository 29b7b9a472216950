"""Whether a container's own sizes reach past the end of the file: the only sure sign of a cut-off download.

Nothing is decoded here. Each supported container states the length of its parts up front (boxes, elements,
chunks, fixed packets), so walking those parts shows a missing tail without trusting any duration in a header.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO

ISO_BOXES = frozenset(
    b"ftyp moov mdat moof mfra free skip wide sidx styp uuid meta pnot udta emsg prft ssix imda".split()
)
TS_PACKETS = {188: 0, 192: 4, 204: 0}  # packet length → offset of its sync byte (192: after a time code)
EBML_SEGMENT, EBML_CLUSTER = 0x18538067, 0x1F43B675
EBML_INFO = (0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B)  # seek head, info, tracks, cues
EBML_REST = (0x1941A469, 0x1043A770, 0x1254C367, 0xEC, 0xBF)  # attachments, chapters, tags, void, CRC
EBML_LEVEL1 = frozenset((EBML_CLUSTER, *EBML_INFO, *EBML_REST))
MAX_PARTS = 1_000_000  # a hostile file must not keep the walk busy for ever


@dataclass(frozen=True, kw_only=True)
class Framing:
    """What the outermost structure of a file says.

    Attributes:
        kind: ``"iso"`` (MP4, MOV), ``"matroska"``, ``"riff"`` (AVI), ``"ts"`` or ``""`` (not examined).
        cut: a part claims bytes that the file does not have.
        indexed: False only for an ISO file without a ``moov`` box, which cannot be played at all.
    """

    kind: str = ""
    cut: bool = False
    indexed: bool = True

    @property
    def whole_packets(self) -> bool:
        """Whether the container states the length of each packet, so that a cut one is known before it is decoded."""
        return self.kind in ("iso", "matroska", "riff")


def examine(file: BinaryIO) -> Framing:
    """Walk the outermost parts of ``file`` (seekable, binary); its position is left anywhere."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(1024)
    if head[4:8] in ISO_BOXES:
        return _iso(file, size)
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return Framing(kind="matroska", cut=_matroska_cut(file, size))
    if head[:4] == b"RIFF":
        return Framing(kind="riff", cut=_riff_cut(file, size))
    for length, offset in TS_PACKETS.items():
        marks = head[offset::length]
        if len(marks) >= 3 and set(marks) == {0x47}:
            return Framing(kind="ts", cut=size % length != 0)
    return Framing()


def _iso(file: BinaryIO, size: int) -> Framing:
    position, seen, cut = 0, set(), False
    for _ in range(MAX_PARTS):
        file.seek(position)
        head = file.read(16)
        if len(head) < 8 or head[4:8] not in ISO_BOXES:
            break  # the end, or bytes after the last box that are none of ours
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        seen.add(head[4:8])
        if length == 0:  # "to the end of the file"
            break
        position += max(length, 8)
        if position > size:
            cut = True
            break
    return Framing(kind="iso", cut=cut, indexed=b"moov" in seen)


def _ebml_number(file: BinaryIO, *, keep_marker: bool) -> int | None:
    """The variable-length number at the file's position, or None for the end or an unknown size (all ones)."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    width = 9 - first[0].bit_length()
    rest = file.read(width - 1)
    if len(rest) < width - 1:
        return None
    value = int.from_bytes(first + rest, "big")
    if keep_marker:
        return value
    value &= (1 << (7 * width)) - 1
    return None if value == (1 << (7 * width)) - 1 else value


def _matroska_cut(file: BinaryIO, size: int) -> bool:
    """Skip the EBML header, enter the segment, and step over its children.

    A live recording has a segment (and sometimes clusters) of unknown size: inside such a cluster the walk ends,
    undecided, which counts as whole.
    """
    position = 0
    for _ in range(MAX_PARTS):
        file.seek(position)
        identity = _ebml_number(file, keep_marker=True)
        length = _ebml_number(file, keep_marker=False)
        body = file.tell()
        if identity == EBML_SEGMENT:
            if length is not None and body + length > size:
                return True
            position = body
            continue
        if identity is None or length is None or (position and identity not in EBML_LEVEL1):
            return False
        position = body + length
        if position > size:
            return True
    return False


def _riff_cut(file: BinaryIO, size: int) -> bool:
    position = 0
    for _ in range(MAX_PARTS):
        file.seek(position)
        head = file.read(8)
        if len(head) < 8 or head[:4] != b"RIFF":  # long AVI files are several RIFF chunks in a row
            return False
        length = int.from_bytes(head[4:], "little")
        if length == 0:  # written to a pipe: never filled in
            return False
        position += 8 + length
        if position > size:
            return True
        position += length & 1
    return False
