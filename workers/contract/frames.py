"""The frames between gateway and replica: length-prefixed, many requests at once over one kept connection.

Frame = 4 bytes head length, 4 bytes body length (big endian), head (JSON), body (bytes, passed through unread).
Head of a request: {"id": int, "op": "predict" | "stream" | "cancel" | "hello", "type": content type, "deadline": seconds left}
  · hello carries {"secret": …} on TCP; op stream asks for pieces.
Head of an answer: {"id": int, "status": HTTP status, "last": bool, "type": content type, "retry_after": seconds?,
  "usage": {"input_tokens": int, "output_tokens": int}}. Every request gets answers until one with last = true.
A piece of a stream is UTF-8 text.
"""

import asyncio
import json
import struct
from typing import Any

HEAD = struct.Struct(">II")
HEAD_MAX = 64 * 1024
BODY_MAX = 64 * 1024 * 1024


def pack(head: dict[str, Any], body: bytes = b"") -> bytes:
    """A frame ready to be written."""
    text = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode()
    return HEAD.pack(len(text), len(body)) + text + body


async def read(reader: asyncio.StreamReader) -> tuple[dict[str, Any], bytes]:
    """The next frame. Raises IncompleteReadError at the end, ValueError when a length is out of bounds."""
    head_length, body_length = HEAD.unpack(await reader.readexactly(HEAD.size))
    if head_length > HEAD_MAX or body_length > BODY_MAX:
        raise ValueError(f"frame of {head_length} + {body_length} bytes is over the limit")
    head = json.loads(await reader.readexactly(head_length))
    return head, await reader.readexactly(body_length) if body_length else b""
