"""No file from outside crashes a loader, hangs it, eats the memory or is written where it does not belong.

The special cases stand one by one, then come seeded mutations over all loaders. `tests.hostile.fuzz` is the long run.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import socket
import struct
import subprocess
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from smis.advice import TrainingError
from smis.cli import main
from smis.curves import draw_run
from smis.datasets.checks import DataError
from smis.datasets.doctor import examine
from smis.datasets.folders import folder
from smis.datasets.mending import mend
from smis.datasets.unpack import MAX_READ, UnpackError, is_archive, unpack
from smis.outside import MAX_JSON, MAX_PIXELS, PictureError, open_picture, parse_json
from smis.parity import compare, read_case
from smis_widgets import Refused
from smis_widgets.painter.actions import LONGEST, Action
from smis_widgets.painter.state import PainterState
from tests.hostile import mutations as m
from tests.hostile.loaders import (
    BY_NAME,
    CONFIG,
    LINES,
    LOADERS,
    MORPH,
    STATS,
    Loader,
    _file,
    attempt,
    checkpoint,
    mutated,
    scenes,
)
from tests.widgets.fake import FakeModel, toys

ZEROS = bytes(2**20)


def outcome(name: str, data: bytes, verdict: str = "refused") -> str:
    """Feed a file to a loader; the verdict must be this one. Gives the message."""
    result = attempt(BY_NAME[name], data)
    assert result.verdict == verdict, (result.verdict, result.message)
    return result.message


# --- every loader -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("loader", LOADERS, ids=lambda loader: loader.name)
def test_sound_files_are_read(loader: Loader) -> None:
    for data in loader.sound()[: 2 if loader.name.startswith(("GroupDNet.", "official")) else 1]:
        result = attempt(loader, data)
        if loader.name in ("inception_look", "lpips_judge"):  # they read one file only, which is not here
            assert "sha256" in result.message
        else:
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


@pytest.mark.parametrize(("megabytes", "words"), [(90, "16,777,216"), (110, "complete safetensors file")])
def test_metadata_of_100_mb(megabytes: int, words: str) -> None:
    """safetensors itself reads a header of up to 100 MB; what it lets through is far more than a config has."""
    data = m.with_header(
        checkpoint()[0],
        lambda header: {**header, "__metadata__": {**header["__metadata__"], "config": "[" * megabytes * 10**6}},
    )
    assert words in outcome("GroupDNet.load", data)


@pytest.mark.parametrize(
    ("name", "key"), [("GroupDNet.load", "config"), ("GroupDNet.load", "provenance"), ("parity.read_case", "options")]
)
def test_json_in_a_header_that_is_deep(name: str, key: str) -> None:
    def changed(header: dict) -> dict:  # type: ignore[type-arg]
        return {**header, "__metadata__": {**header["__metadata__"], key: "[" * 10**5 + "]" * 10**5}}

    assert "nested" in outcome(name, m.with_header(BY_NAME[name].sound()[0], changed))


@pytest.mark.parametrize("name", ["GroupDNet.load", "Segmenter.load", "parity.read_case"])
@pytest.mark.parametrize("magic", [b"", b"\x80\x04\x95", b"PK\x03\x04", b"\x89HDF", b"GGUF", b"\x93NUMPY"])
def test_another_magic(name: str, magic: bytes) -> None:
    assert "complete safetensors file" in outcome(name, magic + BY_NAME[name].sound()[0][len(magic) + 1 :])


@pytest.mark.parametrize("name", ["GroupDNet.load", "Segmenter.load", "parity.read_case"])
@pytest.mark.parametrize("shape", [[2**62], [2**40, 2**40], [-1], [-4, -4], [10**30], [0], []], ids=str)
def test_tensors_of_huge_or_negative_size(name: str, shape: list[int]) -> None:
    def changed(header: dict) -> dict:  # type: ignore[type-arg]
        first = next(key for key in sorted(header) if key != "__metadata__" and header[key]["shape"] != shape)
        return {**header, first: {**header[first], "shape": shape}}

    outcome(name, m.with_header(BY_NAME[name].sound()[0], changed))


def test_a_case_whose_options_describe_a_giant() -> None:
    """Some options of the authors' make networks of gigabytes: they are counted before they are built."""
    for options, words in (({"ndf": 4096}, "weights"), ({"num_D": 10**9}, "num_D")):

        def changed(header: dict, options: dict = options) -> dict:  # type: ignore[type-arg]
            about = header["__metadata__"]
            overrides = {**json.loads(about.get("overrides", "{}")), **options}
            return {**header, "__metadata__": {**about, "overrides": json.dumps(overrides)}}

        compared = Loader("compare", BY_NAME["parity.read_case"].feed, list, (), (ValueError,))
        data = m.with_header(BY_NAME["parity.read_case"].sound()[0], changed)
        result = attempt(replace(compared, feed=_file(lambda path: compare(read_case(path)))), data)
        assert words in f"{result.message} {result.verdict}"
        assert result.seconds < 30


