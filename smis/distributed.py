"""Batch statistics over all processes: what makes N processes with B images each one process with N * B images.

`torch.nn.SyncBatchNorm` does the same on GPUs and refuses to run on CPUs. This one runs on both, so that a test on
any machine can show that several processes train the same network as one.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

__all__ = ["GlobalBatchNorm", "share_batch_statistics"]


class GlobalBatchNorm(nn.BatchNorm2d):
    """Batch norm without scale and shift whose mean and variance are those of all processes' images together.

    mean = sum(x) / n, var = sum((x - mean)^2) / n, with sums over processes, images and pixels
    """

    def forward(self, x: Tensor) -> Tensor:
        """features `(B, channels, h, w)`, equally many in each process."""
        if not self.training or not dist.is_initialized():
            return super().forward(x)
        axes, count = (0, 2, 3), x.numel() // x.shape[1] * dist.get_world_size()
        # all_reduce of torch.distributed.nn: its gradient is summed over the processes, too
        mean = all_reduce(x.float().sum(axes)) / count  # (channels,)
        centred = x - mean.to(x.dtype).view(1, -1, 1, 1)
        variance = all_reduce(centred.float().square().sum(axes)) / count
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        with torch.no_grad():
            self.num_batches_tracked += 1
            momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(variance * (count / max(count - 1, 1)), momentum)
        return centred * torch.rsqrt(variance + self.eps).to(x.dtype).view(1, -1, 1, 1)


def share_batch_statistics(network: nn.Module) -> None:
    """Turn every batch norm of `network` into one over all processes, keeping its state."""
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.BatchNorm2d:
                shared = GlobalBatchNorm(child.num_features, child.eps, child.momentum, affine=False)
                shared.load_state_dict(child.state_dict())
                setattr(parent, name, shared.to(next(network.parameters()).device))
