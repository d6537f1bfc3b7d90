"""The stored results of the comparison, read for tables and sentences (`pages.py`, notebook 10)."""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PLANNED, DECAY_FROM = 13_000, 6_500  # steps of people-64; from there on the learning rate falls to 0
# name -> as the paper writes it, its encoder, its decoder
NETWORKS = {
    "groupdnet": ("GroupDNet", "one group a class", "groups fall: 8, 8, 8, 4, 2, 1"),
    "groupnet": ("GroupNet", "one group a class", "8 groups throughout"),
    "mulnet": ("MulNet", "one group a class", "8 whole decoders"),
    "groupenc": ("GroupEnc", "one group a class", "ordinary"),
    "groupdec": ("GroupDec", "ordinary", "groups fall: 8, 8, 8, 4, 2, 1"),
    "vspade": ("VSPADE", "ordinary, one code for all", "ordinary"),
}


@dataclass(frozen=True)
class Number:
    """A measured value and its 95 % interval; `value` is infinite where nothing moved outside."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Number:
        """From the JSON, where what is not finite is null."""
        value, low, high = (float("inf") if stored[key] is None else stored[key] for key in ("value", "low", "high"))
        return cls(value, low, high)

    def show(self, digits: int) -> str:
        """With its interval."""
        if self.value > 1e4:
            return "over 10,000"  # nothing but rounding moves outside
        return f"{self.value:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"

    def short(self, digits: int) -> str:
        """Without its interval."""
        return self.show(digits).split(" [")[0]


@dataclass(frozen=True)
class Result:
    """What is shown of one network's JSON."""

    name: str
    stored: dict[str, Any]

    @property
    def title(self) -> str:
        """As the paper writes it."""
        return NETWORKS[self.name][0]

    @property
    def steps(self) -> int:
        """Of training."""
        return int(self.stored["steps"])

    @property
    def rate(self) -> float:
        """Share of the learning rate that was left when it was stopped."""
        return min(1.0, (PLANNED - self.steps) / (PLANNED - DECAY_FROM))

    @property
    def error(self) -> Number:
        """L1 of the reconstruction."""
        return Number.of(self.stored["reconstruction"][0]["l1"])

    @property
    def perceptual(self) -> Number:
        """Perceptual distance of the reconstruction."""
        return Number.of(self.stored["reconstruction"][0]["perceptual"])

    @property
    def frechet(self) -> str:
        """Of the reconstructions, or "-" where it was not measured."""
        found = [q for q in self.stored.get("quality", []) if q["name"] == "reconstructed"]
        return f"{found[0]['frechet']:.1f}" if found else "-"

    @property
    def kernel(self) -> str:
        """The kernel distance of the same, or "-"."""
        found = [q for q in self.stored.get("quality", []) if q["name"] == "reconstructed"]
        return Number.of(found[0]["kernel"]).show(3) if found else "-"

    @property
    def floor(self) -> dict[str, Any] | None:
        """The same of training images, where it was measured."""
        found = [q for q in self.stored.get("quality", []) if q["name"] == "real images: training images"]
        return found[0] if found else None

    @property
    def ratio(self) -> Number:
        """L1 change inside : outside."""
        return Number.of(self.stored["control"][-1]["ratio"])

    @property
    def perceptual_ratio(self) -> Number:
        """Perceptual change inside : outside."""
        return Number.of(self.stored["control"][-1]["perceptual_ratio"])

    @property
    def diversity(self) -> Number:
        """Perceptual distance of two images of one mask with codes sampled from N(0, 1)."""
        (found,) = [d for d in self.stored["diversity"] if d["distance"] == "perceptual"]
        return Number.of(found["sampled"])

    def paper(self, part: str) -> Number:
        """`mcsd`, `mocd`, `ratio` or `perfect`: codes encoded, masked after the network."""
        (found,) = [r for r in self.stored["paper"] if (r["codes"], r["masked"]) == ("encoded", "after")]
        return Number.of(found[part])

    def truth(self, part: str) -> Number:
        """`leakage` or `faithfulness`, over all classes."""
        return Number.of(self.stored["truth"][-1][part])


def results(folder: Path = RESULTS / "people-64") -> dict[str, Result]:
    """All that are there, in the order of NETWORKS."""
    files = {name: folder / f"{name}.json" for name in NETWORKS}
    return {name: Result(name, read(file)) for name, file in files.items() if file.is_file()}


def read(file: Path) -> dict[str, Any]:
    """A JSON file; {} if there is none."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return found


def claim(holds: bool, text: str) -> str:
    """The text, if the numbers say so."""
    if not holds:
        raise ValueError(f"the numbers no longer say this, so write something else: {text}")
    return text


def markdown(heads: tuple[str, ...], rows: list[list[str]]) -> str:
    """A table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def flow(text: str) -> str:
    """A paragraph in lines of 120, however it was broken before."""
    return textwrap.fill(" ".join(text.split()), 120, break_long_words=False, break_on_hyphens=False)
