# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Full GPU training: what it takes to train the real thing
#
# ![Eight people at 128 pixels and a network that was trained for a quarter of an hour on one GPU. Rows: original, label
# map, what the network draws, and the same people in the next one's top.](../docs/people-128-short.webp)
#
# The network of notebook 05 has 400,000 weights. The paper's networks have 73 to 109 million, and draw 256 pixels and
# more. This notebook is about what changes on the way there: the cost, the number format, the memory, and several GPUs
# at work on one batch.
#
# You need no GPU to read and run it. Where a GPU matters, the cells do something small and true on the processor, and
# the
# large numbers come from files of this repository. They were measured on **one NVIDIA H100**.
#
# **You will be able to**
#
# - compute parameters, memory and time of a run before you start it,
# - say what may be rounded to 16 bits, and what must not,
# - train one network with several processes, and say what they have to tell each other,
# - start, stop and resume a long run: on a machine of your own, on Colab, on a cluster,
# - take your own data, or the authors' weights.
#
# **You need** notebook 05.
# **Time** 60 minutes to read and do; all cells together run in about a minute on a laptop, no GPU needed.

# %% [markdown]
# ## 1 The paper's sizes (7 minutes)
#
# A preset is a row of numbers: widths, groups, sizes. `summarise` walks through the layers and counts, without building
# anything. A [multiply-add](glossary.md#multiply-add) is one multiplication and one addition.

# %%
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smis import GroupDNet, people, preset
from smis.course import agree
from smis.course import gpu as check
from smis.summary import summarise
from smis_widgets import Picture, TrainingMonitor, strip
from smis_widgets.plots import axes, shown

names = ("people-64", "people-128", "deepfashion", "cityscapes", "ade20k")
layers = {name: summarise(preset(name).model) for name in names}
print("            pixels     classes  parameters    multiply-adds an image")
for name, rows in layers.items():
    shape = preset(name).model
    weights, work = sum(r.parameters for r in rows), sum(r.multiply_adds for r in rows)
    height, width = shape.image_size
    counts = f"{weights / 1e6:8.2f} M  {work / 1e9:12.2f} billion"
    print(f"{name:11s} {height:3d} x {width:3d}  {len(shape.labels):7d}  {counts}")

# %% [markdown]
# 109.16, 82.27 and 72.74 million: that is what the authors' released code has for encoder and decoder. (`smis info
# deepfashion` prints the same, layer by layer.) Note that ADE20K, with 151 classes, has the fewest weights. Groups
# make that
# possible: with $G$ groups each output channel looks at one $G$-th of the input channels.
#
# Where does the work go?

# %%
shares = {name: sum(r.multiply_adds for r in rows if r.of_mask_network) / sum(r.multiply_adds for r in rows)
          for name, rows in layers.items()}
for name, share in shares.items():
    print(f"{name:11s} {share:4.0%} of the multiply-adds are in CG-Norm")

# %% [markdown]
# [CG-Norm](glossary.md#cg-norm)'s small convolutions turn the mask into $\gamma$ and $\beta$, at every pixel of every
# layer. Where they have one group a class throughout, as for Cityscapes, they are cheap.
#
# ### Exercise 1: count the weights
#
# **Difficulty** ●○○ · **Importance** ●●○ · **5 minutes**
#
# Write `conv_parameters(wide_in, wide_out, kernel, groups, bias)`: how many weights has a
# [grouped convolution](glossary.md#grouped-convolution), with or without bias?
#
# Example: 8 channels to 16 with a 3 x 3 kernel, 1 group, no bias: 8 * 16 * 9 = 1152.
#
# <details><summary>Hint 1</summary>
#
# Take one output channel. How many input channels does it see?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Each of those has kernel x kernel weights. A bias is one number for each output channel, whatever the groups.
#
# </details>


# %%
def conv_parameters(wide_in: int, wide_out: int, kernel: int, groups: int, bias: bool) -> int:
    """Weights and biases of a grouped convolution with a square kernel."""
    raise NotImplementedError("your turn")


