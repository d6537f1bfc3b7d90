"""No file from outside crashes a loader, hangs it, eats the memory or is written where it does not belong.

The special cases stand one by one, then come seeded mutations over all loaders. `tests.hostile.fuzz` is the long run.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image

from smis.datasets.checks import DataError
from smis.datasets.doctor import examine
from smis.datasets.unpack import MAX_READ, UnpackError, is_archive, unpack
from smis.outside import MAX_JSON, MAX_PIXELS, PictureError, open_picture, parse_json
from smis_widgets import Refused
from smis_widgets.painter.actions import LONGEST, Action
from tests.hostile import mutations as m
from tests.hostile.loaders import BY_NAME, CONFIG, LINES, LOADERS, MORPH, STATS, Loader, attempt, checkpoint, mutated

ZEROS = bytes(2**20)


def outcome(name: str, data: bytes, verdict: str = "refused") -> str:
    """Feed a file to a loader; the verdict must be this one. Gives the message."""
    result = attempt(BY_NAME[name], data)
    assert result.verdict == verdict, (result.verdict, result.message)
    return result.message


# --- every loader -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("loader", LOADERS, ids=lambda loader: loader.name)
def test_sound_files_are_read(loader: Loader) -> None:
    result = attempt(loader, loader.sound()[0])
    assert result.verdict == "accepted", result.message


@pytest.mark.parametrize("loader", LOADERS, ids=lambda loader: loader.name)
def test_sixty_hostile_files(loader: Loader) -> None:
    for number in range(60):
        kind, data = mutated(loader, number)
        result = attempt(loader, data)
        assert result.survived, f"number {number}, {kind}: {result.verdict}"


@pytest.mark.parametrize("name", ["GroupDNet.load", "Segmenter.load", "official.read_pth", "Archive", "unpack, zip"])
def test_cut_off_at_every_percent(name: str) -> None:
    whole = BY_NAME[name].sound()[0]
    for percent in range(100):
        outcome(name, whole[: len(whole) * percent // 100])


@pytest.mark.parametrize(
    "name", ["Archive", "folder, an image", "folder, a label map", "doctor, a label map", "read_labels"]
)
@pytest.mark.parametrize("kind", m.PICTURES)
def test_every_kind_of_picture(name: str, kind: str) -> None:
    data = m.PICTURES[kind]()
    if name == "Archive":
        held = dict(m.entries(BY_NAME[name].sound()[0]))
        data = m.zipped({**held, "labels/00000.png": data}.items())
    result = attempt(BY_NAME[name], data)
    assert result.survived, result.verdict


@pytest.mark.parametrize(
    "name",
    [
        "GroupDNetConfig.from_dict",
        "TrainConfig.from_dict",
        "doctor, classes.json",
        "doctor, remap.json",
        "RunFolder.open",
        "label_set_from_json",
        "read_remap",
        "PainterState.from_json",
        "MorphState.from_json",
    ],
)
@pytest.mark.parametrize(
    "text", ["[" * 10**6, "[" * 900 + "]" * 900, '{"a":' * 10**5 + "1" + "}" * 10**5, "9" * 10**5, "NaN"]
)
def test_json_that_is_deep_or_large(name: str, text: str) -> None:
    outcome(name, text.encode())


# --- checkpoints --------------------------------------------------------------------------------------------------
class _Evil:
    """What runs a program when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("name", ["official.read_pth", "GroupDNet.load", "Segmenter.load"])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_never_runs(name: str, zipped: bool, tmp_path: Path) -> None:
    trace, data = tmp_path / "it ran", io.BytesIO()
    torch.save({"a": _Evil(trace)}, data, _use_new_zipfile_serialization=zipped)
    outcome(name, data.getvalue())
    outcome(name, pickle.dumps(_Evil(trace)))
    assert not trace.exists()
    pickle.loads(pickle.dumps(_Evil(trace)))  # it would have
    assert trace.exists()


def _with_config(change: dict[str, object]) -> bytes:
    def changed(header: dict) -> dict:  # type: ignore[type-arg]
        about = header["__metadata__"]
        config = {**json.loads(about["config"]), **change}
        return {**header, "__metadata__": {**about, "config": json.dumps(config)}}

    return m.with_header(checkpoint()[0], changed)


