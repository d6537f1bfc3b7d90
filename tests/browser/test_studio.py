"""The studio as a visitor uses it: the start page, every widget's page, one deed in each, and back again."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smis_widgets.studio.pages import PAGES
from tests.servers.house import asked_elsewhere, new_home, studio


def seen(page: Any) -> str:
    """All that the widget shows: the pixels of its canvases and its status line."""
    return str(
        page.evaluate("""() => [...document.querySelectorAll('.smis-panel canvas')].map(c => c.toDataURL())
        .concat([...document.querySelectorAll('.smis-panel .smis-status')].map(s => s.innerText)).join('|')""")
    )


def calm(page: Any, before: str | None = None) -> str:
    """What is shown once it differs from `before` and stands still."""
    last = None
    for _ in range(150):
        page.wait_for_timeout(200)
        now = seen(page)
        if now == last and now != before:
            return now
        last = now
    raise AssertionError("nothing changed in 30 s" if before else "the page does not come to rest")


def key(handle: str, name: str) -> Callable[[Any], None]:
    def deed(page: Any) -> None:
        page.locator(handle).first.focus()
        page.keyboard.press(name)

    return deed


def click(selector: str) -> Callable[[Any], None]:
    return lambda page: page.locator(selector).first.click()


def stroke(page: Any) -> None:
    area = page.locator("canvas.smis-guides").first.bounding_box()
    page.mouse.move(area["x"] + 30, area["y"] + 30)
    page.mouse.down()
    page.mouse.move(area["x"] + 120, area["y"] + 60, steps=4)
    page.mouse.up()


DEEDS: dict[str, Callable[[Any], None]] = {
    "mixer": lambda page: page.get_by_role("button", name="Surprise me").click(),
    "morpher": key(".smis-amount .noUi-handle", "End"),
    "painter": stroke,
    "controllers": key(".smis-axis .noUi-handle", "PageUp"),
    "grouped-convolution": key(".smis-panel .noUi-handle", "Home"),
    "encoder": lambda page: page.locator(".smis-cell").nth(1).click(),
    "cg-norm": lambda page: page.locator(".smis-cell").nth(1).click(),
    "training": lambda page: page.get_by_role("button", name="Both").click(),
}


@pytest.mark.slow
def test_every_page_opens_answers_and_lets_go_of_its_kernel(page: Any, shots: Path) -> None:
    assert set(DEEDS) == set(PAGES)
    page.set_default_timeout(90_000)
    elsewhere = asked_elsewhere(page)
    with new_home() as home, studio(home, most_pages=4) as house:
        page.goto(f"http://127.0.0.1:{house.port}/?token={house.token}")
        assert house.token not in page.url
        for name, one in PAGES.items():
            assert page.get_by_role("heading", name=one.title, exact=True).is_visible()
            assert page.locator(f"a[href*='{name}.ipynb'] img").evaluate("image => image.naturalWidth") > 300
        page.screenshot(path=shots / "studio-light.png", full_page=True)
        for name, deed in DEEDS.items():
            page.locator(f"a[href*='{name}.ipynb']").click()
            page.wait_for_selector(".smis-panel .smis-status")
            before = calm(page)
            deed(page)
            calm(page, before)
            assert "smis_widgets.studio" not in page.content(), "the page shows its source"
            page.screenshot(path=shots / f"studio-{name}-light.png", full_page=True)
            page.get_by_text("← the studio").click()
            page.get_by_role("heading", name="The studio").wait_for()

        page.emulate_media(color_scheme="dark")
        page.screenshot(path=shots / "studio-dark.png", full_page=True)
        page.locator("a[href*='training.ipynb']").click()
        page.wait_for_selector(".smis-panel .smis-status")
        calm(page)
        page.screenshot(path=shots / "studio-training-dark.png", full_page=True)
        page.goto("about:blank")
        end = time.monotonic() + 20
        while house.family()[1:] and time.monotonic() < end:
            time.sleep(0.2)
        assert house.family()[1:] == [], "a kernel lives on after its page was left"
        assert not list((home / "work").glob("*.ipynb")), "the studio left files behind"
        assert not house.calls_out.exists(), house.calls_out.read_text()
    assert elsewhere == [], "the pages ask other machines"
