"""Hostile files, made in memory from a seed: the same seed gives the same bytes on every machine.

A `Mutation` takes a sound file and a `Random`, and gives the damaged one. `test_properties` has hypothesis make up
what is not a damaged file but a strange one.
"""

from __future__ import annotations

import io
import json
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable
from functools import cache
from random import Random
from typing import Any

from PIL import Image

Mutation = Callable[[bytes, Random], bytes]
DEEP = "@deep"  # stands for JSON so deeply nested that Python cannot write it
FOREIGN: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 1.5, -0.0, 2**31, 2**63, 10**300, 1e308, float("inf"), float("nan")),
    *("", "x" * 5000, "\ud800", "\0", "../../x", "1e999", [], {}, [[]], [0] * 5000, {"a": {"b": 1}}, DEEP),
)
LENGTHS = (0, 1, 0x7F, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**40, 2**63 - 1, 2**63, 2**64 - 1)


# --- any bytes -------------------------------------------------------------------------------------------------
def flipped(data: bytes, random: Random) -> bytes:
    """One to sixteen bits turned over."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 2, 4, 16))):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def truncated(data: bytes, random: Random) -> bytes:
    """Cut off at a whole percent."""
    return data[: len(data) * random.randrange(100) // 100]


def spliced(data: bytes, random: Random) -> bytes:
    """A piece left out, doubled, or replaced by noise."""
    start = random.randrange(len(data))
    end = min(len(data), start + random.choice((1, 4, 64, 1024)))
    middle = random.choice((b"", data[start:end] * 2, random.randbytes(end - start)))
    return data[:start] + middle + data[end:]


def lying(data: bytes, random: Random) -> bytes:
    """A number of 2, 4 or 8 bytes that may be a length, replaced by an extreme one."""
    kind = random.choice("HIQ")
    size = struct.calcsize(kind)
    at = random.choice((0, 0, random.randrange(len(data)), max(0, len(data) - random.randrange(1, 64))))
    at = max(0, min(at, len(data) - size))
    number = random.choice(LENGTHS) % 2 ** (8 * size)
    return data[:at] + struct.pack(random.choice("<>") + kind, number) + data[at + size :]


BYTES: tuple[Mutation, ...] = (flipped, truncated, spliced, lying)


# --- JSON --------------------------------------------------------------------------------------------------------
def dumped(value: Any) -> bytes:
    """JSON, with every `DEEP` in it nested a hundred thousand times."""
    return json.dumps(value).replace(f'"{DEEP}"', "[" * 100_000 + "]" * 100_000).encode()


def foreign(value: Any, random: Random) -> Any:
    """A JSON value with one place in it replaced, left out, wrapped or doubled."""
    inside = bool(value) and isinstance(value, (dict, list)) and random.random() < 0.85
    if not inside:
        return random.choice((random.choice(FOREIGN), [value], {"a": value}))
    changed: Any = dict(value) if isinstance(value, dict) else list(value)
    key = random.choice(list(value)) if isinstance(value, dict) else random.randrange(len(value))
    deed = random.randrange(8)
    if deed == 0:
        del changed[key]
    elif deed == 1 and isinstance(value, dict):
        changed["another" if random.random() < 0.5 else "\ud800"] = changed[key]
    elif deed == 1:
        changed.insert(key, value[key])
    else:
        changed[key] = foreign(value[key], random)
    return changed


def json_text(data: bytes, random: Random) -> bytes:
    """A JSON file with a foreign value somewhere."""
    return dumped(foreign(json.loads(data), random))


def json_line(data: bytes, random: Random) -> bytes:
    """The same for one of several lines."""
    lines = data.splitlines()
    at = random.randrange(len(lines))
    lines[at] = json_text(lines[at], random)
    return b"\n".join(lines)


# --- lines of a painter's session ----------------------------------------------------------------------------------
WORDS = ("brush", "load", "stamp", "scene", "polygon", "", "'", '"', "\\", "1e999,nan", "-1", "1e5", "9" * 400, "1,2,3")


def words(data: bytes, random: Random) -> bytes:
    """A line with a word replaced, left out or added."""
    parts = data.decode().split(" ")
    at = random.randrange(len(parts))
    parts[at : at + random.randrange(2)] = random.choice(([], [random.choice(WORDS)], [random.choice(WORDS)] * 3))
    return " ".join(parts).encode()


# --- safetensors ------------------------------------------------------------------------------------------------------
def with_header(data: bytes, change: Callable[[dict[str, Any]], Any]) -> bytes:
    """A safetensors file with another header, its length told truly."""
    length = int.from_bytes(data[:8], "little")
    header = dumped(change(json.loads(data[8 : 8 + length])))
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def tensor_header(data: bytes, random: Random) -> bytes:
    """A foreign value in the header: a shape, a type, an offset, a name."""
    return with_header(data, lambda header: foreign(header, random))


def metadata(data: bytes, random: Random) -> bytes:
    """A foreign value in the config or provenance that the header carries as text."""

    def change(header: dict[str, Any]) -> dict[str, Any]:
        about = header["__metadata__"]
        key = random.choice([key for key in sorted(about) if about[key][:1] in "[{"])
        return {**header, "__metadata__": {**about, key: dumped(foreign(json.loads(about[key]), random)).decode()}}

    return with_header(data, change)


def other_values(data: bytes, random: Random) -> bytes:
    """NaN and infinity (all bits of the exponent set) among the weights."""
    start = 8 + int.from_bytes(data[:8], "little")
    at = random.randrange(start, len(data) - 4)
    return data[:at] + b"\xff\x7f\x80\x7f" + data[at + 4 :]


# --- zip and tar ------------------------------------------------------------------------------------------------
def zipped(entries: Iterable[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip of these entries; two may have one name."""
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", method) as file:
        warnings.simplefilter("ignore")  # two of one name
        for name, data in entries:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = method
            file.writestr(info, data)
    return out.getvalue()