check.conv_parameters(conv_parameters)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def conv_parameters(wide_in: int, wide_out: int, kernel: int, groups: int, bias: bool) -> int:
#     return wide_out * (wide_in // groups) * kernel * kernel + (wide_out if bias else 0)
# ```
#
# With 8 groups the first blocks of the DeepFashion network, 2,560 channels wide, have an eighth of what they would
# have without.
#
# </details>

# %% [markdown]
# ## 2 What a step costs (6 minutes)
#
# **Time.** The backward pass does about twice the work of the forward pass, and a multiply-add is two operations. So
# a step on
# $B$ images takes about $2 \cdot 3 \cdot B$ times the multiply-adds of an image. Our measurements are in
# [gpu_step.md](../benchmarks/results/gpu_step.md); we read them from the file.

# %%
from pathlib import Path

measured, section = [], ""
for line in Path("../benchmarks/results/gpu_step.md").read_text(encoding="utf-8").splitlines():
    section = line[3:].split(",")[0].split(" (")[0] if line.startswith("## ") else section
    if line.startswith(("fp32 ", "bf16 ")):
        number_format, last, norm, compiled, kernels, ms, rate, gib, tflops, _ = line.split()
        measured.append((section, number_format, last, norm, kernels, *map(float, (ms, rate, gib, tflops))))


def step_of(network: str, number_format: str, kernels: str = "recorded", last: str = "yes") -> tuple[float, ...]:
    """Milliseconds a step, images a second, GiB of memory, 10^12 operations a second; on one H100."""
    return next(m[5:] for m in measured if m[:5] == (network, number_format, last, "convolved", kernels))


ms, rate, gib, _ = step_of("deepfashion", "bf16")
work = sum(r.multiply_adds for r in summarise(preset("deepfashion").model, preset("deepfashion").discriminator_widths))
tera = 2 * 3 * 8 * work / 1e12
print(f"estimated: {tera:.1f} * 10^12 operations for a batch of 8")
print(f"measured on one H100: {ms:.1f} ms, so {tera / ms * 1000:.0f} * 10^12 operations a second")
print(f"that is {rate:.0f} images a second")

# %% [markdown]
# The estimate leaves out the perceptual network, and that the discriminator judges more than once; the measured rate
# is 129.
# Good enough for planning.
#
# **Predict:** 100 epochs of 30,000 images, at 58 images a second. How many hours?

# %%
print(f"{100 * 30_000 / rate / 3600:.1f} hours on one H100")
print("the authors' ADE20K run, about a week on 8 V100:", 8 * 7 * 24, "GPU hours")

# %% [markdown]
# (30,000 is an example. The week is what the authors answered on their issue tracker.)
#
# **Memory.** A weight in training is more than a weight: itself, its gradient, two running means of Adam, and the
# [averaged network](glossary.md#exponential-moving-average), 4 bytes each. The rest of the memory is
# [activations](glossary.md#activation-memory), which wait for the backward pass.

# %%
weights = sum(r.parameters for r in layers["deepfashion"])
print(f"weights, gradients, Adam, average: {5 * 4 * weights / 2**30:.1f} GiB of {gib} GiB measured")

# %% [markdown]
# So they are a ninth. What fills a GPU is the batch: activations grow with its size and with the number of pixels.

# %% [markdown]
# ## 3 Sixteen bits, and where not (7 minutes)
#
# A GPU computes much faster with 16-bit numbers. `bf16` has the range of a 32-bit float, and only 8 bits for its
# digits.
# [Mixed precision](glossary.md#mixed-precision) means: convolutions in bf16; weights, averages and optimisers in fp32.
#
# **Predict:** what is 1 + 0.003 in bf16?

# %%
one = torch.tensor(1.0, dtype=torch.bfloat16)
print("1 + 0.003 =", (one + 0.003).item())
print("256 + 1   =", (256 * one + 1).item())

# %% [markdown]
# So there are errors of up to 0.4 %. Does a picture suffer? `autocast` runs the trained network with convolutions in
# bf16:

# %%
model = GroupDNet.load("../data/checkpoints/people-128.safetensors")
images, labels = people("val").load(128, [2, 4, 7]).tensors()
with torch.inference_mode():
    exact = model.decode(model.encode(images, labels).values, labels)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        short = model.decode(model.encode(images, labels).values.float(), labels).float()
