"""What the encoder does with one image, kept step by step, and which codes a change moves. Pure: no screen.

X_c = M_c * X  ->  crop, resize  ->  grouped convolutions  ->  mu_c, sigma_c
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from smis.config import GroupDNetConfig
from smis.datasets.archive import Samples
from smis.encoder import GroupEncoder, class_boxes, split_by_class
from smis.layers import LEAK
from smis.model import GroupDNet
from smis.rendering import with_sensible_threads
from smis_widgets.base import Frame
from smis_widgets.encoder.state import EncoderState
from smis_widgets.theme import letter

WHOLE = "the whole image"  # what the one code of an ordinary encoder stands for


@dataclass(frozen=True)
class Encoding:
    """Everything on the way of one image. `given` and `layers` by group, `mu` and `sigma` by code."""

    boxes: Tensor  # (C, 4): top, left, height, width of each class
    given: Tensor  # (groups, 3, H', W'): what each group gets; one group of an ordinary encoder gets (1, 3 or 3C, ...)
    layers: tuple[Tensor, ...]  # each (groups, width, h, w)
    mu: Tensor  # (codes, D, h, w)
    sigma: Tensor  # (codes, D, h, w)


@torch.inference_mode()
def encode(encoder: GroupEncoder, image: Tensor, labels: Tensor) -> Encoding:
    """The encoder's forward pass for image `(3, H, W)` in [-1, 1] and labels `(H, W)`, with nothing thrown away."""
    config, images = encoder.config, image[None]
    classes, groups = len(config.labels), config.encoder_groups
    boxes = class_boxes(labels[None], classes, images if config.encoder_boxes == "colours" else None)
    features = images
    if config.encoder_input == "classes":
        found = [[(c, *box) for c, box in enumerate(boxes[0].tolist())]]
        features = split_by_class(images, labels[None], found, config.crop_size).flatten(1, 2)  # (1, 3C, H', W')
    given, layers = features.unflatten(1, (groups, -1))[0], []
    for convolution in encoder.layers:
        features = convolution(features)
        if config.encoder_norm == "instance":
            features = F.instance_norm(features)
        features = F.leaky_relu(features, LEAK)
        layers.append(features.unflatten(1, (groups, -1))[0])  # (groups, width, h, w)
    shape = (config.controllers, config.latent_dim)
    mu = encoder.mu(features).unflatten(1, shape)[0]
    sigma = torch.exp(encoder.logvar(features).unflatten(1, shape)[0] / 2)
    return Encoding(boxes[0], given, tuple(layers), mu, sigma)


@dataclass(frozen=True, eq=False)
class Seen:
    """What the explorer shows of a class, as arrays."""

    masked: np.ndarray  # X_c, float (3, H, W)
    box: tuple[int, int, int, int]  # top, left, height, width; height 0 when the scene does not show the class
    given: np.ndarray  # float (3, H', W')
    layers: tuple[np.ndarray, ...]  # each (width, h, w)
    limits: tuple[float, ...]  # for each layer, the value that gets the full colour
    mu: np.ndarray  # (D, h, w)
    sigma: np.ndarray  # (D, h, w)
    moved: tuple[float, ...]  # for each code, how far it is from that of the scene without spots


class Laboratory:
    """The network, a gallery, the codes of its untouched scenes, and fixed scales for what is shown."""

    def __init__(self, model: GroupDNet, samples: Samples) -> None:
        self.model, self.samples = model, samples
        self.config: GroupDNetConfig = model.config
        self.names = tuple(samples.label_set.classes) if self.config.controllers > 1 else (WHOLE,)
        self.clean: list[Tensor] = []  # mu of each scene
        limits = torch.zeros(len(model.encoder.layers), self.config.encoder_groups)
        sigmas = []
        for scene in range(len(samples)):
            seen = self.encode(scene, samples.images[scene])
            self.clean.append(seen.mu)
            sigmas.append(seen.sigma)
            strong = [activation.abs().flatten(1).amax(1) for activation in seen.layers]
            limits = limits.maximum(torch.stack(strong))
        self.limits = limits.clamp(min=1e-6)  # (layers, groups)
        self.most_mu = rounded(torch.stack(self.clean).abs())
        self.most_sigma = rounded(torch.stack(sigmas))

    def encode(self, scene: int, image: np.ndarray) -> Encoding:
        """The encoding of uint8 (H, W, 3) with the label map of a scene."""
        pixels = torch.from_numpy(image).permute(2, 0, 1).float().div_(127.5).sub_(1)
        with with_sensible_threads(self.config):
            return encode(self.model.encoder, pixels, torch.from_numpy(self.samples.labels[scene]).long())

    def start(self) -> EncoderState:
        """The first scene and its largest class, the first in the list (a background) left out if possible."""
        labels, classes = self.samples.labels, tuple(self.samples.label_set.classes)
        middles = tuple(tuple(middle(scene == c) for c in range(len(classes))) for scene in labels)
        counts = np.bincount(labels[0].ravel(), minlength=len(classes))
        first = int(counts[1:].argmax()) + 1 if counts[1:].any() else 0
        height, width = labels.shape[1:]
        return EncoderState(classes, (height, width), middles, first=first).reset()


