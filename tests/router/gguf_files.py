"""Headers of GGUF files, as small as a test wants them."""

import struct


def text(value):
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def gguf(metadata, tensors, version=3):
    """A GGUF file of 32-bit numbers, strings and arrays of strings, with no weights."""
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    for key, value in metadata.items():
        head += text(key)
        match value:
            case int():
                head += struct.pack("<II", 4, value)
            case str():
                head += struct.pack("<I", 8) + text(value)
            case list():
                head += struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))
    for name, shape in tensors.items():
        head += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, 0)
    return head
