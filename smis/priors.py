"""Where a network's codes really lie: one Gaussian a class, fitted after training.

Training pulls codes only lightly towards N(0, 1): a strong pull would erase the styles of small classes. So the codes
of real images do not fill N(0, 1), and a draw from it is often no style at all. Fitting the Gaussian afterwards gives
draws that the decoder knows (Ghosh et al. 2020, "From Variational to Deterministic Autoencoders", section 4).

Classes stay independent of each other: to draw the top says nothing about the hair.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["CodePrior"]


class CodePrior(nn.Module):
    """z_c = mean_c + factor_c @ noise for each class c, with noise from N(0, 1).

    Attributes:
        mean: `(C, N)`, where N = D * h * w is the length of a code.
        factor: `(C, N, N)`, the lower Cholesky factor of the covariance of class c's codes.

    Before `fit` it is N(0, 1).
    """

    mean: Tensor
    factor: Tensor

    def __init__(self, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.code_shape = code_shape  # (C, D, h, w)
        length = code_shape[1] * code_shape[2] * code_shape[3]
        self.register_buffer("mean", torch.zeros(code_shape[0], length))
        self.register_buffer("factor", torch.eye(length).repeat(code_shape[0], 1, 1))

    @torch.no_grad()
    def fit(self, codes: Tensor, present: Tensor) -> CodePrior:
        """Fit each class to the codes of the images that have it. Returns itself.

        A covariance of N x N numbers from few images would be noise, so it is mixed with its own diagonal:
        cov = (1 - a) * S + a * diag(S), a = N / (images + N). A class that fewer than two images have keeps N(0, 1).

        Args:
            codes: `(B, C, D, h, w)`.
            present: `(B, C)` bool.
        """
        for c in range(codes.shape[1]):
            values = codes[present[:, c], c].flatten(1).double()  # (images, N)
            images, length = values.shape
            if images < 2:
                continue
            share = length / (images + length)
            spread = torch.cov(values.T).view(length, length)
            spread = (1 - share) * spread + share * spread.diag().diag()
            spread += 1e-6 * (spread.diag().mean() + 1e-6) * torch.eye(length, dtype=spread.dtype, device=spread.device)
            self.mean[c] = values.mean(0)
            self.factor[c] = torch.linalg.cholesky(spread)
        return self

    def forward(self, noise: Tensor) -> Tensor:
        """noise `(B, C, D, h, w)` from N(0, 1) -> codes of the same shape."""
        values = torch.einsum("cij,bcj->bci", self.factor, noise.flatten(2)) + self.mean
        return values.view(noise.shape)
