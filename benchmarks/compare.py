"""Six ways to get one controller per class, at equal size: a table from measured numbers.

    python benchmarks/compare.py run NAME CHECKPOINT     measure one, write benchmarks/results/people-64/NAME.json
    python benchmarks/compare.py table                   the table of all that are there, in Markdown

The networks are the presets people-64 and people-64-NAME: the same data, the same losses, parameters within 3 %.
Protocols: `smis.metrics`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from smis.files import file_sha256, whole_file
from smis.metrics import evaluate_with_all
from smis.model import GroupDNet
from smis.summary import summarise

RESULTS = Path(__file__).parent / "results" / "people-64"
HEADS = ("network", "steps", "parameters", "million multiply-adds", "L1", "perceptual", "L1 in : out",
         "perceptual in : out", "mCSD", "mOCD", "leakage", "faithfulness")  # fmt: skip


def measure(name: str, checkpoint: Path) -> None:
    """Evaluate one network on the test split of people at 64 px."""
    model = GroupDNet.load(checkpoint)
    made = GroupDNet.read_header(checkpoint)[1]
    layers = summarise(model.config)
    report = evaluate_with_all(model, progress=lambda what: print("...", what, flush=True))
    values = {
        "name": name,
        "sha256": file_sha256(checkpoint),
        "steps": made.get("step"),
        "torch": torch.__version__,
        "parameters": sum(layer.parameters for layer in layers),
        "multiply_adds": sum(layer.multiply_adds for layer in layers),
        **report.to_dict(),
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    with whole_file(RESULTS / f"{name}.json") as part:
        part.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    print(report)


def row(values: dict[str, Any]) -> list[str]:
    """One line of the table."""

    def number(measured: dict[str, float], digits: int) -> str:
        if measured["value"] > 1e4:
            return "over 10,000"  # nothing but rounding moves outside
        return f"{measured['value']:.{digits}f} [{measured['low']:.{digits}f}, {measured['high']:.{digits}f}]"

    network, mean, truth = values["reconstruction"][0], values["control"][-1], values["truth"][-1]
    paper = next(r for r in values["paper"] if r["codes"] == "encoded" and r["masked"] == "after")
    return [
        values["name"],
        f"{values['steps']:,}",
        f"{values['parameters']:,}",
        f"{values['multiply_adds'] / 1e6:.0f}",
        number(network["l1"], 4),
        number(network["perceptual"], 3),
        number(mean["ratio"], 1),
        number(mean["perceptual_ratio"], 1),
        number(paper["mcsd"], 3),
        number(paper["mocd"], 3),
        number(truth["leakage"], 3),
        number(truth["faithfulness"], 2),
    ]


def table() -> str:
    """All results, the smallest error first."""
    found = [json.loads(file.read_text(encoding="utf-8")) for file in RESULTS.glob("*.json")]
    found.sort(key=lambda values: float(values["reconstruction"][0]["l1"]["value"]))
    lines = [HEADS, ["---"] * len(HEADS), *(row(values) for values in found)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "table"])
    parser.add_argument("name", nargs="?")
    parser.add_argument("checkpoint", type=Path, nargs="?")
    options = parser.parse_args()
    if options.what == "table":
        print(table())
    elif options.name is None or options.checkpoint is None:
        parser.error("run needs NAME and CHECKPOINT")
    else:
        measure(options.name, options.checkpoint)


if __name__ == "__main__":
    main()