off = (exact - short).abs() * 127.5
print("mean difference below 0.5 of 255 grey levels:", off.mean().item() < 0.5)
print("largest below 10:", off.max().item() < 10)

# %% [markdown]
# Nobody can see that. But some numbers stand for many. [Spectral norm](glossary.md#spectral-norm) divides all weights
# of a
# layer by one number, the largest singular value $\sigma$, found by power iteration:

# %%
torch.manual_seed(0)
matrix = torch.randn(64, 576)  # the weights of a convolution, as a matrix


def sigma(matrix: Tensor, rounds: int = 1000) -> float:
    u = torch.ones(len(matrix), dtype=matrix.dtype)
    for _ in range(rounds):
        v = F.normalize(matrix.T @ u, dim=0)
        u = F.normalize(matrix @ v, dim=0)
    return (u @ (matrix @ v)).item()


true = torch.linalg.matrix_norm(matrix, 2).item()
print("fp32 within 0.01 %:", abs(sigma(matrix) / true - 1) < 1e-4)
print("bf16 within 0.01 %:", abs(sigma(matrix.bfloat16()) / true - 1) < 1e-4)
print("bf16: the next number above 31 is", torch.nextafter(31 * one, 100 * one).item())

# %% [markdown]
# An error in $\sigma$ is not noise that averages out: it scales the whole layer, and every layer after it. Between 31
# and
# 31.125 there is no bf16 number, so $\sigma$ would jump during training, and the network with it. Therefore
# `smis.layers.SpectralNorm` switches autocast off for itself. It is one number a layer; it costs nothing.
#
# What does bf16 bring? On one H100, steps recorded (section 4). There `fp32` is PyTorch's usual setting: convolutions
# round what they multiply to TF32, a format with the range of fp32 and 11 bits for its digits. So the gain is smaller
# than against full 32 bits:

# %%
for network in ("people-128", "deepfashion"):
    fp32, bf16 = step_of(network, "fp32"), step_of(network, "bf16")
    print(f"{network:12s} fp32 {fp32[0]:.1f} ms, bf16 {bf16[0]:.1f} ms: {fp32[0] / bf16[0]:.1f} times as fast; "
          f"memory {fp32[2]} and {bf16[2]} GiB")

# %% [markdown]
# ## 4 Launching is work, too (6 minutes)
#
# A GPU is told what to do by the processor, operation by operation. How many are there in one training step? We count
# them
# for a thin network, on the processor.

# %%
from torch.utils._python_dispatch import TorchDispatchMode

from smis.training import Trainer, accelerator_for


class Count(TorchDispatchMode):
    """Counts operations, forward and backward."""

    calls = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.calls += 1
        return func(*args, **(kwargs or {}))


smoke = preset("smoke").replace(**{"weights.perceptual": 0.0}, batch_size=8, steps=3)
few = people("train").load(64, range(32))
trainer = Trainer(smoke, few)
with Count() as count:
    trainer.gradients(*trainer.batch(0))
print("more than 1,000 operations a step:", count.calls > 1000)

# %% [markdown]
# Each takes some microseconds to launch from Python. A large GPU computes a small layer in less than that, and waits.
# The
# remedy is a [CUDA graph](glossary.md#cuda-graph): the step is recorded once and replayed with one call
# (`smis/graphs.py`). The price: nothing recorded may look at values, no `.item()`, no sizes that depend on data.

# %%
names, bars = [], []
for number_format in ("fp32", "bf16"):
    for kernels in ("one-by-one", "recorded"):
        names.append(f"{number_format}, {kernels}")
        bars.append(step_of("people-128", number_format, kernels)[0])
    print(f"{number_format}: recorded {bars[-2] / bars[-1]:.1f} times as fast, with the same numbers")
figure, axis = axes(size=(7, 2))
axis.barh(names, bars, color=["#999999", "#0072B2"] * 2)
axis.set_xlabel("ms a step, people-128, batch 16, one H100")
shown(figure, alt="Milliseconds a step. fp32: 105.9 one by one, 51.1 recorded. bf16: 79.9 one by one, 36.9 recorded.")

