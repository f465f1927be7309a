"""Sounds of strangers: the header is read by ourselves and must be believable before any decoder sees the file."""

import struct
from typing import NamedTuple

from workers.contract.names import AUDIO_CHANNELS_MAX, AUDIO_RATE_MAX, AUDIO_SECONDS_MAX
from workers.prepare.images import Damaged
from workers.prepare.problems import excerpt, refuse


class Sound(NamedTuple):
    """What a header says. rate: samples a second; seconds: 0 when the format does not say."""

    format: str
    rate: int
    channels: int
    seconds: float


def listen(data: bytes, name: str) -> Sound:
    """Read the header of a WAV, FLAC or OGG file. Raises Damaged when it is cut, UserError when its figures are absurd."""
    try:
        found = _header(data)
    except (struct.error, IndexError) as error:
        raise Damaged("its header is cut") from error
    reasons = {
        f"{found.rate} Hz": not 1000 <= found.rate <= AUDIO_RATE_MAX,
        f"{found.channels} channels": not 1 <= found.channels <= AUDIO_CHANNELS_MAX,
        f"{found.seconds / 3600:.1f} hours": found.seconds > AUDIO_SECONDS_MAX,
    }
    for reason, absurd in reasons.items():
        if absurd:
            refuse("bad_audio_header", f"the header of {excerpt(name)} says {reason}", "save it again as WAV, FLAC or OGG", file=name)
    return found


def _header(data: bytes) -> Sound:
    if data.startswith(b"RIFF") and data[8:12] == b"WAVE":
        return _wav(data)
    if data.startswith(b"fLaC"):
        packed = int.from_bytes(data[18:26], "big")
        if len(data) < 42:
            raise struct.error
        rate, samples = packed >> 44, packed & ((1 << 36) - 1)
        return Sound("FLAC", rate, ((packed >> 41) & 7) + 1, samples / rate if rate else 0.0)
    if data.startswith(b"OggS"):
        return _ogg(data)
    raise Damaged("it is not a WAV, FLAC or OGG file")


def _wav(data: bytes) -> Sound:
    at, rate, channels, per_second, body = 12, -1, 0, 0, 0
    while at + 8 <= len(data):
        name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        if name == b"fmt ":
            channels, rate, per_second = struct.unpack_from("<HII", data, at + 10)
        elif name == b"data":
            body = size
            if at + 8 + size > len(data) and size < 0xFFFFFFFE and rate >= 0 and size <= per_second * AUDIO_SECONDS_MAX:
                raise Damaged("it ends before its last sample")
            break
        at += 8 + size + (size & 1)
    if rate < 0:
        raise Damaged("it has no format chunk")
    return Sound("WAV", rate, channels, body / per_second if per_second else 0.0)


def _ogg(data: bytes) -> Sound:
    start = 27 + data[26]
    if data[start : start + 8] == b"OpusHead":
        return Sound("OPUS", 48_000, data[start + 9], _last_granule(data) / 48_000)
    if data[start : start + 7] == b"\x01vorbis":
        channels, rate = struct.unpack_from("<BI", data, start + 11)
        return Sound("OGG", rate, channels, _last_granule(data) / rate if rate else 0.0)
    raise Damaged("it is neither Vorbis nor Opus")


def _last_granule(data: bytes) -> int:
    """Samples by the last page."""
    page = data.rfind(b"OggS")
    samples = int(struct.unpack_from("<q", data, page + 6)[0])
    return max(samples, 0)