@pytest.mark.parametrize(
    "change",
    [
        {"decoder_widths": [65536] * 5},  # 200 GB of weights, if it were built
        {"decoder_widths": [2**40] * 5},
        {"decoder_widths": [32] * 10**5},
        {"encoder_widths": [8] * 10**5},
        {"image_size": [2**62, 2**62]},
        {"image_size": [64.0, 64.0]},
        {"latent_dim": True},
        {"spare_width": 10**9},
        {"latent_size": [True, True]},
        {"labels": 5},
        {"labels": {"name": "a", "classes": "abc", "palette": 3}},
        {"norm_groups": [[8]] * 5},
        {"upsample": ["yes"] * 5},
    ],
    ids=lambda change: str(change)[:50],
)
@pytest.mark.parametrize("name", ["GroupDNet.load"])
def test_a_checkpoint_with_a_foreign_config(name: str, change: dict[str, object]) -> None:
    assert "config" in outcome(name, _with_config(change))


def test_metadata_of_90_mb() -> None:
    data = m.with_header(
        checkpoint()[0],
        lambda header: {**header, "__metadata__": {**header["__metadata__"], "config": "[" * 90_000_000}},
    )
    assert "16,777,216" in outcome("GroupDNet.load", data)


@pytest.mark.parametrize("length", m.LENGTHS)
def test_a_checkpoint_that_lies_about_its_header(length: int) -> None:
    outcome("GroupDNet.load", struct.pack("<Q", length) + checkpoint()[0][8:])


def test_nan_among_the_weights() -> None:
    assert "not finite" in outcome("GroupDNet.load", m.other_values(checkpoint()[0], Random(0)))


# --- archives -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", m.NAMES)
def test_no_name_leads_outside(name: str) -> None:
    verdict = "accepted" if name in ("A", ".") else "refused"
    outcome("unpack, zip", m.zipped([(name, b"x")]), verdict)
    outcome("unpack, tar", m.tarred([(name, tarfile.REGTYPE, b"x")]), verdict)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_no_link_and_no_device(kind: bytes) -> None:
    assert "link" in outcome("unpack, tar", m.tarred([("a", kind, b""), ("a/b", tarfile.REGTYPE, b"x")]))


def test_no_link_in_a_zip() -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        info = zipfile.ZipInfo("a")
        info.external_attr = 0o120777 << 16
        file.writestr(info, "../../guard")
    assert "link" in outcome("unpack, zip", data.getvalue())


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [("a", "a"), ("a", "A"), ("a", "a/b"), ("é", "e\u0301"), ("a", "a.")])
def test_no_two_entries_for_one_file(names: tuple[str, str]) -> None:
    outcome("unpack, zip", m.zipped([(name, b"x") for name in names]))


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_bomb(method: int) -> None:
    """300 MB of zeros deflated; by the other methods, which are refused as such, 8 MB will do."""
    size = 300 if method == zipfile.ZIP_DEFLATED else 8
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method, compresslevel=1) as file, file.open("zeros", "w") as entry:
        for _ in range(size):
            entry.write(ZEROS)
    outcome("unpack, zip", data.getvalue())
    truth, lie = struct.pack("<I", size * 2**20), struct.pack("<I", 1)
    outcome("unpack, zip", data.getvalue().replace(truth, lie))  # it says: one byte


@pytest.mark.parametrize("name", ["meta.json", "labels/00000.png"])
def test_a_bomb_in_an_archive_of_samples(name: str) -> None:
    data, held = io.BytesIO(), dict(m.entries(BY_NAME["Archive"].sound()[0]))
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for other in held.keys() - {name}:
            file.writestr(other, held[other])
        with file.open(name, "w") as entry:
            for _ in range(300):
                entry.write(ZEROS)
    assert "at most" in outcome("Archive", data.getvalue())


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE])
def test_a_tar_whose_header_is_a_bomb(kind: bytes, tmp_path: Path) -> None:
    """300 MB of long name or extended header, which Python's tarfile would read into memory."""
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, 300 * 2**20
    path = tmp_path / "bomb.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(info.tobuf())
        for _ in range(300):
            file.write(ZEROS)
    assert f"{MAX_READ:,}" in outcome("unpack, tar", path.read_bytes())
    assert not is_archive(path)


