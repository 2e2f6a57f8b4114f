"""Which container a file is by its first bytes: what FFmpeg would take as a list of other files is none."""

from typing import Final

CONTAINERS = "MP4, MOV, WebM, MKV, AVI, MPEG, FLV, OGG, ASF or GIF"
START = 4096  # bytes that are enough
_AT_START: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x1a\x45\xdf\xa3", "matroska"),
    (b"FLV\x01", "flv"),
    (b"OggS", "ogg"),
    (b"\x00\x00\x01\xba", "mpeg"),
    (b"\x00\x00\x01\xb3", "mpeg"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")  # of MP4 and MOV
_PACKET = 188  # bytes of MPEG-TS
_SYNC = 0x47


def container_of(start: bytes) -> str | None:
    r"""Name the container of a video, None for anything that is not one of those that are accepted.

    Playlists (HLS, concat) and other texts are none: FFmpeg would open the files they name.

    Args:
        start: The first bytes of the file, at least START where it has so many.

    >>> container_of(b"\x00\x00\x00\x18ftypmp42"), container_of(b"#EXTM3U\n/etc/passwd")
    ('mp4', None)
    """
    for magic, name in _AT_START:
        if start.startswith(magic):
            return name
    if start[4:8] in _BOXES:
        return "mp4"
    if start[:4] == b"RIFF" and start[8:12] == b"AVI ":
        return "avi"
    if len(start) > 2 * _PACKET and all(start[place] == _SYNC for place in (0, _PACKET, 2 * _PACKET)):
        return "mpegts"
    return None
