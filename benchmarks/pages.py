"""The texts of the comparison, from the measured numbers alone: results/README.md and a part of the top README.md.

Every sentence that says which is better is a `claim`: when the numbers no longer say so, making the text fails.
"""

from __future__ import annotations

from typing import Any

try:
    from tables import NETWORKS, PLANNED, RESULTS, Number, Result, claim, flow, markdown, read, results
except ImportError:  # imported by a test, from the root of the clone
    from benchmarks.tables import NETWORKS, PLANNED, RESULTS, Number, Result, claim, flow, markdown, read, results

__all__ = ["block", "page", "placed"]

BEGIN, END = "<!-- comparison:begin -->", "<!-- comparison:end -->"


def verdict(found: dict[str, Result]) -> str:
    """What the networks show, in words."""
    ours, net, many, dec = (found[name] for name in ("groupdnet", "groupnet", "mulnet", "groupdec"))
    leak = {name: result.truth("leakage") for name, result in found.items()}
    faith = {name: result.truth("faithfulness") for name, result in found.items()}
    alike = leak["groupdnet"].low <= leak["groupnet"].high and leak["groupnet"].low <= leak["groupdnet"].high
    smaller, larger = 1 - ours.error.value / net.error.value, many.error.value / ours.error.value - 1
    parts = [
        claim(
            alike and ours.error.high < net.error.low and faith["groupdnet"].low > faith["groupnet"].high,
            f"""GroupDNet leaks as little as GroupNet (leakage {leak["groupdnet"].value:.3f} and
            {leak["groupnet"].value:.3f}), with an error {100 * smaller:.0f} % smaller and more faithful changes
            ({faith["groupdnet"].value:.2f} against {faith["groupnet"].value:.2f}).""",
        ),
        claim(
            leak["mulnet"].value < 0.001 and ours.error.high < many.error.low,
            f"""MulNet, whose decoders share nothing, leaks nothing; its error is {100 * larger:.0f} % larger than
            GroupDNet's.""",
        ),
        claim(
            leak["groupenc"].low > leak["groupdnet"].high,
            f"""An ordinary decoder (GroupEnc) leaks {leak["groupenc"].value / leak["groupdnet"].value:.1f} times as
            much.""",
        ),
        claim(
            dec.error.high < ours.error.low and faith["groupdec"].high < 0.2 and dec.ratio.high < 2,
            f"""An ordinary encoder (GroupDec) has the smallest error and no control: each class's code knows the whole
            image, and exchanging one changes everything a little (inside : outside {dec.ratio.value:.1f}, faithfulness
            {faith["groupdec"].value:.2f}; it leaks little because it changes little).""",
        ),
    ]
    if "vspade" in found:
        spade = found["vspade"]
        parts.append(
            claim(
                spade.ratio.high < 3,
                f"""VSPADE has one code for the whole image, and a code from another person changes the whole image
                (inside : outside {spade.ratio.value:.1f}). Its leakage and faithfulness flatter it: there the other
                image differs in that one class only.""",
            )
        )
    return flow(" ".join(parts))


def conditions(found: dict[str, Result]) -> str:
    """How they were trained, and what must be read with care."""
    others = [result for name, result in found.items() if name != "vspade"]
    steps, rates = [r.steps for r in others], [100 * r.rate for r in others]
    sizes = [r.stored["parameters"] for r in found.values()]
    spade = ""
    if "vspade" in found:
        r = found["vspade"]
        spade = f"""VSPADE was trained later, on a CPU, and stopped after {r.steps:,} steps ({100 * r.rate:.0f} % of the
        learning rate left)."""
    return flow(f"""All are the presets `people-64` and `people-64-NAME`: the same 6,000 images, losses, batches of 8
        and seed, {min(sizes):,} to {max(sizes):,} parameters. {PLANNED:,} steps were planned. They were trained side by
        side on one H100 for 922 seconds and stopped there, after {min(steps):,} to {max(steps):,} steps, with
        {min(rates):.0f} to {max(rates):.0f} % of the learning rate left. {spade} One seed each: read small differences
        with care.""")


