"""A network's layers as a table: shapes, groups, parameters and multiply-adds, from its config alone.

Nothing is built and nothing is run: every number follows from the widths and groups. (A test compares all of them
with the real networks.) One multiply-add is one multiplication and one addition: two floating-point operations. They
are counted for one image as the paper computes it, with CG-Norm's mask networks at every pixel; `smis.neighbourhoods`
needs far fewer of those.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from smis.config import GroupDNetConfig

__all__ = ["Layer", "summarise", "table"]

Size = tuple[int, int]


@dataclass(frozen=True)
class Layer:
    """One convolution or linear layer, for one image.

    Attributes:
        name: such as `decoder.blocks.0.conv_0`.
        input, output: (channels, h, w) before and after it; empty where it is never run.
        groups: of the convolution.
        parameters: weights and biases.
        multiply_adds: for one image.
    """

    name: str
    input: tuple[int, ...]
    output: tuple[int, ...]
    groups: int
    parameters: int
    multiply_adds: int

    @property
    def of_mask_network(self) -> bool:
        """Whether it is one of CG-Norm's, which make gamma and beta from the mask."""
        return self.name.endswith((".shared", ".gamma", ".beta"))


def summarise(config: GroupDNetConfig, discriminator_widths: tuple[int, ...] | None = None) -> list[Layer]:
    """The layers of encoder and decoder, and with its widths those of the discriminator.

    A block that is never run (the published ADE20K network has one) counts no multiply-adds.
    """
    layers = _encoder(config) + _decoder(config)
    return layers + _discriminator(config, discriminator_widths) if discriminator_widths else layers


def _conv(
    name: str,
    wide_in: int,
    wide_out: int,
    before: Size,
    after: Size | None = None,
    *,
    kernel: Size = (3, 3),
    groups: int = 1,
    bias: bool = True,
) -> Layer:
    after = after or before
    each = wide_in // groups * kernel[0] * kernel[1]  # inputs of one number of the output
    parameters = wide_out * (each + bias)
    return Layer(
        name, (wide_in, *before), (wide_out, *after), groups, parameters, wide_out * after[0] * after[1] * each
    )


