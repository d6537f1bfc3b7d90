"""Two widgets on one page: neither changes how the other looks. Every rule stands under a class of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets as widgets
import pytest

from smis import GroupDNet, people
from smis.datasets.paths import data_file
from smis_widgets import (
    CGNormExplorer,
    Controllers,
    EncoderExplorer,
    GroupedConvExplorer,
    Mixer,
    Morpher,
    Painter,
    TrainingMonitor,
)
from smis_widgets.base import Panel, parts
from smis_widgets.look import STYLE
from smis_widgets.surface import NamedCanvas
from tests.widgets.fake import FakeModel, toys


def people_64() -> tuple[GroupDNet, Any]:
    return GroupDNet.load(data_file("checkpoints/people-64.safetensors")), people("test").load(64, range(3))


WIDGETS: dict[str, Callable[[Any], Panel[Any]]] = {
    "mixer": lambda _: Mixer(FakeModel(), toys()),
    "morpher": lambda _: Morpher(FakeModel(), toys()),
    "painter": lambda _: Painter(FakeModel(), toys()),
    "controllers": lambda _: Controllers(FakeModel(), toys()),
    "gc": lambda _: GroupedConvExplorer(),
    "encoder": lambda _: EncoderExplorer(*people_64()),
    "cg": lambda _: CGNormExplorer(*people_64()),
    "training": lambda folder: TrainingMonitor(folder),
}


@pytest.fixture(params=list(WIDGETS))
def named_panel(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[tuple[str, Panel[Any]]]:
    panel = WIDGETS[request.param](tmp_path)
    yield request.param, panel
    panel.close()


def selectors(style: str) -> list[str]:
    """The selectors of all rules between <style> marks; what is inside an @-rule counts, key frames do not."""
    found = []
    for sheet in re.findall(r"<style>(.*?)</style>", style, re.DOTALL):
        sheet = re.sub(r"@keyframes [\w-]+ \{ to \{[^}]*\} \}", "", sheet)
        sheet = re.sub(r"url\([^)]*\)", "url()", re.sub(r"@media [^{]*\{", "", sheet))  # pictures are long
        for rule in re.findall(r"([^{}]*)\{[^{}]*\}", sheet):
            found += [one.strip() for one in re.split(r",(?![^(]*\))", rule)]
    return found


def test_the_parser_reads_what_is_there() -> None:
    style = "<style>.a .b, .c:where(:not(.d, .e)) { x: y; } @media (z: w) { .f { x: y; } }</style>"
    assert selectors(style) == [".a .b", ".c:where(:not(.d, .e))", ".f"]


def test_what_is_common_stands_under_the_panel() -> None:
    assert len(selectors(STYLE)) > 30
    assert [rule for rule in selectors(STYLE) if not rule.startswith(".smis-panel")] == []


def test_a_widgets_own_rules_stand_under_its_own_class(named_panel: tuple[str, Panel[Any]]) -> None:
    name, panel = named_panel
    own = "".join(p.value for p in parts(panel) if isinstance(p, widgets.HTML)).replace(STYLE, "")
    # its class, or one that holds the number of this very widget
    scoped = re.compile(rf"(\.smis-panel )?\.smis-({name}|(chips-)?{panel.model_id[:8]}(-\w+)?)\b")
    assert [rule for rule in selectors(own) if not scoped.match(rule)] == []
    if selectors(own):
        assert "smis-panel" in panel._dom_classes
        assert any(scoped.match(rule) for rule in selectors(own))


def test_every_picture_has_a_name_and_every_button_says_what_it_does(named_panel: tuple[str, Panel[Any]]) -> None:
    _, panel = named_panel
    canvases = [p for p in parts(panel) if isinstance(p, NamedCanvas)]
    assert canvases
    assert [p for p in canvases if not p.tooltip] == []
    kinds = (widgets.Button, widgets.ToggleButton, widgets.Text, widgets.FileUpload)
    assert [p for p in parts(panel) if isinstance(p, kinds) and not p.tooltip] == []
