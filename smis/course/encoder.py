"""Checks of notebook 02: the encoder."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from smis.course.exercise import exercise, expect, same
from smis.encoder import class_boxes, gather_by_class, sample_code

__all__ = ["draw", "instance_norm", "kl_per_class", "zoom"]


@exercise
def zoom(answer: Callable[[Tensor, Tensor, int], Tensor]) -> str:
    """image (3, H, W), labels (H, W), c -> (3, H, W): class c cut out, cropped, enlarged; zeros if absent."""
    torch.manual_seed(0)
    image, labels = torch.randn(3, 8, 8), torch.zeros(8, 8, dtype=torch.long)
    labels[2, 5] = 1
    hint = "The box of a single pixel is 1 x 1. Its height is last - first + 1."
    wanted = image[:, 2, 5][:, None, None].expand(3, 8, 8)
    same(answer(image.clone(), labels.clone(), 1), wanted, "the zoom of a class of one pixel", hint)
    hint = "A class without a pixel gives zeros of the size of the image."
    same(answer(image.clone(), labels.clone(), 2), torch.zeros(3, 8, 8), "the zoom of an absent class", hint)

    image, labels = torch.randn(3, 9, 12), torch.zeros(9, 12, dtype=torch.long)
    labels[1:4, 2:9] = 1
    labels[2, 3:6] = 2  # inside the box of class 1
    labels[6:, 10:] = 3  # up to the corner
    boxes = class_boxes(labels[None], 4)
    for c in range(4):
        wanted = gather_by_class(image[None], labels[None], boxes, [c])[0, 0]
        what = f"the zoom of class {c}, box (top, left, height, width) {tuple(boxes[0, c].tolist())}, of 9 x 12 pixels"
        hint = "Check three things: other classes inside the box are 0, the box holds its last row and column, nearest."
        same(answer(image.clone(), labels.clone(), c), wanted, what, hint)
    return "smis.encoder.gather_by_class does this for all classes of a batch in one look-up."


@exercise
def instance_norm(answer: Callable[[Tensor, float], Tensor]) -> str:
    """x (B, K, H, W), epsilon -> the same shape, each channel of each image normalised."""
    torch.manual_seed(0)
    for shape, epsilon in (((1, 1, 1, 2), 1e-5), ((3, 4, 5, 2), 1e-5), ((2, 3, 3, 3), 0.5)):
        x = torch.randn(shape) * torch.rand(shape[:2])[..., None, None] * 3 + 2
        got = answer(x.clone(), epsilon)
        case = f"the instance norm of x {shape} with epsilon {epsilon}"
        hint = "Average over pixels alone. The variance is the mean of squares, and epsilon stands under the root."
        same(got, F.instance_norm(x, eps=epsilon), case, hint, 1e-4)
    return "It knows no running averages: at test time it does the same as in training."


@exercise
def draw(answer: Callable[[Tensor, Tensor, Tensor, list[int]], Tensor]) -> str:
    """mu, logvar, noise (B, C, D, h, w), chosen classes -> codes."""
    torch.manual_seed(0)
    for shape, chosen in (((1, 3, 2, 1, 1), []), ((2, 4, 3, 2, 2), [0, 1, 2, 3]), ((4, 3, 5, 1, 2), [1])):
        mu, logvar, noise = torch.randn(shape), torch.randn(shape), torch.randn(shape)
        before = mu.clone()
        got = answer(mu, logvar, noise, chosen)
        case = f"draw for codes {shape} and chosen classes {chosen}"
        expect(torch.equal(mu, before), f"{case} changed the mu that it was given.", "Write into a copy: mu.clone().")
        wanted = mu.clone()
        wanted[:, chosen] = sample_code(mu, logvar, noise)[:, chosen]
        hint = "Only chosen classes move, and they move by sigma * noise. logvar is the logarithm of sigma squared."
        same(got, wanted, case, hint)
    return "To draw the top alone anew is the class-wise resampling of the paper."


@exercise
def kl_per_class(answer: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str:
    """mu, logvar (B, C, D, h, w), present (B, C) -> (C,)."""
    torch.manual_seed(0)
    mu = torch.tensor([2.0, 5.0]).view(2, 1, 1, 1, 1).expand(2, 1, 3, 1, 1)
    got = answer(mu, torch.zeros_like(mu), torch.tensor([[True], [False]]))
    hint = "The second image does not show the class: it counts neither in the sum nor in the number of images."
    same(got, torch.tensor([6.0]), "the cost of one class that one of two images shows", hint)
    for shape in ((1, 2, 3, 1, 1), (5, 4, 2, 2, 3), (3, 6, 4, 2, 2)):
        mu, logvar, present = torch.randn(shape), torch.randn(shape), torch.rand(shape[:2]) > 0.4
        present[:, -1] = False  # a class that nobody shows
        each = -0.5 * (1 + logvar - mu.square() - logvar.exp())
        wanted = torch.zeros(shape[1])
        for c in range(shape[1]):
            if present[:, c].any():
                wanted[c] = each[present[:, c], c].sum() / present[:, c].sum()
        hint = "Sum over the numbers of a code, mean over the images that show the class, 0 where nobody does."
        same(answer(mu, logvar, present), wanted, f"kl_per_class for codes {shape}", hint, 1e-4)
    return "A class with a high cost carries much information, or lies far from the standard normal distribution."