def growth(stored: dict[str, Any]) -> str:
    """How cost grows with the number of classes, in words."""
    rows = {(r["classes"], r["network"]): r for r in stored["rows"]}
    few, many = min(c for c, _ in rows), max(c for c, _ in rows)
    ours, theirs = rows[many, "GroupDNet"], rows[many, "MulNet"]
    times = {name: rows[many, name]["step_ms"] / rows[few, name]["step_ms"] for name in ("GroupDNet", "MulNet")}
    return claim(
        theirs["step_ms"] > 1.5 * ours["step_ms"] and theirs["memory_mib"] > 1.5 * ours["memory_mib"],
        f"""From {few} to {many} classes a training step on a CPU becomes {times["GroupDNet"]:.1f} times as long for
        GroupDNet and {times["MulNet"]:.1f} times for one network a class (MulNet), which then takes
        {theirs["step_ms"] / ours["step_ms"]:.1f} times GroupDNet's time and
        {theirs["memory_mib"] / ours["memory_mib"]:.1f} times its memory.""",
    )


def on_the_gpu(stored: dict[str, Any]) -> str:
    """The same on the GPU, and why its times say little."""
    rows = {(r["classes"], r["network"]): r for r in stored["rows"]}
    many = max(c for c, _ in rows)
    ours, theirs = rows[many, "GroupDNet"], rows[many, "MulNet"]
    return claim(
        theirs["step_ms"] < ours["step_ms"] and theirs["memory_mib"] > 2 * ours["memory_mib"],
        f"""On an {stored["device"]} memory grows in the same way ({theirs["memory_mib"]:,.0f} MiB against
        {ours["memory_mib"]:,.0f} with {many} classes). Its times say nothing about the networks: GroupDNet's step took
        {ours["step_ms"]:.0f} ms and MulNet's {theirs["step_ms"]:.0f} ms, for
        {theirs["multiply_adds"] / ours["multiply_adds"]:.0f} times the multiply-adds. They were measured when every
        kernel of a step was still launched one by one, and with networks this small the launches take longer than the
        work. Today a step is recorded and replayed as one CUDA graph ([gpu_step.md](gpu_step.md)); with that it was not
        measured again. The numbers: `classes-h100.json`.""",
    )


def alternative(stored: dict[str, Any]) -> str:
    """The text alternative of the plot of `classes.py`."""
    counts = sorted({r["classes"] for r in stored["rows"]})
    ends = " and ".join(
        f"{r['network']} {r['step_ms'] / 1000:.1f} s and {r['memory_mib']:,.0f} MiB"
        for r in stored["rows"]
        if r["classes"] == counts[-1]
    )
    return (
        f"Two plots over the number of classes, {counts[0]} to {counts[-1]}: time and memory of a training step on a "
        f"CPU. MulNet's lines rise more steeply than GroupDNet's. With {counts[-1]} classes: {ends}."
    )


def block() -> str:
    """The part of the top README between its two marks, both included."""
    found = results()
    heads = ("network", "encoder", "decoder", "error", "change inside : outside", "leakage", "faithfulness")
    rows = [
        [r.title, *NETWORKS[r.name][1:], f"{r.error.value:.4f}", r.ratio.short(1), r.truth("leakage").short(3),
         r.truth("faithfulness").short(2)]
        for r in found.values()
    ]  # fmt: skip
    about = """The paper's comparison in miniature: ways to get one controller per class, with as many parameters each,
        on the people at 64 pixels. Error: of the reconstruction (L1). Then one class's code is exchanged, and the
        change is compared with a rendering of the change that should happen: leakage is 0 at best, faithfulness 1."""
    return "\n\n".join(
        [
            BEGIN,
            flow(about),
            markdown(heads, rows),
            verdict(found),
            flow(growth(read(RESULTS / "classes-cpu.json"))),
            flow("""One seed. Intervals, mCSD and mOCD, costs, and how to measure any row again:
                 [benchmarks/results](benchmarks/results/README.md)."""),
            END,
        ]
    )