@pytest.mark.parametrize("length", m.LENGTHS)
def test_a_checkpoint_that_lies_about_its_header(length: int) -> None:
    outcome("GroupDNet.load", struct.pack("<Q", length) + checkpoint()[0][8:])


@pytest.mark.parametrize("name", ["GroupDNet.load", "Segmenter.load"])
def test_nan_among_the_weights(name: str) -> None:
    """It is refused, and the message names the tensor: `test_properties` tries every one of them."""
    assert "not finite, first in " in outcome(name, m.other_values(BY_NAME[name].sound()[0], Random(0)))


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


@pytest.mark.parametrize("turn", range(2, 9))
def test_a_turned_image_is_turned_only_where_the_label_map_says_so(turn: int, tmp_path: Path) -> None:
    """Eight ways to hold a camera. A label map of the turned size: refused with the reason, read upright when that is
    accepted, and mended. One of the stored size where the sides differ: the pixels are taken as they are stored."""
    exif = Image.Exif()
    exif[0x0112] = turn
    stored = np.zeros((8, 16, 3), np.uint8)
    stored[:, :8] = 255  # the left half is white
    upright = np.asarray(ImageOps.exif_transpose(_tagged(stored, exif)))
    for name, shape in (("shown", upright.shape[:2]), ("stored", (8, 16))):
        place = tmp_path / name
        for folder_ in ("images", "labels"):
            (place / folder_).mkdir(parents=True)
        Image.fromarray(stored).save(place / "images" / "a.png", exif=exif)
        Image.fromarray(np.zeros(shape, np.uint8)).save(place / "labels" / "a.png")
        (place / "classes.json").write_text('{"name": "n", "classes": ["a"]}')
        if name == "stored" and turn >= 5:  # nothing to ask: only the stored pixels fit
            np.testing.assert_array_equal(folder(place, (8, 16)).load().images[0], stored)
            continue
        with pytest.raises(DataError, match=r"EXIF tag turns.*label map.*smis doctor data"):
            folder(place, shape).load()
        read = folder(place, shape, accept=("exif",)).load().images[0]
        np.testing.assert_array_equal(read, upright if turn >= 5 else stored)
        mended = tmp_path / f"{name}-mended"
        mend(examine(place), mended)
        assert open_picture(next((mended / "images").iterdir())).getexif().get(0x0112, 1) == 1
        np.testing.assert_array_equal(folder(mended, shape).load().images[0], upright)


def _tagged(pixels: np.ndarray, exif: Image.Exif) -> Image.Image:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG", exif=exif)
    return Image.open(data)


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


