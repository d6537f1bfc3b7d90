"""`make lab` as a user starts it, with its own settings: the first notebook opens and nothing asks another machine."""

from __future__ import annotations

from typing import Any

from tests.servers.house import asked_elsewhere, lab, new_home


def test_the_first_notebook_opens_and_nothing_phones_home(page: Any) -> None:
    elsewhere = asked_elsewhere(page)
    with new_home() as home, lab(home) as house:
        page.set_default_timeout(90_000)
        page.goto(f"http://127.0.0.1:{house.port}/lab/tree/notebooks/00_start_here.ipynb?token={house.token}")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell")
        page.get_by_text("Kernel status: Idle").first.wait_for(state="attached")
        page.get_by_role("tab", name="Extension Manager").click()  # its list comes from PyPI where that is allowed
        page.wait_for_timeout(5000)
        assert house.token not in page.url
        assert not house.calls_out.exists(), house.calls_out.read_text()
    assert elsewhere == []