def _encoder(config: GroupDNetConfig) -> list[Layer]:
    layers: list[Layer] = []
    groups, size = config.encoder_groups, config.crop_size or config.image_size
    wide = 3 if config.encoder_input == "image" else 3 * len(config.labels)
    bias = config.encoder_norm == "none"  # instance norm takes a bias away again
    for number, width in enumerate(config.encoder_widths):
        half = (-(-size[0] // 2), -(-size[1] // 2))
        layers.append(_conv(f"encoder.layers.{number}", wide, width * groups, size, half, groups=groups, bias=bias))
        wide, size = width * groups, half
    kernel = (3, 3) if config.latent_size == size else size
    codes = config.controllers * config.latent_dim
    heads = [
        _conv(f"encoder.{head}", wide, codes, size, config.latent_size, kernel=kernel, groups=groups)
        for head in ("mu", "logvar")
    ]
    return layers + heads


def _decoder(config: GroupDNetConfig) -> list[Layer]:
    size, wide = config.start_size, config.decoder_widths[0]
    codes = config.controllers * config.latent_dim
    if config.latent_size == size:
        layers = [_conv("decoder.fc", codes, wide, size, groups=config.decoder_groups[0])]
    else:  # linear: every code to every number of the first grid
        number = wide * size[0] * size[1]
        layers = [Layer("decoder.fc.1", (codes,), (number,), 1, number * (codes + 1), number * codes)]
    for number, width in enumerate(config.decoder_widths):
        size = (size[0] * 2, size[1] * 2) if config.upsample[number] else size
        layers += _block(config, f"decoder.blocks.{number}", number, wide, width, size)
        wide = width
    if config.spare_width:
        last = len(config.decoder_widths) - 1
        spare = _block(config, "decoder.spare", last, wide, config.spare_width, size)
        layers += [replace(layer, input=(), output=(), multiply_adds=0) for layer in spare]
    pictures = len(config.labels) if config.fused else 1
    return [*layers, _conv("decoder.to_rgb", wide, 3 * pictures, size, groups=pictures)]


def _block(config: GroupDNetConfig, name: str, number: int, wide_in: int, wide_out: int, size: Size) -> list[Layer]:
    groups, middle = config.decoder_groups[number + 1], min(wide_in, wide_out)

    def norm(part: str, channels: int) -> list[Layer]:
        (first, second), hidden = config.norm_groups[number], config.norm_hidden[number]
        return [
            _conv(f"{name}.{part}.shared", config.mask_channels, hidden, size, groups=first),
            _conv(f"{name}.{part}.gamma", hidden, channels, size, groups=second),
            _conv(f"{name}.{part}.beta", hidden, channels, size, groups=second),
        ]

    layers = [*norm("norm_0", wide_in), _conv(f"{name}.conv_0", wide_in, middle, size, groups=groups)]
    layers += [*norm("norm_1", middle), _conv(f"{name}.conv_1", middle, wide_out, size, groups=groups)]
    if wide_in != wide_out:
        layers += norm("norm_s", wide_in)
        layers.append(_conv(f"{name}.conv_s", wide_in, wide_out, size, kernel=(1, 1), groups=groups, bias=False))
    return layers


def _discriminator(config: GroupDNetConfig, widths: tuple[int, ...], scales: int = 2) -> list[Layer]:
    layers: list[Layer] = []
    height, width = config.image_size
    for scale in range(scales):
        name, size = f"discriminator.judges.{scale}", (height, width)
        wide = len(config.labels) + config.instance_edges + 3
        for number, wide_out in enumerate(widths):
            stride = 1 if 0 < number == len(widths) - 1 else 2
            after = (size[0] // stride + 1, size[1] // stride + 1)  # kernel 4, padding 2
            place = f"{name}.stages.{number}.0" + (".0" if number else "")
            layers.append(_conv(place, wide, wide_out, size, after, kernel=(4, 4), bias=not number))
            wide, size = wide_out, after
        layers.append(_conv(f"{name}.score", wide, 1, size, (size[0] + 1, size[1] + 1), kernel=(4, 4)))
        height, width = -(-height // 2), -(-width // 2)  # the next scale sees the image at half size
    return layers


def table(layers: list[Layer]) -> str:
    """The layers as lines of text, and the totals of each part."""
    rows = [("layer", "input", "output", "groups", "parameters", "multiply-adds")]
    for layer in layers:
        before, after = (" x ".join(map(str, shape)) or "not run" for shape in (layer.input, layer.output))
        rows.append((layer.name, before, after, f"{layer.groups}", f"{layer.parameters:,}", f"{layer.multiply_adds:,}"))
    for part in dict.fromkeys(layer.name.split(".")[0] for layer in layers):
        own = [layer for layer in layers if layer.name.startswith(part)]
        rows.append(_total(part, own))
        if masks := [layer for layer in own if layer.of_mask_network]:
            rows.append(_total("  of which CG-Norm's mask networks", masks))
    wide = [max(len(row[column]) for row in rows) for column in range(6)]
    left = ["  ".join(word.ljust(n) for word, n in zip(row[:3], wide)) for row in rows]
    right = ["  ".join(word.rjust(n) for word, n in zip(row[3:], wide[3:])) for row in rows]
    return "\n".join(f"{a}  {b}" for a, b in zip(left, right))


def _total(name: str, layers: list[Layer]) -> tuple[str, str, str, str, str, str]:
    parameters, multiply_adds = sum(x.parameters for x in layers), sum(x.multiply_adds for x in layers)
    return name, "", "", "", f"{parameters:,}", f"{multiply_adds:,}"