def test_a_refused_archive_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(m.zipped([("good", b"x"), ("../bad", b"x")]))
    with pytest.raises(UnpackError):
        unpack(path, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


@pytest.mark.parametrize(
    "change",
    [
        {"count": 10**12},
        {"count": 0},
        {"count": float("inf")},
        {"size": [10**6, 10**6]},
        {"size": [-16, 16]},
        {"size": 16},
        {"label_set": []},
        {"format": ["smis-archive-1"] * 10**5},
    ],
    ids=lambda change: str(change)[:40],
)
def test_an_archive_whose_meta_lies(change: dict[str, object]) -> None:
    held = dict(m.entries(BY_NAME["Archive"].sound()[0]))
    held["meta.json"] = json.dumps({**json.loads(held["meta.json"]), **change}).encode()
    assert "meta.json" in (message := outcome("Archive", m.zipped(held.items()))) or "format" in message


@pytest.mark.parametrize("table", [[5] * 3, [[0, 1, 2]] * 3, [[0, "hat", 1]] * 3, [[[], None, 0]] * 3, {}, None])
def test_a_table_of_swaps_that_is_none(table: object) -> None:
    held = dict(m.entries(BY_NAME["Swaps"].sound()[0]))
    held["meta.json"] = json.dumps({**json.loads(held["meta.json"]), "swaps": table}).encode()
    assert "swaps" in outcome("Swaps", m.zipped(held.items()))


# --- pictures -----------------------------------------------------------------------------------------------------
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_bomb_is_refused_by_its_size_before_it_is_unpacked() -> None:
    with pytest.raises(PictureError, match=f"12000 x 12000 pixels, 1 to {MAX_PIXELS:,}"):
        open_picture(m.bomb_png())


def test_a_picture_whose_lengths_lie_makes_no_room_for_them() -> None:
    """Found by the long run: read from a file, Pillow made room for all the bytes that a header spoke of."""
    assert attempt(BY_NAME["folder, an image"], mutated(BY_NAME["folder, an image"], 378)[1]).survived


def test_postscript_is_no_picture_here() -> None:
    """Pillow would start Ghostscript for it."""
    with pytest.raises(PictureError, match="known format"):
        open_picture(m.PICTURES["PostScript"]())


def test_an_animated_picture_is_its_first_frame() -> None:
    for kind in ("GIF", "WEBP", "PNG"):
        assert open_picture(m.animated(kind)).convert("L").size == (16, 16)


def test_the_doctor_names_a_huge_id_and_its_gap(tmp_path: Path) -> None:
    """It once listed every number below it: two thousand million."""
    for name, data in (("images/a.png", m.picture("RGB")), ("labels/a.tif", m.PICTURES["huge id in a 32-bit TIFF"]())):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(data)
    report = str(examine(tmp_path))
    assert "ids 0, 2000000000 occur, 1-1999999999 do not" in report


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "int32", "float32"])
def test_label_maps_of_every_dtype(dtype: str) -> None:
    """What has ids that fit is read, or refused with a reason; ids out of range are refused always."""
    for top, fits in ((1, True), (200, False)):
        data, ids = io.BytesIO(), np.zeros((16, 16), dtype)
        ids[4:12, 4:12] = top
        Image.fromarray(ids).save(data, "TIFF")
        if dtype == "bool" or fits:
            assert attempt(BY_NAME["folder, a label map"], data.getvalue()).survived
            assert attempt(BY_NAME["read_labels"], data.getvalue()).survived
        else:
            assert ("mode F" if dtype == "float32" else "200") in outcome("folder, a label map", data.getvalue())
            assert outcome("read_labels", data.getvalue())