def placed(text: str) -> str:
    """The top README with the block between its two marks; without marks, in a section before '## Tests'."""
    if BEGIN in text:
        before, rest = text.split(BEGIN, 1)
        return before + block() + rest.split(END, 1)[1]
    before, after = text.split("## Tests\n", 1)
    return f"{before}## Does only that class change?\n\n{block()}\n\n## Tests\n{after}"


def page() -> str:
    """All of benchmarks/results/README.md."""
    found = results()
    head = [
        "# Measured",
        flow("""Written by `python benchmarks/compare.py readme` from the JSON files beside it; a sentence that says
             which is better is checked against the numbers when the page is made. Protocols: the first lines of the
             modules in `smis/metrics/`. Square brackets: 95 % bootstrap interval."""),
        "- [Ways to one controller per class](#ways-to-one-controller-per-class): the paper's comparison in miniature\n"
        "- [Group schedules](#group-schedules): what falling groups buy\n"
        "- [More classes](#more-classes): how the cost grows\n"
        "- [A training step on a GPU](gpu_step.md): number formats, memory formats, recorded steps\n"
        "- [How long a person waits](latency.md): every widget in a browser, and a network of the paper's size\n"
        "- [Memory of the widgets](memory.md): after thousands of interactions",
    ]
    return "\n\n".join([*head, *_ways(found), *_schedules(found), *_classes()]) + "\n"


def _ways(found: dict[str, Result]) -> list[str]:
    speed = read(RESULTS / "speed.json")
    cost, quality, control = [], [], []
    for r in found.values():
        fast = speed.get("networks", {}).get(r.name, {})
        cost.append([
            r.title, *NETWORKS[r.name][1:], f"{r.steps:,}", f"{r.stored['parameters']:,}",
            f"{r.stored['multiply_adds'] / 1e6:.0f}", *(f"{fast[key]:.0f}" if fast else "-" for key in
            ("training_images_s", "sampling_images_s", "memory_mib")),
        ])  # fmt: skip
        quality.append([r.title, r.error.show(4), r.perceptual.show(3), r.frechet, r.kernel, r.diversity.show(3)])
        control.append([
            r.title, r.ratio.show(1), r.perceptual_ratio.show(1), r.paper("mcsd").show(3), r.paper("mocd").show(3),
            f"{r.paper('ratio').value:.2f} of {r.paper('perfect').value:.2f}", r.truth("leakage").show(3),
            r.truth("faithfulness").show(2),
        ])  # fmt: skip
    floor = next((r.floor for r in found.values() if r.floor), None)
    real = "" if floor is None else f"""(as many real images from the training set reach {floor["frechet"]:.1f} and
        {Number.of(floor["kernel"]).show(3)}: the Frechet distance of small samples is too large)"""  # fmt: skip
    measured = "Images a second and memory: not measured yet."
    if speed:
        where = speed["environment"]
        measured = f"""Images a second: batches of {speed["batch"]}, median of {speed["rounds"]} rounds in turn,
            {where["threads"]} thread(s) of {where["cpu"]}, torch {where["torch"]}. Memory: the peak of a training
            process less what it held before."""
    return [
        "## Ways to one controller per class",
        conditions(found),
        verdict(found),
        "### What they are and what they cost",
        markdown(("network", "encoder", "decoder", "steps", "parameters", "million multiply-adds",
                  "training images/s", "sampled images/s", "training memory, MiB"), cost),
        flow(measured),
        "### How good the images are",
        markdown(("network", "L1", "perceptual", "Frechet distance of EfficientNet-Lite0 features",
                  "kernel distance of the same", "diversity"), quality),
        flow(f"""Reconstructions of 600 test images {real}. `-`: the network was measured before these numbers existed,
             and its weights were not stored. Diversity: perceptual distance of two images of one mask whose codes are
             drawn from N(0, 1). None of these numbers is an FID, a KID or an LPIPS; `smis evaluate` measures those from
             the standard weights (`--inception`, `--lpips`)."""),
        "### What one class's code controls",
        markdown(("network", "L1 in : out", "perceptual in : out", "mCSD", "mOCD", "mCSD : mOCD, of what is possible",
                  "leakage", "faithfulness"), control),
        flow("""The code of one class comes from another image: change inside its area against change outside. mCSD and
             mOCD: codes encoded, masked after the network (the JSON files hold all four readings), with
             EfficientNet-Lite0 and not LPIPS, so not to be compared with the paper's numbers. Possible: what an editor
             would get that changes only the area. Leakage and faithfulness: against rendered swaps."""),
        "Any row again (training takes hours on a CPU):",
        "```sh\npython benchmarks/compare.py train groupnet\n"
        "python benchmarks/compare.py run groupnet runs/people-64-groupnet/model.safetensors\n"
        "python benchmarks/compare.py speed\npython benchmarks/compare.py readme\n```",
    ]  # fmt: skip