def render(state: EncoderState, laboratory: Laboratory) -> Frame:
    """Encode the picture with its spots. An error becomes part of the frame.

    stats: `seen` (`Seen`), what there is to show of the chosen class; `under`, the classes under a spot.
    """
    try:
        image = state.painted(laboratory.samples.images[state.scene])
        labels = laboratory.samples.labels[state.scene]
        config, c = laboratory.config, state.chosen
        encoding = laboratory.encode(state.scene, image)
        if not all(bool(torch.isfinite(values).all()) for values in (encoding.mu, encoding.sigma)):
            raise ValueError("the network gave values that are not numbers; its checkpoint may be damaged")
        group, code = (c if config.encoder_groups > 1 else 0), (c if config.controllers > 1 else 0)
        pixels = torch.from_numpy(image).permute(2, 0, 1).float() / 127.5 - 1
        given = encoding.given[group]
        if config.encoder_groups == 1 and config.encoder_input == "classes":
            given = given[3 * c : 3 * c + 3]  # the one group gets all classes; this is the share of the chosen one
        seen = Seen(
            (pixels * torch.from_numpy(labels == c)).numpy(),  # X_c = M_c * X
            tuple(encoding.boxes[c].tolist()),
            given.numpy(),
            tuple(activation[group].numpy() for activation in encoding.layers),
            tuple(laboratory.limits[:, group].tolist()),
            encoding.mu[code].numpy(),
            encoding.sigma[code].numpy(),
            tuple(distances(encoding.mu, laboratory.clean[state.scene])),
        )
        under = np.unique(labels[state.covered()]).tolist()
        return Frame(image, {"seen": seen, "under": tuple(under)})
    except Exception as error:
        return Frame(None, error=error)


def distances(a: Tensor, b: Tensor) -> list[float]:
    """For each code, the root of the mean squared difference of its numbers; exactly 0 where all are equal."""
    moved: list[float] = (a - b).double().square().flatten(1).mean(1).sqrt().tolist()
    return moved


def describe(state: EncoderState, laboratory: Laboratory, frame: Frame) -> list[str]:
    """The picture in words: scene, class, what the encoder gets; then what the spots moved."""
    name, config = state.classes[state.chosen], laboratory.config
    _, _, tall, wide = frame.stats["seen"].box
    share = 100 * float((laboratory.samples.labels[state.scene] == state.chosen).mean())
    size = " × ".join(str(n) for n in reversed(config.crop_size or config.image_size))
    covered = f"{share:.0f} %" if share >= 1 else "under 1 %"
    if not tall:
        first = f"Scene {letter(state.scene)} shows no {name}: its code carries no style."
    else:
        first = f"Scene {letter(state.scene)}: {name}, {covered} of the image, in a box of {wide} × {tall} pixels"
        ordinary = config.encoder_input == "image"
        first += f". This encoder sees the whole image at {size}." if ordinary else f", resized to {size}."
    return [first, moves(state, laboratory, frame)]


def moves(state: EncoderState, laboratory: Laboratory, frame: Frame) -> str:
    """What the spots moved, in one sentence."""
    if not state.pokes:
        return "No spot yet: click the picture, or press Poke, and see whose code moves."
    moved, names = frame.stats["seen"].moved, laboratory.names
    spots = "The spot lies" if len(state.pokes) == 1 else f"The {len(state.pokes)} spots lie"
    where = f"{spots} on {listed([state.classes[c] for c in frame.stats['under']])}."
    changed = [f"{name} by {number(far)}" for name, far in zip(names, moved, strict=True) if far > 0]
    still = [name for name, far in zip(names, moved, strict=True) if far == 0]
    if not changed:
        return f"{where} No code moved: the pixels had this colour already, or fell out when the class was resized."
    said = f"{where} Codes moved: {listed(changed)}"
    if len(changed) == 1:
        said = f"{where} The code of {changed[0].replace(' by ', ' moved by ')}"
    if still:
        others = still[0] if len(still) == 1 else f"the other {counted(len(still))}"
        return f"{said}; {others}: exactly 0."
    if laboratory.config.encoder_groups == 1:
        return f"{said}. Nothing stays: this encoder has one group, so all it says depends on every pixel."
    return f"{said}. Every class is under a spot."


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, or `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def number(value: float) -> str:
    """Two digits after the point, or two that count where the value is small.

    >>> number(1.234), number(0.00321)
    ('1.23', '0.0032')
    """
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def counted(count: int) -> str:
    """A count up to twelve in words."""
    words = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    return words[count - 1] if count <= len(words) else str(count)


def rounded(values: Tensor) -> float:
    """A round limit that few of these values exceed: a scale for colours. 1, 2 or 5 times a power of ten, or 3."""
    high = max(float(np.quantile(values.numpy(), 0.98)), 1e-6)
    power = 10.0 ** np.floor(np.log10(high))
    return float(next(step * power for step in (1, 2, 3, 5, 10) if step * power >= high))


def middle(mask: np.ndarray) -> tuple[int, int] | None:
    """The pixel (x, y) of the mask that is nearest to its centre; None when it is empty."""
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return None
    nearest = int(((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2).argmin())
    return int(columns[nearest]), int(rows[nearest])
