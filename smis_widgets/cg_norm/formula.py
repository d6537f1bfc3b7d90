"""The formula of CG-Norm with the numbers of one pixel, written so that the printed numbers add up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from smis_widgets.cg_norm.features import Maps, Stage
from smis_widgets.cg_norm.state import CGNormState


def printed(value: float, places: int) -> str:
    """A number with so many decimals; never '-0.000'."""
    text = f"{value:.{places}f}"
    return text.lstrip("-") if float(text) == 0 else text


def exact(
    inputs: Sequence[float], compute: Callable[..., float], result: float, places: int = 3, digits: int = 0
) -> list[str]:
    """The inputs with as few decimals as it takes until the printed ones give the printed result, then that result.

    The result has `places` decimals; more, where the rounding of float32 falls on the edge between two of them. The
    inputs have one more, and at least `digits`.

    >>> exact([1.00049, 2.0], lambda a, b: a * b, 2.00098)
    ['1.0005', '2.0000', '2.001']
    """
    for more in range(places, places + 4):
        target = printed(result, more)
        for decimals in range(max(more + 1, digits), 12):
            words = [printed(value, decimals) for value in inputs]
            if printed(compute(*map(float, words)), more) == target:
                return [*words, target]
    raise ArithmeticError(f"the numbers {list(inputs)} do not give {result}: CG-Norm computes something else")


def formula(maps: Maps, stage: Stage, state: CGNormState) -> list[str]:
    """The lines: letters, then numbers. F_out is what the module itself gave."""
    x, y = state.pixel
    f, normed, gamma, beta, product, after = (
        float(m[y, x]) for m in (maps.before, maps.normed, maps.gamma, maps.beta, maps.product, maps.after)
    )
    if state.mean:
        p, b, out = exact([product, beta], lambda p, b: p + b, after)
        where = f"over the {len(state.shown)} channels of group {state.group}"
        return [
            f"mean F_out = mean[BN(F) * (1 + gamma)] + mean beta, {where}",
            f"           = {p} + {signed(b)} = {out}",
        ]
    mean, deviation = stage.statistics(state.channel)
    for places in range(4, 8):  # until both lines give BN(F) with the same decimals
        a, m, d, bn = exact([f, mean, deviation], lambda f, m, d: (f - m) / d, normed, places)
        inputs = [normed, gamma, beta]
        n, g, b, out = exact(inputs, lambda n, g, b: n * (1 + g) + b, after, digits=len(bn.partition(".")[2]))
        if n == bn:
            break
    return [
        f"BN(F) = (F - mean) / deviation = ({a} - {signed(m)}) / {d} = {bn}",
        f"F_out = BN(F) * (1 + gamma) + beta = {n} * (1 + {signed(g)}) + {signed(b)} = {out}",
    ]


def signed(number: str) -> str:
    """A negative number in brackets, as behind another sign."""
    return f"({number})" if number.startswith("-") else number
