"""Strangers, websites and visitors try to get into `make studio` and `make lab`. In the order of the lists: the last
attacks leave traces."""

from __future__ import annotations

import pytest

from tests.servers.attacks import BOTH, LAB, STUDIO, Attack
from tests.servers.house import House


def name(attack: Attack) -> str:
    return attack[2].__name__


@pytest.mark.parametrize("attack", BOTH + STUDIO, ids=name)
def test_the_studio_lets_nobody_in(studio_house: House, attack: Attack) -> None:
    assert attack[2](studio_house)


@pytest.mark.parametrize("attack", BOTH + LAB, ids=name)
def test_jupyterlab_lets_nobody_in(lab_house: House, attack: Attack) -> None:
    assert attack[2](lab_house)


def test_an_allowed_visitor_gets_the_page(studio_house: House) -> None:
    assert b"The studio" in studio_house.ask("/", **studio_house.cookie()).body
    assert b"Grouped convolution" in studio_house.known["page"].encode()
