"""Kinds of arguments, and what several commands print."""

from __future__ import annotations

import argparse
import json
from typing import Any

from smis.outside import parse_json

__all__ = ["count", "hours", "print_values", "restyle", "seed", "setting"]


def seed(text: str) -> int:
    """'7' -> 7"""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"a seed is a whole number from 0, not {text!r}")
    return int(text)


def count(text: str) -> int:
    """'7' -> 7, not 0"""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"a number of images is a whole number from 1, not {text!r}")
    return int(text)


def hours(text: str) -> float:
    """'1.5' -> 1.5"""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"hours are a number above 0, not {text!r}")
    return number


def restyle(text: str) -> tuple[str, int]:
    """'top=7' -> ('top', 7)"""
    name, equals, number = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"expected CLASS=SEED, such as top=7, got {text!r}")
    return name, seed(number)


def setting(text: str) -> tuple[str, Any]:
    """'weights.kl=0.01' -> ('weights.kl', 0.01); what is no JSON stays text."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, such as weights.kl=0.01, got {text!r}")
    try:
        return key, parse_json(value)
    except ValueError:
        return key, value


def print_values(values: dict[str, Any], prefix: str = "") -> None:
    """Nested values as lines `a.b = value`."""
    for key, value in values.items():
        if isinstance(value, dict):
            print_values(value, f"{prefix}{key}.")
        else:
            print(f"{prefix}{key} = {json.dumps(value)}")
