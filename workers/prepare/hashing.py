"""64-bit hashes of Arrow arrays, whole columns at once, and counting of distinct ones in bounded memory.

Strings are hashed as polynomials over random values of their bytes, by prefix sums modulo 2^64; the tables are fixed, so that equal values
have equal hashes across batches and files. Two different values meet with a chance of about 2^-60: figures made of them are counts for
people, never identities.
"""

import hashlib

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
_PIECE = 1 << 18  # bytes hashed at once: their powers stay in the cache
_FACTOR = 0xD6E8FEB86659FD93
_NULL = np.uint64(0x5851F42D4C957F2D)
_TABLE = np.frombuffer(b"".join(hashlib.blake2b(bytes([i]), digest_size=8).digest() for i in range(256)), "<u8").astype(np.uint64)
_POWERS = np.cumprod(np.concatenate([np.ones(1, np.uint64), np.full(_PIECE, _FACTOR, np.uint64)]), dtype=np.uint64)


def mix(value: Hashes) -> Hashes:
    """splitmix64's finish: every bit of the input reaches every bit of the output."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def combine(first: Hashes, second: Hashes) -> Hashes:
    """The hash of a pair."""
    return mix(first * np.uint64(0x9E3779B97F4A7C15) + second)


def hash_array(array: pa.Array) -> Hashes:
    """One hash for each value; all nulls have the same."""
    type = array.type
    if pa.types.is_struct(type) and {"bytes"} <= {field.name for field in type} <= {"bytes", "path"}:
        array, type = array.field("bytes"), pa.binary()
    if pa.types.is_nested(type):
        texts = [orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS) for value in array.to_pylist()]
        found = _hash_bytes(pa.array(texts, pa.binary()))
    elif pa.types.is_string(type) or pa.types.is_binary(type):
        found = _hash_bytes(array)
    elif pa.types.is_null(type):
        return np.full(len(array), _NULL, np.uint64)
    else:
        if pa.types.is_boolean(type):
            array = array.cast(pa.int8())
        numbers = array.fill_null(0) if array.null_count else array
        if pa.types.is_temporal(type):
            numbers = numbers.cast(pa.int64())
        wide = numbers.cast(pa.float64() if pa.types.is_floating(type) else pa.int64())
        found = mix(np.asarray(wide.to_numpy(zero_copy_only=False)).view(np.uint64) + np.uint64(1))
    if array.null_count:
        found[np.asarray(array.is_null().to_numpy(zero_copy_only=False))] = _NULL
    return found


def _hash_bytes(array: pa.Array) -> Hashes:
    buffers = array.buffers()
    offsets = np.frombuffer(buffers[1], np.int32, len(array) + 1, array.offset * 4).astype(np.int64)
    data = np.frombuffer(buffers[2], np.uint8) if buffers[2] is not None else np.empty(0, np.uint8)
    lengths = np.diff(offsets)
    found = np.empty(len(array), np.uint64)
    row = 0
    while row < len(array):
        end = max(row + 1, int(np.searchsorted(offsets, offsets[row] + _PIECE, "right")) - 1)
        low, high = offsets[row], offsets[min(end, len(array))]
        end = min(end, len(array))
        if high - low > _PIECE:  # one value longer than a piece
            digest = hashlib.blake2b(data[low:high].tobytes(), digest_size=8).digest()
            found[row] = np.uint64(int.from_bytes(digest, "little"))
        else:
            found[row:end] = _hash_piece(data[low:high], offsets[row : end + 1] - low)
        row = end
    return mix(found ^ (lengths.astype(np.uint64) * np.uint64(_FACTOR)))


def _hash_piece(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Hashes:
    sums = np.zeros(len(data) + 1, np.uint64)
    np.cumsum(_TABLE[data] * _POWERS[: len(data)], out=sums[1:])
    starts = offsets[:-1]
    return (sums[offsets[1:]] - sums[starts]) * _POWERS[_PIECE - starts]


def distinct(hashes: Hashes) -> Hashes:
    """The different ones, sorted."""
    ordered = np.sort(hashes)
    if not len(ordered):
        return ordered
    fresh = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=fresh[1:])
    return ordered[fresh]


class Distinct:
    """How many different hashes there were: exact up to `cap`, then from a sample of the hash space that halves as it fills."""

    def __init__(self, cap: int) -> None:
        self._cap, self._level = cap, 0
        self._kept = np.empty(0, np.uint64)
        self._new: list[Hashes] = []
        self._waiting = 0

    def add(self, hashes: Hashes) -> None:
        if self._level:
            hashes = hashes[(hashes & np.uint64((1 << self._level) - 1)) == 0]
        self._new.append(hashes)
        self._waiting += len(hashes)
        if self._waiting > self._cap:
            self._merge()

    def _merge(self) -> None:
        self._kept = distinct(np.concatenate([self._kept, *self._new]))
        self._new, self._waiting = [], 0
        while len(self._kept) > self._cap:
            self._level += 1
            self._kept = self._kept[(self._kept & np.uint64((1 << self._level) - 1)) == 0]

    def count(self) -> tuple[int, bool]:
        """(number, whether it is exact)."""
        self._merge()
        return len(self._kept) << self._level, self._level == 0