def entries(data: bytes) -> list[tuple[str, bytes]]:
    """What a sound zip holds."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return [(info.filename, file.read(info)) for info in file.infolist()]


NAMES = (
    "../out.txt",
    "/tmp/out.txt",
    "a/../../out",
    "C:x",
    "a\\b",
    "..",
    ".",
    "x" * 300,
    "a/" * 3000 + "b",
    "A",
    "a\x01",
)


def zip_entries(data: bytes, random: Random) -> bytes:
    """A zip with an entry damaged, doubled, left out, renamed, or packed in another way."""
    held = entries(data)
    at = random.randrange(len(held))
    name, content = held[at]
    if name.endswith(".json"):
        content = random.choice((json_text, *BYTES))(content, random)
    elif content:
        content = random.choice((random.choice(list(PICTURES.values()))(), random.choice(BYTES)(content, random)))
    deed = random.choice(("change", "change", "change", "double", "drop", "rename", "pack"))
    method = random.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)) if deed == "pack" else 0
    new = {"double": [held[at], held[at]], "drop": [], "rename": [(random.choice(NAMES), content)]}
    held[at : at + 1] = new.get(deed, [(name, content)])
    made = zipped(held, method)
    return made if random.random() < 0.8 else random.choice(BYTES)(made, random)


def tarred(members: Iterable[tuple[str, bytes, bytes]], mode: str = "w") -> bytes:
    """A tar of (name, type, content)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as file:  # type: ignore[call-overload]
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.size = kind, len(content)
            info.linkname = "../../guard" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            file.addfile(info, io.BytesIO(content))
    return out.getvalue()


def tar_members(data: bytes, random: Random) -> bytes:
    """A tar with hostile names and kinds of members, sometimes damaged on top."""
    kinds = (tarfile.REGTYPE, tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE)
    names = ("a", "a", "b/c", *NAMES)
    members = [(random.choice(names), random.choice(kinds), b"") for _ in range(random.randrange(1, 4))]
    made = tarred(members, random.choice(("w", "w:gz", "w:bz2", "w:xz")))
    return made if random.random() < 0.5 else random.choice(BYTES)(made, random)


