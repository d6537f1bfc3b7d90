"""The doctor: silent on sound data, names every planted fault, mends a copy that the loader reads."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smis.cli import main
from smis.datasets.checks import KINDS, DataError, LabelMap, mixed_pixels
from smis.datasets.doctor import Report, examine
from smis.datasets.folders import folder
from smis.datasets.mending import Mended, mend
from tests.unit.planted import CLASSES, SIZE, ids, plant, scene


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return plant(tmp_path / "data")


def kinds(report: Report) -> set[str]:
    return {problem.kind for problem in report.problems}


def snapshot(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def rewrite(path: Path, change: Callable[[np.ndarray], np.ndarray], **options: object) -> None:
    Image.fromarray(change(ids(path))).save(path, **options)


def every(root: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    for path in sorted((root / "labels").iterdir()):
        rewrite(path, change)


# --- the faults: how each is planted, and what the doctor must say -----------------------------------------------


def unmatched_image(root: Path) -> None:
    Image.fromarray(scene(9)[0]).save(root / "images" / "lonely.png")


def unmatched_labels(root: Path) -> None:
    (root / "labels" / "2.png").rename(root / "labels" / "2_mask.png")


def truncated_image(root: Path) -> None:
    path = root / "images" / "0.png"
    path.write_bytes(path.read_bytes()[:-2000])


def truncated_labels(root: Path) -> None:
    path = root / "labels" / "0.png"
    path.write_bytes(path.read_bytes()[:120])


def no_picture(root: Path) -> None:
    (root / "images" / "0.png").write_text("<html>not found</html>")


def small_labels(root: Path) -> None:
    rewrite(root / "labels" / "3.png", lambda a: a[::2, ::2].copy())


def cropped_labels(root: Path) -> None:
    rewrite(root / "labels" / "3.png", lambda a: a[:, :40].copy())


def exif(root: Path, turn: int) -> None:
    """Store image 4 so that a viewer, by the tag, shows it upright."""
    stored = Image.open(root / "images" / "4.png").transpose(
        Image.Transpose.ROTATE_90 if turn == 6 else Image.Transpose.ROTATE_180
    )
    tag = Image.Exif()
    tag[0x0112] = turn
    (root / "images" / "4.png").unlink()
    stored.save(root / "images" / "4.jpg", quality=95, subsampling=0, exif=tag)


def deep_image(root: Path) -> None:
    Image.fromarray(scene(5)[1].astype(np.uint16) * 20000).save(root / "images" / "5.png")


def colour_coded(root: Path) -> None:
    palette = np.array([(0, 0, 0), (255, 0, 0), (0, 200, 0), (0, 0, 255)], np.uint8)
    every(root, lambda a: palette[a])
    (root / "classes.json").unlink()


def grey_as_rgb(root: Path) -> None:
    rewrite(root / "labels" / "5.png", lambda a: np.repeat(a[..., None], 3, 2))


def palettes_per_file(root: Path) -> None:
    colours = [(9, 9, 9), (255, 0, 0), (0, 200, 0), (0, 0, 255)]
    for number, path in enumerate(sorted((root / "labels").iterdir())):
        order = np.roll(np.arange(4), number)  # class -> index in this file
        picture = Image.fromarray(order[ids(path)].astype(np.uint8))
        picture.putpalette([c for index in range(4) for c in colours[int(np.flatnonzero(order == index)[0])]])
        picture.save(path)
    (root / "classes.json").unlink()


def jpeg_labels(root: Path) -> None:
    Image.fromarray(scene(3)[1] * 9).save(root / "labels" / "3.jpg", quality=75)
    (root / "labels" / "3.png").unlink()


def jpeg_masks(root: Path) -> None:
    for path in sorted((root / "labels").iterdir()):
        Image.fromarray(np.where(ids(path) > 0, 255, 0).astype(np.uint8)).save(path.with_suffix(".jpg"), quality=80)
        path.unlink()
    (root / "classes.json").write_text('{"name": "mask", "classes": ["background", "object"]}')


def black_and_white(root: Path) -> None:
    every(root, lambda a: np.where(a > 0, 255, 0).astype(np.uint8))
    (root / "classes.json").write_text('{"name": "mask", "classes": ["background", "object"]}')


def black_and_white_without_classes(root: Path) -> None:
    black_and_white(root)
    (root / "classes.json").unlink()


def ignored(root: Path) -> None:
    rewrite(root / "labels" / "1.png", lambda a: np.where(np.arange(a.shape[0])[:, None] < 4, 255, a).astype(np.uint8))


def ignored_without_classes(root: Path) -> None:
    ignored(root)
    (root / "classes.json").unlink()


def no_such_class(root: Path) -> None:
    rewrite(root / "labels" / "1.png", lambda a: np.where(a == 3, 7, a).astype(np.uint8))


def gaps(root: Path) -> None:
    every(root, lambda a: np.array([0, 3, 4, 19], np.uint8)[a])
    (root / "classes.json").unlink()


def sixteen_bit_gaps(root: Path) -> None:
    every(root, lambda a: np.array([0, 1000, 2000, 2001], np.uint16)[a])
    (root / "classes.json").unlink()


def interpolated(root: Path) -> None:
    spread = np.array([0, 60, 120, 180], np.uint8)
    for path in sorted((root / "labels").iterdir()):
        picture = Image.fromarray(spread[ids(path)])
        picture = picture.resize((SIZE[1] // 2, SIZE[0] // 2), Image.Resampling.NEAREST)
        picture.resize((SIZE[1], SIZE[0]), Image.Resampling.BILINEAR).save(path)
    (root / "classes.json").unlink()


def empty_class(root: Path) -> None:
    (root / "classes.json").write_text(json.dumps({"name": "shapes", "classes": [*CLASSES, "unicorn"]}))


def grey_image(root: Path) -> None:
    Image.open(root / "images" / "2.png").convert("L").save(root / "images" / "2.png")


def see_through_image(root: Path) -> None:
    Image.open(root / "images" / "2.png").convert("RGBA").save(root / "images" / "2.png")


# fault, what it is called, where it is said to be, what is said, how many of the six pairs the mended copy keeps
FAULTS: list[tuple[Callable[[Path], None], set[str], str, str, int]] = [
    (unmatched_image, {"unmatched image"}, "lonely", "no partner", 6),
    (unmatched_labels, {"unmatched image", "unmatched labels"}, "2", "did you mean 2_mask?", 5),
    (truncated_image, {"damaged"}, "images/0.png", "truncated", 5),
    (truncated_labels, {"damaged"}, "labels/0.png", "bytes", 5),
    (no_picture, {"damaged"}, "images/0.png", "not a picture", 5),
    (small_labels, {"size"}, "images/3.png", "image 48 x 64 (height x width), label map 24 x 32", 6),
    (cropped_labels, {"size"}, "images/3.png", "label map 48 x 40", 5),
    (lambda root: exif(root, 6), {"exif"}, "images/4.jpg", "turned right", 6),
    (lambda root: exif(root, 3), {"exif"}, "images/4.jpg", "turned by 180°", 6),
    (deep_image, {"depth"}, "images/5.png", "mode I;16", 6),
    (colour_coded, {"colours"}, "labels/0.png", "mode RGB, 4 colours", 6),
    (grey_as_rgb, {"grey as RGB"}, "labels/5.png", "mode RGB", 6),
    (palettes_per_file, {"palettes"}, "labels", "index 0 is #0000ff and #00c800", 6),
    (jpeg_labels, {"lossy"}, "labels/3.jpg", "different values", 5),
    (jpeg_masks, {"lossy"}, "labels/0.jpg", "different values", 6),
    (black_and_white, {"0/255"}, "labels", "the only ids are 0 and 255", 6),
    (black_and_white_without_classes, {"0/255"}, "labels", "the only ids are 0 and 255", 6),
    (ignored, {"ignore"}, "labels", "id 255 on 256 pixels of 1 label maps: labels/1.png", 6),
    (ignored_without_classes, {"ignore"}, "labels", "id 255 on 256 pixels of 1 label maps: labels/1.png", 6),
    (no_such_class, {"range"}, "labels", "id 7 on 192 pixels of 1 label maps: labels/1.png", 6),
    (gaps, {"gap"}, "labels", "ids 0, 3-4, 19 occur, 1-2, 5-18 do not", 6),
    (sixteen_bit_gaps, {"gap"}, "labels", "ids 0, 1000, 2000-2001 occur", 6),
    (interpolated, {"mixed", "gap"}, "labels/0.png", "pixels, ids", 6),
    (empty_class, {"empty"}, "labels", "class 4 (unicorn)", 6),
    (grey_image, {"mode"}, "images/2.png", "mode L", 6),
    (see_through_image, {"mode"}, "images/2.png", "mode RGBA", 6),
]
NAMES = [fault.__name__.replace("<lambda>", "exif") for fault, *_ in FAULTS]


def test_every_kind_of_problem_is_planted() -> None:
    assert set().union(*(fault[1] for fault in FAULTS)) == KINDS.keys()


@pytest.mark.parametrize("classes", [True, False])
def test_silent_on_sound_data(tmp_path: Path, classes: bool, capsys: pytest.CaptureFixture[str]) -> None:
    data = plant(tmp_path / "data", classes=classes)
    report = examine(data)
    assert report.problems == []
    assert report.modes == {"images RGB": 6, "label maps L": 6}
    assert report.sizes == {"images 48 x 64": 6, "label maps 48 x 64": 6}
    assert report.maps == {0: 6, 1: 6, 2: 6, 3: 6}
    assert report.pixels[3] == 6 * 48 * 4
    assert main(["doctor", "data", str(data)]) == 0
    shown = capsys.readouterr().out
    assert "Nothing is wrong." in shown
    assert ("3  stripe" in shown) is classes
    if not classes:
        fits = json.loads(shown.split("This one fits: ")[1].splitlines()[0])
        (data / "classes.json").write_text(json.dumps(fits))
    assert len(folder(data, SIZE).load()) == 6


@pytest.mark.parametrize(("fault", "called", "where", "said", "kept"), FAULTS, ids=NAMES)
def test_a_planted_fault(
    data: Path,
    fault: Callable[[Path], None],
    called: set[str],
    where: str,
    said: str,
    kept: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fault(data)
    before = snapshot(data)
    grave = any(KINDS[kind].grave for kind in called)

    # the doctor names it, with the file, the cause and the command
    report = examine(data)
    assert kinds(report) == called
    assert any(p.file.endswith(where) and said in p.found for p in report.problems), report.problems
    assert main(["doctor", "data", str(data)]) == (1 if grave else 0)
    shown = capsys.readouterr().out
    for kind in called:
        assert KINDS[kind].title in shown
        assert KINDS[kind].cause in " ".join(shown.split())
    assert said in shown

    # the loader refuses it, naming what to do
    if grave:
        with pytest.raises(DataError, match=r"smis doctor data"):
            folder(data, SIZE).load()

    # the very command that is printed mends a copy, which the loader and the doctor accept
    command = next(line for line in shown.splitlines() if line.startswith("  mend:")).removeprefix("  mend:")
    words = shlex.split(command)
    assert words[:3] == ["smis", "doctor", "data"]
    assert main(words[1:]) == 0
    mended = Path(words[-1])
    assert not examine(mended).grave
    assert len(folder(mended, SIZE).load()) == kept
    assert snapshot(data) == before, "the original was touched"


def mended(data: Path, fault: Callable[[Path], None]) -> tuple[Mended, Path]:
    fault(data)
    out = data.parent / "mended"
    return mend(examine(data), out), out


def share_right(out: Path, name: str, expected: np.ndarray) -> float:
    return float((ids(out / "labels" / f"{name}.png") == expected).mean())


@pytest.mark.parametrize(
    "fault", [colour_coded, palettes_per_file, gaps, sixteen_bit_gaps, grey_as_rgb], ids=lambda f: f.__name__
)
def test_ids_are_mended_exactly(data: Path, fault: Callable[[Path], None]) -> None:
    result, out = mended(data, fault)
    if fault in (colour_coded, palettes_per_file):  # by how often each occurs: ground, box, disc, stripe or the like
        to = [result.label_set.classes.index(c) for c in ("#090909", "#ff0000", "#00c800", "#0000ff")[1:]]
        ground = next(k for k in range(4) if k not in to)
        table = np.array([ground, *to])
    else:
        table = np.arange(4)
    for number in range(6):
        assert share_right(out, str(number), table[scene(number)[1]]) == 1


def test_seams_are_mended_to_within_two_pixels(data: Path) -> None:
    _, out = mended(data, interpolated)
    for number in range(6):
        expected, found = scene(number)[1], ids(out / "labels" / f"{number}.png")
        assert np.array_equal(np.unique(found), np.unique(expected))
        shifted = [np.roll(expected, (y, x), (0, 1)) for y in (-2, 0, 2) for x in (-2, 0, 2)]
        inner = np.all([s == expected for s in shifted], 0)  # two pixels from any border
        assert inner.mean() > 0.6
        assert np.array_equal(found[inner], expected[inner])


def test_seams_of_ids_that_are_classes_are_mended(data: Path) -> None:
    """Between ground (0) and stripe (3) interpolation draws disc (1) and box (2), which are sound elsewhere."""
    every(data, lambda a: np.array(Image.fromarray(a[::2, ::2].copy()).resize(SIZE[::-1], Image.Resampling.BILINEAR)))
    report = examine(data)
    assert kinds(report) == {"mixed"}
    mend(report, data.parent / "mended")
    for number in range(6):
        expected = scene(number)[1]
        near = [np.roll(expected, (y, x), (0, 1)) for y in range(-2, 3) for x in range(-2, 3)]
        before, after = ids(data / "labels" / f"{number}.png"), ids(data.parent / "mended" / "labels" / f"{number}.png")
        foreign = [np.all([other != found for other in near], 0)[4:-4, 4:-12].sum() for found in (before, after)]
        assert foreign[0] > 10
        assert foreign[1] == 0


def test_masks_of_two_are_mended(data: Path) -> None:
    _, out = mended(data, jpeg_masks)
    assert share_right(out, "2", scene(2)[1] > 0) > 0.995
    assert examine(out).label_set == folder(out, SIZE).label_set


def test_the_ignore_id_becomes_unknown(data: Path) -> None:
    result, out = mended(data, ignored)
    assert result.label_set.classes == (*CLASSES, "unknown")
    assert (ids(out / "labels" / "1.png")[:4] == 4).all()
    assert share_right(out, "0", scene(0)[1]) == 1
    assert json.loads((out / "mended.json").read_text())["ids"]["255"] == 4


@pytest.mark.parametrize("turn", [3, 6])
def test_a_turned_image_is_mended(data: Path, turn: int) -> None:
    _, out = mended(data, lambda root: exif(root, turn))
    picture = Image.open(out / "images" / "4.png")
    assert picture.getexif().get(0x0112) is None
    assert np.abs(np.array(picture).astype(int) - scene(4)[0]).mean() < 6


def test_a_tag_that_the_label_map_ignores_is_no_problem(data: Path) -> None:
    """The label map fits the pixels as stored: the loader reads them so, and so does the doctor."""
    tag = Image.Exif()
    tag[0x0112] = 6
    (data / "images" / "4.png").unlink()
    Image.fromarray(scene(4)[0]).save(data / "images" / "4.jpg", quality=95, subsampling=0, exif=tag)
    assert examine(data).problems == []
    assert np.abs(folder(data, SIZE)[4][0].astype(int) - scene(4)[0]).mean() < 6
    mend(examine(data), data.parent / "mended")
    assert np.abs(np.array(Image.open(data.parent / "mended/images/4.png")).astype(int) - scene(4)[0]).mean() < 6


def test_an_empty_class_is_dropped_only_when_asked(data: Path) -> None:
    (data / "classes.json").write_text(json.dumps({"name": "x", "classes": ["unicorn", *CLASSES]}))
    every(data, lambda a: a + 1)
    assert mend(examine(data), data.parent / "kept").label_set.classes[0] == "unicorn"
    dropped = mend(examine(data), data.parent / "dropped", drop_empty=True)
    assert dropped.label_set.classes == CLASSES
    assert share_right(data.parent / "dropped", "0", scene(0)[1]) == 1


def test_the_copy_has_a_place_of_its_own(data: Path) -> None:
    report = examine(data)
    for place in (data / "images", data / "labels" / "new", data):
        with pytest.raises(DataError, match="a folder of its own"):
            mend(report, place)
    (data.parent / "full").mkdir()
    (data.parent / "full" / "note.txt").touch()
    with pytest.raises(DataError, match="exists already"):
        mend(report, data.parent / "full")
    assert sorted(p.name for p in data.parent.iterdir()) == ["data", "full"]


def test_a_table_that_leads_too_far(data: Path) -> None:
    (data / "remap.json").write_text('{"0": 0, "1": 1, "2": 2, "3": 4}')
    with pytest.raises(DataError, match=r"remap\.json leads to ids above 3, the last class of .*classes\.json"):
        examine(data)


def test_what_became_of_each_id_is_written_down(data: Path) -> None:
    _, out = mended(data, gaps)
    assert json.loads((out / "mended.json").read_text())["ids"] == {"0": 0, "3": 1, "4": 2, "19": 3}
    colour_coded(plant(data.parent / "other"))
    mend(examine(data.parent / "other"), data.parent / "again")
    written = json.loads((data.parent / "again" / "mended.json").read_text())["ids"]
    assert written.keys() == {"#000000", "#ff0000", "#00c800", "#0000ff"}


def test_ids_and_strange_ids_through_a_table(data: Path) -> None:
    every(data, lambda a: np.array([10, 20, 30, 40], np.uint8)[a])
    (data / "remap.json").write_text('{"10": 0, "20": 1, "30": 2}')
    report = examine(data)
    assert kinds(report) == {"range", "empty"}
    result = mend(report, data.parent / "mended")
    assert result.label_set.classes == (*CLASSES, "unknown")
    assert share_right(data.parent / "mended", "0", np.array([0, 1, 2, 4])[scene(0)[1]]) == 1


def test_palettes_drawn_differently_are_no_problem(data: Path) -> None:
    """The same ids with other display colours in each file."""
    for number, path in enumerate(sorted((data / "labels").iterdir())):
        picture = Image.fromarray(ids(path))
        picture.putpalette([(40 * number + 7 * i) % 256 for i in range(12)])
        picture.save(path)
    assert examine(data).problems == []


def test_a_failed_mending_leaves_nothing(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = examine(data)
    (data / "images" / "3.png").unlink()
    with pytest.raises(FileNotFoundError):
        mend(report, data.parent / "mended")
    assert [p.name for p in data.parent.iterdir()] == ["data"]


def test_colours_and_ids_together_need_classes(data: Path) -> None:
    palette = np.array([(0, 0, 0), (255, 0, 0), (0, 200, 0), (0, 0, 255)], np.uint8)
    rewrite(data / "labels" / "0.png", lambda a: palette[a])
    with pytest.raises(DataError, match=r"has not: .*\[255, 0, 0\]"):
        mend(examine(data), data.parent / "mended")
    description = {"name": "shapes", "classes": CLASSES, "palette": palette.tolist()}
    (data / "classes.json").write_text(json.dumps(description))
    mend(examine(data), data.parent / "mended")
    assert share_right(data.parent / "mended", "0", scene(0)[1]) == 1
    (data / "classes.json").unlink()
    with pytest.raises(DataError, match=r"write classes\.json"):
        mend(examine(data), data.parent / "again")


def test_many_files_are_counted_not_listed(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", 9)
    for path in (data / "images").iterdir():
        path.write_bytes(b"")
    assert "... and 4 more" in str(examine(data))


def test_two_folders_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = plant(tmp_path / "my data")
    (data / "images").rename(tmp_path / "photos")
    ignored(data)
    words = ["doctor", "data", "--images", str(tmp_path / "photos"), "--labels", str(data / "labels")]
    assert main(words) == 1
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("  mend:"))
    assert main(shlex.split(line)[2:]) == 0
    assert (data / "labels-mended" / "classes.json").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data"], "name a folder"),
        (["data", "nowhere"], "nowhere must hold one of the folders images"),
        (["data", "--images", "x"], "go together"),
        (["data", "f", "--images", "x", "--labels", "y"], "either FOLDER or"),
        (["environment", "f"], "smis doctor data FOLDER"),
    ],
)
def test_a_wrong_call_is_refused(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", *words]) == 1
    assert message in capsys.readouterr().err


# --- interpolation ----------------------------------------------------------------------------------------------


def test_noise_and_thin_lines_are_not_taken_for_interpolation() -> None:
    noise = np.random.default_rng(0).integers(0, 8, (64, 64))
    assert not mixed_pixels(noise).any()
    thin = np.zeros((64, 64), int)
    thin[:, 32:] = 6
    thin[20:30, 32] = 3  # a class of its own, one pixel wide, on a part of the border
    assert not mixed_pixels(thin).any()


@pytest.mark.parametrize("method", [Image.Resampling.BILINEAR, Image.Resampling.LANCZOS, Image.Resampling.BOX])
def test_resampling_is_noticed_whatever_the_filter(method: Image.Resampling, tmp_path: Path) -> None:
    labels = Image.fromarray(np.array([0, 40, 80, 120], np.uint8)[scene(0, (96, 128))[1]])
    labels.resize((50, 38), method).save(tmp_path / "x.png")
    read = LabelMap.read(tmp_path / "x.png")
    assert isinstance(read, LabelMap)
    assert [p.kind for p in read.problems(None)] == ["mixed"]
    labels.resize((50, 38), Image.Resampling.NEAREST).save(tmp_path / "x.png")
    read = LabelMap.read(tmp_path / "x.png")
    assert isinstance(read, LabelMap)
    assert read.problems(None) == []