def _schedules(found: dict[str, Result]) -> list[str]:
    rows = []
    schedules = {"groupnet": "8 throughout", "groupdnet": "falling: 8, 8, 8, 4, 2, 1", "groupenc": "1 throughout"}
    for name, words in schedules.items():
        r = found[name]
        rows.append([
            f"{words} ({r.title})", f"{r.stored['parameters']:,}", f"{r.stored['multiply_adds'] / 1e6:.0f}",
            r.error.show(4), r.ratio.show(1), r.truth("leakage").show(3), r.truth("faithfulness").show(2),
        ])  # fmt: skip
    ours, net, enc = (found[name] for name in ("groupdnet", "groupnet", "groupenc"))
    text = claim(
        ours.error.high < net.error.low
        and ours.error.high < enc.error.low
        and ours.truth("faithfulness").value > max(r.truth("faithfulness").value for r in (net, enc)),
        """Groups that fall have the smallest error and the most faithful changes of the three. They also take the most
        multiply-adds: falling groups put more of the parameters into the last blocks, whose maps are large.""",
    )
    heads = ("groups in the decoder", "parameters", "million multiply-adds", "L1", "L1 in : out", "leakage",
             "faithfulness")  # fmt: skip
    return [
        "## Group schedules",
        "The same network with three schedules of groups in the decoder, at equal size.",
        markdown(heads, rows),
        flow(text),
    ]


def _classes() -> list[str]:
    cpu = read(RESULTS / "classes-cpu.json")
    rows = [
        [f"{r['classes']}", r["network"], f"{r['parameters']:,}", f"{r['multiply_adds'] / 1e6:,.0f}",
         f"{r['step_ms']:,.0f}", f"{r['draw_ms']:,.0f}", f"{r['memory_mib']:,.0f}"]
        for r in cpu["rows"]
    ]  # fmt: skip
    heads = ("classes", "network", "parameters", "million multiply-adds", "training step, ms", "drawing, ms",
             "memory, MiB")  # fmt: skip
    return [
        "## More classes",
        f"![{alternative(cpu)}](classes.webp)",
        flow(growth(cpu)),
        flow("""The paper says that GroupDNet considerably improves the training efficiency over multiple generators. So
             it does here: hardly with 8 classes, and the more, the more classes there are."""),
        markdown(heads, rows),
        flow(f"""{cpu["device"]}, torch {cpu["torch"]}, batch {cpu["batch"]}, median of {cpu["steps"]}; label maps made
             at random, 64 px. MulNet has for each class a decoder as large as each of people-64-mulnet's. GroupDNet has
             as many channels a class in its first two blocks, and from there on the widths of people-64, whatever the
             number of classes (`benchmarks/classes.py`). So the two are of equal size with 8 classes only: what grows
             is what each way needs for more classes."""),
        flow(on_the_gpu(read(RESULTS / "classes-h100.json"))),
    ]