def tar_header(data: bytes, random: Random) -> bytes:
    """A field of a tar's first header replaced by an extreme one, and its check sum made right again."""
    head = bytearray(data[:512])
    fields = ((0, 100), (100, 8), (124, 12), (136, 12), (156, 1), (157, 100), (257, 8), (345, 155))
    start, size = random.choice(fields)
    extreme = random.choice((b"\xff" * size, b"\x80" + b"\xff" * (size - 1), b"7" * size, random.randbytes(size)))
    head[start : start + size] = extreme
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + data[512:]


# --- pictures ---------------------------------------------------------------------------------------------------------
def picture(mode: str, size: tuple[int, int] = (16, 16), kind: str = "PNG", **options: Any) -> bytes:
    """A picture of one colour."""
    out = io.BytesIO()
    made = Image.new(mode, size, 1 if mode != "F" else float("nan"))
    made.save(out, kind, **options)
    return out.getvalue()


def png_of(width: int, height: int, depth: int = 8, colour: int = 3, rows: bytes = b"") -> bytes:
    """A PNG that says it has this size, with as many bytes of pixels as are given."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    palette = chunk(b"PLTE", bytes(range(48))) if colour == 3 else b""
    start, pixels = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + palette, chunk(b"IDAT", zlib.compress(rows))
    return start + pixels + chunk(b"IEND", b"")


@cache
def bomb_png(side: int = 12_000) -> bytes:
    """Whole and small, and 144 million pixels large."""
    return png_of(side, side, rows=bytes((side + 1) * side))


def turned() -> bytes:
    """A JPEG that its EXIF tag turns."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return picture("RGB", (16, 8), "JPEG", exif=exif)


def exif_noise() -> bytes:
    """A JPEG whose EXIF block is noise."""
    return picture("RGB", (16, 16), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01" * 50)


def animated(kind: str) -> bytes:
    """Three frames."""
    frames = [Image.new("P", (16, 16), n) for n in range(3)]
    out = io.BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:])
    return out.getvalue()


# by name: so that a failing test says which it was
PICTURES: dict[str, Callable[[], bytes]] = {
    "bomb of 144 million pixels": bomb_png,
    "PNG that says 4 billion pixels": lambda: png_of(65_535, 65_535),
    "PNG of size 0": lambda: png_of(0, 0),
    "PNG without pixels": lambda: png_of(16, 16),
    "CMYK JPEG": lambda: picture("CMYK", kind="JPEG"),
    "16-bit PNG": lambda: picture("I;16"),
    "32-bit TIFF": lambda: picture("I", kind="TIFF"),
    "float TIFF of NaN": lambda: picture("F", kind="TIFF"),
    "LAB TIFF": lambda: picture("LAB", kind="TIFF"),
    "1-bit PNG": lambda: picture("1"),
    "palette PNG": lambda: picture("P"),
    "grey with alpha": lambda: picture("LA"),
    "RGBA PNG": lambda: picture("RGBA"),
    "huge id in a 32-bit TIFF": lambda: _tiff(2_000_000_000),
    "negative id in a 32-bit TIFF": lambda: _tiff(-5),
    "turned by EXIF": turned,
    "EXIF of noise": exif_noise,
    "animated GIF": lambda: animated("GIF"),
    "animated WebP": lambda: animated("WEBP"),
    "animated PNG": lambda: animated("PNG"),
    "one pixel": lambda: picture("L", (1, 1)),
    "wide as a line": lambda: picture("L", (60_000, 1)),
    "empty file": lambda: b"",
    "PostScript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(x) run\n",
    "text": lambda: b"this is no picture",
}


def _tiff(number: int) -> bytes:
    out = io.BytesIO()
    made = Image.new("I", (16, 16), 0)
    made.putpixel((3, 3), number)
    made.save(out, "TIFF")
    return out.getvalue()


def other_picture(data: bytes, random: Random) -> bytes:
    """Another kind of picture in the place of the one that is expected, sometimes damaged."""
    name = random.choice([name for name in PICTURES if not name.startswith("bomb")])
    made = PICTURES[name]()
    return random.choice(BYTES)(made, random) if made and random.random() < 0.4 else made
