"""Each server is started once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.attacks import prepare
from tests.servers.house import House, lab, new_home, studio


@pytest.fixture(scope="session")
def studio_house() -> Iterator[House]:
    with new_home() as home, studio(home) as house:
        prepare(house)
        yield house


@pytest.fixture(scope="session")
def lab_house() -> Iterator[House]:
    with new_home() as home, lab(home) as house:
        prepare(house)
        yield house