def test_files_for_the_widgets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `load` and `open_session` are given by path: a pipe, a folder, noise, far too much. The widgets stay as
    they were and say why."""
    from smis_widgets import Morpher, Painter

    monkeypatch.chdir(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
    (tmp_path / "noise").write_bytes(bytes(range(256)))
    (tmp_path / "folder").mkdir()
    with (tmp_path / "large").open("wb") as file:
        file.truncate(2**40)  # takes no room on the disk
    painter, morpher = Painter(FakeModel(), toys()), Morpher(FakeModel(), toys())
    before = painter.state, morpher.state
    for name in ("pipe", "noise", "folder", "large", "nothing", "\0", "x" * 5000):
        with suppress(Refused):
            painter.load(name)
        with suppress(Refused):
            morpher.open_session(name)
        assert (painter.state, morpher.state) == before
    painter.close()
    morpher.close()


def test_a_stroke_of_a_million_points_is_refused_at_once() -> None:
    """Found by trying: a line of a million letters once took a minute and a half."""
    state = PainterState.start(scenes())
    points = tuple((float(n % 16), float(n % 7)) for n in range(120_000))
    for action in (Action("brush", ("hat", 1000.0, points)), Action("polygon", ("hat", points))):
        with pytest.raises(Refused, match="10,000 points"):
            state.do(action)


def test_a_session_that_never_ends_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smis_widgets.painter.state.REPLAY", 0.0)
    with pytest.raises(Refused, match="takes too long"):
        PainterState.start(scenes()).from_json(BY_NAME["PainterState.from_json"].sound()[0].decode())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["train", "smoke", "--dry-run", "--set", "self=1"], "unknown key 'self'"),
        (["train", "smoke", "--dry-run", "--set", "seed=-1"], "seed must be"),
        (["train", "smoke", "--dry-run", "--set", f"weights.kl={'9' * 400}"], "finite"),
        (["train", "smoke", "--dry-run", "--set", f"model={'[' * 10**5}"], "an object of keys and values"),
        (["train", "smoke", "--dry-run", "--data", "\0"], "no file"),
        (["segment", "people", "--device", "foo"], "--device foo cannot be used"),
        (["segment", "people", "--device", "cuda:99"], "--device cuda:99 cannot be used"),
        (["render", "people", "--seed", "1", "--size", "100000", "--out", "a.png"], "at most 2048"),
        (["info", "\0"], "there is no preset"),
        (["info", "x" * 5000], "name too long"),
        (["parity", "/dev/zero"], "no case file"),
        (["convert", "ade20k", "--generator", "\0", "--encoder", "\0", "--out", "a.safetensors"], "there is no file"),
        (["evaluate", "/dev/zero"], "there is no checkpoint"),
        (["runs", "show", "/dev/zero"], "no finished tick"),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else None,
)
def test_hostile_command_lines(line: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line) == 1
    error = capsys.readouterr().err
    assert error.startswith("smis: error: ")
    assert words in error


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes")])
def test_no_memory_left_is_said_in_a_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr("smis.presets.preset", full)
    assert main(["info", "smoke"]) == 1
    assert "not enough memory" in capsys.readouterr().err


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


@pytest.mark.parametrize("line", ["{}", '{"step": 1}', '{"step": 1, "kl": NaN, "l1": 1e999}'])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")  # Pillow says it before we refuse
def test_curves_of_a_foreign_run(line: str, tmp_path: Path) -> None:
    many = json.dumps({"step": 1, **{f"loss {n}": 1.0 for n in range(5000)}})
    for text in (line, many):
        (tmp_path / "stats.jsonl").write_text(text + "\n")
        with suppress(TrainingError):
            picture, _ = draw_run(tmp_path)
            assert picture.width < 5000
            assert text != many
    (tmp_path / "stats.jsonl").write_bytes(STATS)
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "step-00000030.png").write_bytes(m.bomb_png())
    with pytest.raises(TrainingError, match="12000 x 12000"):
        draw_run(tmp_path)


def test_a_run_that_is_written_while_it_is_watched(tmp_path: Path) -> None:
    """Whatever part of a line or a sheet is on the disk: the monitor sees whole lines, and says what it cannot read."""
    from smis_widgets.training.folder import WatchedRun

    (tmp_path / "config.json").write_bytes(CONFIG)
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "step-latest.png").write_bytes(b"another's")
    watched, stats = WatchedRun(tmp_path), tmp_path / "stats.jsonl"
    for end in range(len(STATS) + 1):
        stats.write_bytes(STATS[:end])
        assert [line["step"] for line in watched.read().history] == [10, 20, 30][: sum(end > at for at in ENDS)]
    (tmp_path / "samples" / "step-00000010.png").write_bytes(m.picture("RGB", (66 * 4, 66 * 3))[:60])
    with pytest.raises(ValueError, match="is no sheet of samples"):
        watched.read()
    (tmp_path / "samples" / "step-00000010.png").unlink()
    assert watched.read().step == 30


ENDS = [at - 1 for at in range(1, len(STATS) + 1) if STATS[at - 1 : at] == b"}"]  # the last byte of each line


# --- the measuring itself -----------------------------------------------------------------------------------------
def _sleeper() -> None:
    total = 0
    for number in range(10**9):
        total += number


def _outside(data: bytes, inside: Path) -> None:
    (inside.parent.parent / "guard").write_text("x")
    raise DataError("this is refused, but too late")


def _far_away(data: bytes, inside: Path) -> None:
    """And nothing of it is left: only the hook saw it."""
    file = Path(tempfile.gettempdir(), f"smis-hostile-{os.getpid()}")
    file.write_text("x")
    file.unlink()


def _busy(data: bytes, inside: Path) -> None:
    start = time.process_time()
    while time.process_time() - start < 0.3:
        pass


def _debris(data: bytes, inside: Path) -> None:
    (inside / "file.123.part").write_text("half")
    raise DataError("this is refused, and leaves something")


def _refuse(message: str) -> None:
    raise DataError(message)


@pytest.mark.parametrize(
    ("feed", "words"),
    [
        (lambda data, inside: {}["key"], "KeyError"),
        (lambda data, inside: [bytes(2**26) for _ in range(40)], "MemoryError"),
        (lambda data, inside: data.decode("ascii"), "UnicodeDecodeError"),
        (_outside, "outside"),
        (lambda data, inside: _sleeper(), "stuck"),
        (lambda data, inside: np.ones(2**29), "Unable to allocate"),
        (lambda data, inside: torch.ones(2**29), "allocate"),
        (_far_away, "open "),
        (_busy, "took 0.3"),
        (_debris, "debris"),
        (lambda data, inside: subprocess.run(["true"], check=True), "subprocess.Popen"),
        (lambda data, inside: pickle.loads(pickle.dumps(DataError)), "pickle.find_class"),
        (lambda data, inside: socket.create_connection(("127.0.0.1", 9)), "socket."),
        (lambda data, inside: _refuse("no"), "message of 2 letters"),
        (lambda data, inside: _refuse("x" * 9000), "message of 9,000 letters"),
    ],
    ids=[
        *("an unexplained error", "memory", "a subclass of ValueError", "outside", "stuck", "memory of numpy"),
        *("memory of torch", "far away", "slow", "debris", "a program", "a pickle", "a connection", "terse", "long"),
    ],
)
def test_the_harness_sees_faults(
    feed: Callable[[bytes, Path], object], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.hostile.loaders.STUCK", 0.5 if words == "stuck" else 60)
    monkeypatch.setattr("tests.hostile.loaders.SECONDS", 0.25)
    fault = attempt(Loader("planted", feed, list, (), (DataError, ValueError)), b"\xff")
    assert not fault.survived
    assert words in fault.verdict


def test_mutations_are_the_same_every_time() -> None:
    for loader in LOADERS:
        if "tar" not in loader.name:  # gzip writes the time
            assert [mutated(loader, n) for n in range(8)] == [mutated(loader, n) for n in range(8)]
