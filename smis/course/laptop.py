"""Checks of notebook 05: averages, learning rates, batches that follow from a seed, and the discriminator's phase."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from smis.course.exercise import exercise, expect, same
from smis.discriminator import MultiscaleDiscriminator, judge_pair
from smis.layers import one_hot
from smis.losses import hinge_discriminator

__all__ = ["average", "batch_indices", "discriminator_phase", "learning_rate"]


@exercise
def average(answer: Callable[[list[Tensor], list[Tensor], float], None]) -> str:
    """averaged <- decay * averaged + (1 - decay) * now, in place, for each tensor of a network."""
    random = torch.Generator().manual_seed(5)
    for decay in (0.9, 0.5, 1.0, 0.0):
        old = [torch.randn(3, 2, generator=random), torch.randn(5, generator=random)]
        now = [torch.randn(3, 2, generator=random).requires_grad_(), torch.randn(5, generator=random)]
        averaged, kept = [value.clone() for value in old], [value.detach().clone() for value in now]
        answer(averaged, now, decay)
        for number, (before, after) in enumerate(zip(old, averaged, strict=True)):
            what = f"tensor {number} of the average with decay {decay}"
            hint = (
                "The average keeps the share `decay` of itself and takes the rest from `now`. Write into its tensors."
            )
            same(after.detach(), decay * before + (1 - decay) * kept[number], what, hint)
            expect(
                not after.requires_grad,
                f"{what} has become part of a graph of gradients.",
                "An average is not trained: decorate with torch.no_grad().",
            )
            unchanged = torch.equal(now[number].detach(), kept[number])
            expect(unchanged, "The network in training was changed.", "Only the first list may change.")
    return "One such line runs after every step; the network that we ship is the average, not the last state."


@exercise
def learning_rate(answer: Callable[[int, int, float, float], float]) -> str:
    """Constant until `decay_from * steps`, then a straight line that reaches zero at `steps`."""
    hint = "Before decay_from * steps it is `rate`. After that: which share of the decay is still to come?"
    for steps, rate, decay_from in ((400, 2e-3, 0.5), (100, 1.0, 0.6), (13_000, 1e-3, 0.5), (80, 0.5, 0.0)):
        for step in (0, 1, steps // 4, int(steps * 0.55), int(steps * 0.75), steps - 1, steps):
            wanted = rate * min(1.0, (1 - step / steps) / (1 - decay_from))
            what = f"learning_rate({step}, {steps}, {rate}, {decay_from})"
            got = answer(step, steps, rate, decay_from)
            same(got / rate if isinstance(got, float) else got, wanted / rate, f"{what} / {rate}", hint)
    return "A step that only follows from its number needs no scheduler object, and nothing to save for a resume."


@exercise
def batch_indices(answer: Callable[[int, int, int, int], Tensor]) -> str:
    """The numbers of a step's images: shuffled epochs without repeats, from the seed and the step alone."""
    number, size, seed = 20, 6, 3  # three batches an epoch, two images left out

    def ids(step: int, seed: int = seed) -> list[int]:
        got = answer(step, number, size, seed)
        expect(
            isinstance(got, Tensor) and got.shape == (size,) and not got.is_floating_point(),
            f"batch_indices({step}, {number}, {size}, {seed}) is not a tensor of {size} integers.",
            "Shuffle with torch.randperm, then cut out this step's part.",
        )
        return [int(value) for value in got]

    for epoch in range(3):
        seen = [image for step in range(3 * epoch, 3 * epoch + 3) for image in ids(step)]
        expect(
            all(0 <= image < number for image in seen),
            f"Images {sorted(seen)} are not all in 0..{number - 1}.",
            "torch.randperm(number) gives every number once.",
        )
        expect(
            len(set(seen)) == len(seen),
            f"Steps {3 * epoch} to {3 * epoch + 2} are one epoch of {number} images, and one came twice.",
            "All steps of an epoch must cut from the same shuffled list: seed it with the epoch, not with the step.",
        )
    firsts = [ids(3 * epoch) for epoch in range(4)]
    different = all(firsts[0] != other for other in firsts[1:])
    expect(different, "Every epoch has the same order.", "Let the generator's seed depend on the epoch, too.")
    expect(ids(0) != ids(0, seed + 1), "Another seed gives the same batch.", "The generator needs the seed.")
    mixed = ids(0) != list(range(size)) or ids(1) != list(range(size, 2 * size))
    expect(mixed, "Images come in the order of the file.", "Shuffle them: torch.randperm.")
    first = ids(4)
    torch.rand(7)  # somebody else draws numbers in between
    expect(
        ids(4) == first,
        "Step 4 asked twice gives two different batches.",
        "torch.randperm(..., generator=...) with a generator of your own, seeded in the function.",
    )
    ever = {image for step in range(24) for image in ids(step)}
    expect(
        ever == set(range(number)),
        f"In eight epochs the images {sorted(set(range(number)) - ever)} were never drawn.",
        "Shuffle all images, then leave out what does not fill a batch.",
    )
    return "What follows from (seed, step) needs no saved state: a resumed run sees the same images."


@exercise
def discriminator_phase(
    answer: Callable[[nn.Module, torch.optim.Optimizer, Tensor, Tensor, Tensor], float],
) -> str:
    """One update of the discriminator on fakes and real images; returns the hinge loss."""
    random = torch.Generator().manual_seed(7)
    for batch, classes, size in ((2, 3, 16), (3, 2, 24)):
        torch.manual_seed(batch)
        judge = MultiscaleDiscriminator(classes, (4, 6))
        twin = MultiscaleDiscriminator(classes, (4, 6))
        twin.load_state_dict(judge.state_dict())
        labels = torch.randint(classes, (batch, size, size), generator=random)
        mask = one_hot(labels, classes)  # (B, C, H, W)
        real = torch.randn(batch, 3, size, size, generator=random)
        drawn = torch.randn(batch, 3, size, size, generator=random).requires_grad_()  # stands for the generator
        steps = torch.optim.SGD(judge.parameters(), 0.1), torch.optim.SGD(twin.parameters(), 0.1)
        for time in ("first", "second"):
            fake = drawn * 0.5
            got = answer(judge, steps[0], fake, real, mask)
            loss = hinge_discriminator(*judge_pair(twin, fake.detach(), real, mask))
            steps[1].zero_grad()
            loss.backward()
            steps[1].step()
            hint = "hinge_discriminator takes the outputs for the fakes first. judge_pair gives both in one pass."
            same(got, loss.item(), f"The loss of the {time} call", hint, tolerance=1e-4)
            expect(
                drawn.grad is None,
                "A gradient has reached the generator.",
                "The generator is not trained in this phase: cut the fakes off before you judge them.",
            )
            same(
                torch.cat([value.flatten() for value in judge.parameters()]).detach(),
                torch.cat([value.flatten() for value in twin.parameters()]).detach(),
                f"The discriminator's weights after the {time} call",
                "zero_grad, backward, step: in this order, each once.",
                tolerance=1e-4,
            )
    return "Fakes are cut off from the generator: this phase may not make them easier to catch."