# %% [markdown]
# Bit for bit the same losses and weights after 10 steps, says [the report](../benchmarks/results/gpu_step.md). Two
# smaller things:
#
# - **Memory format.** `channels_last` stores the channels of one pixel side by side, as the GPU's matrix units like
#   them:
#   1.0 to 1.2 times as fast there.
# - **Tables instead of convolutions** for CG-Norm double the speed on a processor, and halve it on this GPU. Measure;
#   do not guess.

# %% [markdown]
# ## 5 Several processes (10 minutes)
#
# More GPUs: each gets a process, and each process a share of the batch. Each has a copy of the networks. What must they
# tell each other, so that they train *one* network, the same as a single process with the whole batch?
#
# **Predict:** make a list. There are two things that must be exchanged at every step.
#
# We try it: two processes on this machine's processor, 4 images each, against one process with all 8.

# %%
import os
import subprocess
import sys
import tempfile

WORKER = """
import sys, torch
from smis import people, preset
from smis.training import Trainer, accelerator_for
config = preset("smoke").replace(**{"weights.perceptual": 0.0}, batch_size=8, steps=3)
trainer = Trainer(config, people("train").load(64, range(32)), accelerator_for(config, cpu=True))
losses = [trainer.step() for _ in range(3)]
running = trainer.accelerator
torch.save({"processes": running.num_processes, "losses": losses}, f"{sys.argv[1]}/{running.process_index}.pt")
"""
with tempfile.TemporaryDirectory() as folder:
    (Path(folder) / "worker.py").write_text(WORKER)
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=0"]
    launch += ["--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0", "--local-addr=127.0.0.1"]
    launch += [f"{folder}/worker.py", folder]
    done = subprocess.run(launch, env={**os.environ, "ACCELERATE_USE_CPU": "true"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    both = [torch.load(f"{folder}/{process}.pt", weights_only=True) for process in (0, 1)]
print("processes:", both[0]["processes"], "- they report the same losses:", both[0]["losses"] == both[1]["losses"])

# %%
trainer = Trainer(smoke, few)
alone = [trainer.step() for _ in range(3)]
pairs = [(one[name], two[name]) for one, two in zip(alone, both[0]["losses"]) for name in one]
print("compared:", len(pairs), "losses of 3 steps")
print("one process and two agree within 0.01 %:", all(abs(a - b) <= 1e-4 * max(abs(a), 0.1) for a, b in pairs))

# %% [markdown]
# The two things:
#
# 1. **Gradients.** Each process computes those of its share; the mean over processes is the gradient of the whole
#    batch.
# 2. **Batch statistics.** [Batch norm](glossary.md#batch-norm) subtracts a mean over *all* images. With a share of 1
#    image a GPU, as
#    in the paper's Cityscapes run, the statistics of the share alone would be those of one picture.
#
# What need not be sent: images, flips and noise follow from seed and step (notebook 05), and spectral norm's power
# iteration is
# the same in every copy. For the statistics only sums go over the wire:

# %%
from smis.distributed import GlobalBatchNorm

torch.manual_seed(1)
first, second = torch.randn(2, 3, 4, 4) + 2, torch.randn(6, 3, 4, 4)  # the shares of two processes
pixels = sum(share[:, 0].numel() for share in (first, second))
mean = sum(share.sum((0, 2, 3)) for share in (first, second)) / pixels  # one sum a channel from each process
centred = [share - mean.view(1, 3, 1, 1) for share in (first, second)]
variance = sum(share.square().sum((0, 2, 3)) for share in centred) / pixels  # and one more
by_hand = torch.cat(centred) / (variance.view(1, 3, 1, 1) + 1e-5).sqrt()
agree(by_hand, GlobalBatchNorm(3, affine=False)(torch.cat([first, second])))
apart = torch.cat([F.batch_norm(share, None, None, training=True) for share in (first, second)])
print("each share on its own gives something else:", (apart - by_hand).abs().max().item() > 0.5)

# %% [markdown]
# ### Exercise 2: common statistics
#
# **Difficulty** ●●○ · **Importance** ●●○ · **10 minutes**
#
# Write `global_statistics(shares)`: mean and variance of each channel over all shares, where the shares may have
# different
# numbers of images. Use only sums that each process can make for itself, and numbers of pixels.
#
# Example: one share of zeros and one of ones, of equal size, have mean 0.5 and variance 0.25.
#
# <details><summary>Hint 1</summary>
#
# The variance is the mean of the squares minus the square of the mean. Both means are sums, divided at the very end.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# From each share take three things: `share.sum((0, 2, 3))`, the sum of the squares, and the number of pixels of one
# channel,
# `share[:, 0].numel()`.
#
# </details>


# %%
def global_statistics(shares: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and variance (divided by n) of each channel over shares `(B_i, channels, h, w)`; each `(channels,)`."""
    raise NotImplementedError("your turn")


check.global_statistics(global_statistics)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# from torch import Tensor
#
#
# def global_statistics(shares: list[Tensor]) -> tuple[Tensor, Tensor]:
#     axes = (0, 2, 3)
#     pixels = sum(share[:, 0].numel() for share in shares)
#     mean = sum(share.sum(axes) for share in shares) / pixels
#     squares = sum(share.square().sum(axes) for share in shares) / pixels
#     return mean, squares - mean.square()
# ```
#
# The library sends the mean first and then squared distances to it: two messages instead of one, and no small
# difference
# of two large numbers.
#
# </details>
#
# To start a run in several processes, put a launcher in front. Nothing else changes; `batch_size` is that of all
# processes
# together.
#
# ```sh
# torchrun --nproc-per-node 4 -m smis.cli train deepfashion --data deepfashion:/data/deepfashion
# accelerate config          # asks how many machines and GPUs, once
# accelerate launch -m smis.cli train deepfashion --data deepfashion:/data/deepfashion
# ```

# %% [markdown]
# ## 6 Too large for the memory (6 minutes)
#
# If a share of the batch does not fit, work through it in parts and add up the gradients:
# [gradient accumulation](glossary.md#gradient-accumulation), `accumulate=2` in the config. What does it save?

# %%
from smis.budget import budget

whole, halves = (budget(smoke.replace(accumulate=parts), few, accelerator_for(smoke)) for parts in (1, 2))
ratio = whole.activations / halves.activations
print("activations, whole against halves, between 1.8 and 2.2 times:", 1.8 < ratio < 2.2)
print("parameters are the same:", whole.parameters == halves.parameters)

# %% [markdown]
# ### Exercise 3: a batch in parts
#
# **Difficulty** ●●○ · **Importance** ●●● · **8 minutes**
#
# Write `accumulate(network, loss, inputs, targets, parts)`: afterwards every parameter's `.grad` is that of
# `loss(network(inputs),
# targets)`, a mean over the batch. But only one part may go through the network at a time, and what was in `.grad`
# before
# must not count. Make no update.
#
# Example: with 8 inputs and 2 parts the network sees 4, then 4.
#
# <details><summary>Hint 1</summary>
#
# `backward()` adds to `.grad`. When do you have to clear it, and when not?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Each part's loss is a mean over the part. The sum of two means is twice the mean of all.
#
# </details>

# %%
from collections.abc import Callable


def accumulate(
    network: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], inputs: Tensor, targets: Tensor, parts: int
) -> None:
    """Fill `.grad` of all parameters with the gradient of the whole batch, one of `parts` equal parts at a time."""
    raise NotImplementedError("your turn")


check.accumulate(accumulate)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# from collections.abc import Callable
#
# from torch import Tensor, nn
#
#
# def accumulate(
#     network: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], inputs: Tensor, targets: Tensor, parts: int
# ) -> None:
#     network.zero_grad()
#     for some, wanted in zip(inputs.chunk(parts), targets.chunk(parts), strict=True):
#         (loss(network(some), wanted) / parts).backward()
# ```
#
# One thing is not the same as in a large batch: batch norm sees the part alone. Several processes share their
# statistics,
# parts cannot: the first is gone when the second comes.
#
# </details>

# %% [markdown]
# ## 7 A weight that depends on the number of GPUs (4 minutes)
#
# In the authors' released code the [KL](glossary.md#kl-divergence) term is a *sum* over the images on a GPU, then a
# *mean* over
# GPUs. So its weight of 0.05 means something else on 4 GPUs than on 8. The paper's runs had 2 images a GPU for
# DeepFashion
# and 1 for the others. Our loss is a mean over images; our presets say how much it counts:

# %%
for name in ("deepfashion", "cityscapes", "ade20k"):
    print(f"{name:12s} batch {preset(name).batch_size}, weight of our KL term {preset(name).weights.kl}")

# %% [markdown]
# ### Exercise 4: the same weight, with a mean
#
# **Difficulty** ●○○ · **Importance** ●●○ · **5 minutes**
#
# Write `kl_weight(weight, batch_size, gpus)`: the released code runs with `weight` and `batch_size` images on `gpus`
# GPUs. Which
# weight of a mean over images gives the same loss?
#
# Example: 0.05 with 4 images on 4 GPUs stays 0.05.
#
# <details><summary>Hint 1</summary>
#
# Let every image have the divergence 1. What is the sum on one GPU? What is the mean of these sums over GPUs?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The mean over images is 1 then. The answer is what the released code's term is.
#
# </details>


# %%
def kl_weight(weight: float, batch_size: int, gpus: int) -> float:
    """The weight of a mean over images that equals the released code's sum over a GPU's images, mean over GPUs."""
    raise NotImplementedError("your turn")


check.kl_weight(kl_weight)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def kl_weight(weight: float, batch_size: int, gpus: int) -> float:
#     return weight * batch_size / gpus
# ```
#
# DeepFashion: 0.05 * 8 / 4 = 0.1, as the preset has it.
#
# </details>

# %% [markdown]
# ## 8 Train, here or there (6 minutes)
#
# The next cell trains. On a GPU it takes the whole preset `people-128` for 2,000 steps; without one, a thin version
# for 6,
# to show that it runs. The folder and its files are the same.

# %%
from smis.runs import RunFolder, train

thin = {
    "model.encoder_widths": (4, 4, 8, 8, 8),
    "model.decoder_widths": (32, 32, 32, 16, 16, 8, 8),
    "model.norm_hidden": (8,) * 7,
    "discriminator_widths": (8, 16, 16),
    "weights.perceptual": 0.0,
}
config, number = preset("people-128").replace(steps=2000, tick=500), 2000
if not torch.cuda.is_available():
    config, number = config.replace(**thin, batch_size=4, steps=6, tick=3, precision="fp32"), 32
elif torch.cuda.get_device_capability() < (8, 0):  # a GPU without units for bf16, such as a T4
    config = config.replace(precision="fp32")
samples, look = people("train").load(128, range(number)), people("val").load(128, range(8))
place = tempfile.TemporaryDirectory()  # gone when the kernel ends
run = RunFolder(Path(place.name) / "people-128")
result = train(config, run.path, samples, look, progress=False)
print("finished:", result.finished, "- checkpoints kept:", len(run.checkpoints()))
print("a line of stats.jsonl:", *run.stats()[-1])

# %% [markdown]
# A long run is watched from elsewhere: the monitor only reads the folder. Give it the folder of a run that goes on in a
# terminal or on a cluster's shared disk, and it follows. Here it shows the run above; after six steps there is
# nothing to
# see but noise. **Try this:** run `smis train people-64` in a terminal, and in a cell
# `TrainingMonitor("../runs/people-64")`.

# %%
watching = TrainingMonitor(run.path)
watching

# %%
Picture(
    watching.snapshot(),
    alt="The training monitor on a run folder: the curves of the losses on the left, and on the right five people, their "
    "label maps, and what the network draws.",
)

# %% [markdown]
# And this is what the preset becomes in a quarter of an hour: the [shipped
# checkpoint](../data/checkpoints/README.md), 6,990
# steps of 16 images on one H100 that eight other trainings shared. Its learning curve is in its report:

# %%
report = Path("../data/checkpoints/README.md").read_text(encoding="utf-8").split("## people-128")[1].split("\n## ")[0]
lines = [line.strip("| ").split(" | ") for line in report.splitlines() if line.startswith("| ")]
curve = {name: [float(line[k]) for line in lines[1:]] for k, name in enumerate(lines[0])}
figure, all_axes = axes(1, 3, size=(8, 2.2))
for axis, name in zip(all_axes, ("pixel", "coarse", "discriminator")):
    axis.plot(curve["step"], curve[name], marker="o")
    axis.set_title(name)
    axis.set_xlabel("step")
coarse, steps = curve["coarse"], curve["step"]
print(f"steps {steps[0]:.0f} to {steps[-1]:.0f}: coarse fell from {coarse[0]} to {coarse[-1]}")
shown(figure, alt="Losses of people-128: pixel and coarse fall all the way, the discriminator's rises, then falls.")

# %%
from smis.sheets import to_uint8

with torch.inference_mode():
    fresh = GroupDNet.load(run.model)
    drawn = fresh.decode(fresh.encode(images, labels).values, labels)
strip(
    [*to_uint8(images), *to_uint8(exact)],
    ["original"] * 3 + ["people-128"] * 3,
    alt="Three people of the validation set, and what the shipped network draws from their codes.",
    height=170,
)

# %%
print("the shipped network is closer than the one trained above:",
      ((exact - images).abs().mean() < (drawn - images).abs().mean()).item())

# %% [markdown]
# The loss is still falling at the last step: longer would be better. Fine prints and small faces blur. And these
# people are
# rendered; photographs have more in them than a network of this size can draw.
#
# **Stop and resume.** Every [tick](glossary.md#tick) writes a checkpoint, whole or not at all. Ctrl-C, SIGTERM (as
# clusters send it) and `--hours` end a run after the current step with everything saved; `--resume` goes on with the
# same numbers, as notebook 05 has shown.

# %% [markdown]
# ## 9 Break it: an average in 16 bits (4 minutes)
#
# "If bf16 is good, then everything in bf16!" The averaged network takes one thousandth of the new weights at each step
# ($a = 0.999$). Let the new weights be 1, and start from 0. **Predict** where the average is after 3,000 steps, in
# fp32 and
# in bf16.

# %%
for dtype in (torch.float32, torch.bfloat16):
    averaged, now = torch.zeros(1, dtype=dtype), torch.ones(1, dtype=dtype)
    path = []
    for _ in range(3000):
        averaged.lerp_(now, 1 - 0.999)
        path.append(averaged.item())
    stuck = path[-1] == path[-1000]
    print(f"{str(dtype)[6:]:9s} after 3000 steps {path[-1]:.2f}, has not moved for 1000 steps: {stuck}")

# %% [markdown]
# In bf16 it stands still at a quarter: a step of 0.00075 is less than half the distance to the next number, and is
# rounded
# away, every time. The same happens to weights, whose updates are as small. That is why mixed precision keeps both in
# 32
# bits, and why "the loss does not fall any more" can be a matter of digits.

# %% [markdown]
# ## 10 On Colab, on a cluster, with your data (8 minutes)
#
# **Colab.** Choose a GPU (menu Runtime, Change runtime type), then in a cell:
#
# ```sh
# !git clone ADDRESS-OF-YOUR-COPY smis
# %cd smis
# !pip install -q -e ".[train,widgets]"
# !smis doctor
# !smis train people-128 --hours 1 --out /content/drive/MyDrive/people-128
# ```
#
# Mount Drive before the last line (`from google.colab import drive; drive.mount("/content/drive")`), or the run is
# gone when the
# machine is. GPUs older than NVIDIA's Ampere, such as the T4, have no units for bf16: add `--set precision=fp32`.
# After a disconnect add `--resume`. For the widgets run `from google.colab import output;
# output.enable_custom_widget_manager()` once. We could not try Colab; [where to run](../docs/where-to-run.md) says
# what was tried.
#
# **A cluster.** A Slurm script for one machine with four GPUs. It asks for a signal three minutes before the time is
# over, saves, and puts itself back into the queue. (Not tried on a cluster; that a signal saves, and that a resumed run
# has the same numbers, is tested.)
#
# - The file `train.slurm`, for `sbatch train.slurm`:
#
#   ```sh
#   #!/bin/bash
#   #SBATCH --job-name=smis
#   #SBATCH --gres=gpu:4
#   #SBATCH --cpus-per-task=16
#   #SBATCH --time=08:00:00
#   #SBATCH --signal=B:TERM@180
#   #SBATCH --requeue
#   OUT=runs/deepfashion
#   RESUME=$([ -f $OUT/config.json ] && echo --resume)
#   torchrun --standalone --nproc-per-node 4 -m smis.cli train deepfashion \
#       --data deepfashion:/data/deepfashion --set precision=bf16 --out $OUT $RESUME &
#   trap 'kill -TERM $!; wait $!; scontrol requeue $SLURM_JOB_ID' TERM
#   wait $!
#   ```
#
# **Your own data.** Two folders, `images` and `labels`, and a list of classes. The doctor says what is wrong with
# them, and mends
# a copy: see [your data](../docs/your-data.md).
#
# ```sh
# smis doctor data mydata
# smis train people-64 --data mydata --dry-run
# ```
#
# A preset for other classes needs group numbers that divide its widths: `smis info` shows them, and a config that
# cannot work
# says which number does not fit.
#
# **The authors' weights.** They are on Google Drive, under a licence that excludes commercial use. `smis download`
# lists them,
# `smis convert` turns them into a checkpoint that `GroupDNet.load` opens:
#
# ```sh
# smis download checkpoints --out authors
# smis convert deepfashion --generator authors/G.pth --encoder authors/E.pth --out deepfashion.safetensors
# ```

# %%
from smis.datasets.download import PUBLISHED

for item in PUBLISHED:
    print(f"{item.name}: {item.what}")

# %% [markdown]
# ## What you learned
#
# - Parameters, operations and memory follow from the config: compute them before you pay for them.
# - Convolutions may be rounded to bf16. Spectral norm, averages, weights and optimisers stay in fp32.
# - A small network on a large GPU waits for Python; a recorded step does not.
# - Several processes exchange gradients and batch statistics. Parts of a batch cannot share statistics.
# - A sum over a batch hides the batch size in a weight.
#
# ## Ask yourself
#
# <details><summary>Why has the ADE20K network fewer weights than the DeepFashion network, with 19 times the classes?</summary>
#
# Its first layers have one group a class, 151, so each channel sees one class's share; and its later layers are
# narrower.
#
# </details>
#
# <details><summary>Your GPU has 16 GiB, a DeepFashion step with batch 8 needs 18. What do you change?</summary>
#
# accumulate=2: half of the activations. Or batch_size=4. Both change what batch norm sees.
#
# </details>
#
# <details><summary>Why does recording help people-128 so much?</summary>
#
# Its kernels are short, so that most of a step is spent on launching them. The larger the layers, the less there is
# to gain.
#
# </details>
#
# <details><summary>Four processes, and one forgets to share its batch statistics. Do you get an error?</summary>
#
# No. You get a network that was trained with other statistics in one place. That is why a test compares two processes
# with one.
#
# </details>
#
# <details><summary>Why must code that is recorded not call .item()?</summary>
#
# It would need the value now, but while recording nothing is computed; and Python is not asked again when the graph
# is replayed.
#
# </details>
#
# <details><summary>You double the number of GPUs and keep batch_size. Is it the same training?</summary>
#
# Here yes, up to rounding. In the released code no: its KL term then counts half as much.
#
# </details>
#
# ## Read on
#
# - Micikevicius et al., *Mixed Precision Training* (2018).
# - Goyal et al., *Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour* (2017): many GPUs, and what to do with
#   the learning rate.
# - Miyato et al., *Spectral Normalization for Generative Adversarial Networks* (2018).
# - PyTorch's notes on *Automatic mixed precision* and *CUDA graphs*.
# - `smis/graphs.py`, `smis/distributed.py`, `smis/budget.py`: each fits on two screens.
#
# Next: [07 Appearance mixture](07_appearance_mixture.ipynb)
