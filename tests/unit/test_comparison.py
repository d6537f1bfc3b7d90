"""The committed comparison: its texts are what its numbers say, and its numbers are of this code."""

from __future__ import annotations

import copy
import dataclasses

import pytest

from benchmarks import pages, tables
from smis.presets import preset
from smis.summary import summarise
from tests.markdown import broken_links, pictures_without_alt

FOUND = tables.results()
README = tables.ROOT / "README.md"


def names(name: str) -> str:
    return "people-64" if name == "groupdnet" else f"people-64-{name}"


def test_the_page_is_what_the_numbers_say() -> None:
    text = (tables.RESULTS / "README.md").read_text(encoding="utf-8")
    assert text == pages.page(), "write it anew: python benchmarks/compare.py readme"
    assert pictures_without_alt(text) == []
    assert broken_links(text, tables.RESULTS) == []


def test_the_readme_is_what_the_numbers_say() -> None:
    text = README.read_text(encoding="utf-8")
    assert pages.BEGIN in text
    assert pages.placed(text) == text, "write it anew: python benchmarks/compare.py readme"


def test_the_block_finds_its_place() -> None:
    bare = "# smis\n\n## Tests\n\nmore\n"
    once = pages.placed(bare)
    assert once.startswith("# smis\n\n## Does only that class change?\n\n<!-- comparison:begin -->")
    assert once.endswith("<!-- comparison:end -->\n\n## Tests\n\nmore\n")
    assert pages.placed(once) == once
    assert pages.placed(once.replace("GroupNet", "?")) == once


def test_results_are_there() -> None:
    assert set(FOUND) >= {"groupdnet", "groupnet", "mulnet", "groupenc", "groupdec"}
    files = {file.stem for file in (tables.RESULTS / "people-64").glob("*.json")}
    assert files == set(FOUND)


@pytest.mark.parametrize("name", FOUND)
def test_a_result_is_of_the_network_it_names(name: str) -> None:
    stored = FOUND[name].stored
    config = preset(names(name)).model
    layers = summarise(config)
    assert stored["name"] == name
    assert stored["parameters"] == sum(layer.parameters for layer in layers)
    assert stored["multiply_adds"] == sum(layer.multiply_adds for layer in layers)
    ours = FOUND["groupdnet"].stored
    assert abs(stored["parameters"] / ours["parameters"] - 1) < 0.03
    for key in ("images", "size", "seed", "prior", "judge", "segmenter"):
        assert stored[key] == ours[key], key
    assert stored["images"] == 600
    assert 10_000 < stored["steps"] <= tables.PLANNED


@pytest.mark.parametrize("name", FOUND)
def test_values_lie_in_their_intervals(name: str) -> None:
    r = FOUND[name]
    shown = [r.error, r.perceptual, r.ratio, r.perceptual_ratio, r.diversity]
    shown += [r.paper(part) for part in ("mcsd", "mocd", "ratio")]
    shown += [r.truth(part) for part in ("leakage", "faithfulness")]
    for number in shown:
        assert number.low <= number.value <= number.high
    assert r.paper("ratio").value == pytest.approx(r.paper("mcsd").value / r.paper("mocd").value, rel=1e-2)


def test_a_sentence_that_no_longer_holds_is_not_written() -> None:
    """GroupNet's numbers in GroupDNet's place, and the other way round."""
    turned = dict(FOUND, groupdnet=FOUND["groupnet"], groupnet=FOUND["groupdnet"])
    with pytest.raises(ValueError, match="no longer say"):
        pages.verdict(turned)
    leaking = copy.deepcopy(FOUND["mulnet"].stored)
    leaking["truth"][-1]["leakage"]["value"] = 0.5
    with pytest.raises(ValueError, match="MulNet"):
        pages.verdict(dict(FOUND, mulnet=dataclasses.replace(FOUND["mulnet"], stored=leaking)))


def test_growth_is_of_both_networks_at_the_same_numbers_of_classes() -> None:
    for device in ("cpu", "h100"):
        rows = tables.read(tables.RESULTS / f"classes-{device}.json")["rows"]
        counts = {name: [r["classes"] for r in rows if r["network"] == name] for name in ("GroupDNet", "MulNet")}
        assert counts["GroupDNet"] == counts["MulNet"] == [8, 16, 35, 70, 151]
        assert all(r["step_ms"] > r["draw_ms"] > 0 and r["memory_mib"] > 0 for r in rows)


def test_growth_by_hand() -> None:
    rows = [
        {"classes": c, "network": n, "step_ms": s, "memory_mib": m}
        for c, n, s, m in (
            (8, "GroupDNet", 10, 5),
            (8, "MulNet", 20, 5),
            (16, "GroupDNet", 15, 6),
            (16, "MulNet", 60, 12),
        )
    ]
    words = " ".join(pages.growth({"rows": rows}).split())
    assert "1.5 times as long for GroupDNet and 3.0 times for one network a class" in words
    assert "4.0 times GroupDNet's time and 2.0 times its memory" in words
    for row in rows:
        row["step_ms"] = 10
    with pytest.raises(ValueError, match="no longer say"):
        pages.growth({"rows": rows})


def test_speed_is_of_all_networks_where_it_is_there() -> None:
    speed = tables.read(tables.RESULTS / "speed.json")
    if speed:
        assert set(speed["networks"]) == set(tables.NETWORKS)
        assert all(value > 0 for one in speed["networks"].values() for value in one.values())
        assert speed["environment"]["commit"]


def test_what_was_not_measured_is_a_dash() -> None:
    stored = {key: value for key, value in FOUND["groupnet"].stored.items() if key != "quality"}
    old = tables.Result("groupnet", stored)
    assert (old.frechet, old.kernel, old.floor) == ("-", "-", None)
    number = {"value": 0.1234, "low": 0.1, "high": 0.2, "n": 600}
    quality = [
        {"name": name, "frechet": 12.34, "kernel": number} for name in ("real images: training images", "reconstructed")
    ]
    new = tables.Result("groupnet", {**stored, "quality": quality})
    assert (new.frechet, new.kernel) == ("12.3", "0.123 [0.100, 0.200]")