def test_label_maps_in_colours_say_so() -> None:
    data = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)).save(data, "PNG")
    assert "colours" in outcome("folder, a label map", data.getvalue())
    assert "no class of toys" in outcome("read_labels", data.getvalue())


# --- text ---------------------------------------------------------------------------------------------------------
def test_json_is_limited_in_depth_and_length() -> None:
    assert parse_json("[" * 32 + "]" * 32) is not None
    for text, words in (
        ("[" * 40 + "]" * 40, "deep"),
        ("[" * 10**5, "deep"),
        (" " * (MAX_JSON + 1), "letters"),
        ("{", "Expecting"),
    ):
        with pytest.raises(ValueError, match=words):
            parse_json(text)


@pytest.mark.parametrize("change", [{"time": 1e999}, {"a": 1e999}, {"length": float("nan")}, {"amount": "much"}])
def test_a_morph_with_numbers_that_are_none(change: dict[str, object]) -> None:
    outcome("MorphState.from_json", json.dumps({**json.loads(MORPH.to_json()), **change}).encode())


def test_a_morph_with_a_keyframe_at_no_time() -> None:
    for keys in ([[float("nan"), 0]], [[0, 0], [float("inf"), 1]]):
        text = json.dumps({**json.loads(MORPH.to_json()), "keyframes": keys})
        assert "finite" in outcome("MorphState.from_json", text.encode())


def test_a_command_is_a_line_of_bounded_length() -> None:
    for line in (None, 5, ["fill"], "brush hat 3" + " 1,1" * LONGEST):
        with pytest.raises(Refused, match="A command is a line"):
            Action.parse(line)  # type: ignore[arg-type]


@pytest.mark.parametrize("number", range(len(LINES)), ids=[line.split()[0] for line in LINES])
def test_every_command_cut_off(number: int) -> None:
    for end in range(len(LINES[number])):
        assert attempt(BY_NAME["Action.parse"], LINES[number][:end].encode()).survived


# --- run folders --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "line", ["5", "[]", "null", "{}", '{"step": "x"}', '{"step": 1e999}', '{"step": 40, "kl": "x"}', "[" * 10**5]
)
def test_statistics_end_before_a_line_that_is_none(line: str, tmp_path: Path) -> None:
    from smis.runs import RunFolder

    (tmp_path / "stats.jsonl").write_bytes(STATS + b"\n" + line.encode() + b"\n" + STATS)
    assert [entry["step"] for entry in RunFolder(tmp_path).stats()] == [10, 20, 30]


def test_a_run_is_resumed_only_with_its_config() -> None:
    assert "another batch_size" in outcome("RunFolder.open", CONFIG.replace(b'"batch_size": 4', b'"batch_size": 6'))
    outcome("RunFolder.open", b"[]")
    outcome("RunFolder.open", b"\xff\xfe")


# --- the measuring itself -----------------------------------------------------------------------------------------
def _sleeper() -> None:
    total = 0
    for number in range(10**9):
        total += number


def _outside(data: bytes, inside: Path) -> None:
    (inside.parent.parent / "guard").write_text("x")
    raise DataError("this is refused, but too late")


@pytest.mark.parametrize(
    ("feed", "words"),
    [
        (lambda data, inside: {}["key"], "KeyError"),
        (lambda data, inside: [bytes(2**26) for _ in range(40)], "MemoryError"),
        (lambda data, inside: data.decode("ascii"), "UnicodeDecodeError"),
        (_outside, "outside"),
        (lambda data, inside: _sleeper(), "stuck"),
    ],
    ids=["an unexplained error", "memory", "a subclass of ValueError", "outside", "stuck"],
)
def test_the_harness_sees_faults(
    feed: Callable[[bytes, Path], object], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.hostile.loaders.STUCK", 0.5)
    fault = attempt(Loader("planted", feed, list, (), (DataError, ValueError)), b"\xff")
    assert not fault.survived
    assert words in fault.verdict


def test_mutations_are_the_same_every_time() -> None:
    for loader in LOADERS:
        if "tar" not in loader.name:  # gzip writes the time
            assert [mutated(loader, n) for n in range(8)] == [mutated(loader, n) for n in range(8)]
