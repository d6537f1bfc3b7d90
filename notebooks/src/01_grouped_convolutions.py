# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Grouped convolutions: how do many small networks fit into one?
#
# GroupDNet keeps hair apart from shoes with one trick: it splits the channels of its convolutions into *groups* that do
# not see each other.
#
# ![Weights of a layer with 16 input and 16 output channels. With 1 group the square is full. With 2, 4 and 8 groups
# only 2, 4 and 8 smaller squares on the diagonal are left.](../docs/grouped-convolutions.webp)
#
# Each small square is one weight of a layer with 16 input and 16 output channels; where it is empty, there is no
# weight. With more groups, each output hears fewer inputs. That is the whole idea.
#
# **You will be able to**
#
# - write a convolution and a [grouped convolution](glossary.md#grouped-convolution) with plain loops,
# - count its parameters and [multiply-adds](glossary.md#multiply-add), and say why it is not as fast as the count says,
# - put several networks into one, and take one out again,
# - prove which channels can hear which, and name the layers that tear the wall down,
# - order channels so that a group holds what it should.
#
# **You need** basic PyTorch: tensors, `nn.Conv2d`, what a gradient is. No GPU, no network connection.
# **Time** 80 minutes to read and do, half of it for the exercises; all cells together run in 20 seconds on a laptop.

# %%
import torch
import torch.nn.functional as F
from torch import nn

from smis.course import agree
from smis.course import grouped as check

# %% [markdown]
# ## 1 One convolution, by hand (4 minutes)
#
# An image has *channels*: red, green, blue. So have the maps inside a network, only more of them. An output channel of
# a [convolution](glossary.md#convolution) is a weighted sum of a small window, **over all input channels**:
#
# $$\text{out}[o, i, j] = \sum_c \sum_a \sum_b \text{weight}[o, c, a, b] \cdot \text{in}[c, i + a, j + b]$$
#
# **Predict:** 2 input channels of 4 × 5 pixels, windows of 3 × 3, no border added. What size has an output channel?

# %%
def convolve(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """x (in, H, W), weight (out, in, k, k) -> (out, H - k + 1, W - k + 1), with loops."""
    wide_out, _, k, _ = weight.shape
    out = torch.zeros(wide_out, x.shape[1] - k + 1, x.shape[2] - k + 1)
    for o in range(wide_out):
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                window = x[:, i : i + k, j : j + k]  # (in, k, k): all input channels
                out[o, i, j] = (weight[o] * window).sum()
    return out


# %%
torch.manual_seed(0)
x = torch.randn(2, 4, 5)
weight = torch.randn(3, 2, 3, 3)  # 3 output channels
by_hand = convolve(x, weight)
print(tuple(x.shape), "->", tuple(by_hand.shape))
agree(by_hand, F.conv2d(x[None], weight)[0])

# %% [markdown]
# A window of 3 × 3 fits 2 times from top to bottom and 3 times from left to right. Adding a border of zeros
# (`padding=1`) keeps the size; moving the window by two pixels (`stride=2`) halves it. Neither changes who hears whom:
# **every output channel listens to every input channel.** For most networks that is what one wants. Not for ours.

# %% [markdown]
# ## 2 Split, convolve, put together (4 minutes)
#
# Now cut the input channels into $G$ groups of equal size, give each group a convolution of its own, and put the
# results side by side. That is a grouped convolution, and there is nothing more to it.
#
# **Predict:** 6 input channels, 4 output channels, 2 groups, windows of 3 × 3. What shape does the weight have?

# %%
groups = 2
x = torch.randn(6, 4, 5)
weight = torch.randn(4, 6 // groups, 3, 3)  # (out, in of one group, k, k)

parts = [convolve(part, own) for part, own in zip(x.chunk(groups), weight.chunk(groups), strict=True)]
by_hand = torch.cat(parts)
print("weight", tuple(weight.shape), " parts", [tuple(part.shape) for part in parts])
agree(by_hand, F.conv2d(x[None], weight, groups=groups)[0])

# %% [markdown]
# The weight is `(4, 3, 3, 3)`. Its second axis counts the input channels **of one group**, not of the layer. The first
# two outputs belong to group 0 and hear inputs 0 to 2; the last two belong to group 1 and hear inputs 3 to 5.
#
# So the numbers of input and of output channels must both be divisible by $G$. PyTorch says so:

# %%
try:
    nn.Conv2d(7, 4, 3, groups=2)
except ValueError as error:
    print("ValueError:", error)

# %% [markdown]
# ## 3 The same thing with zeros (4 minutes)
#
# One can also see a grouped convolution as an ordinary one with a large weight that is mostly zeros: the squares of the
# picture at the top. Such a weight is called [block-diagonal](glossary.md#block-diagonal). For our two groups:

# %%
dense = torch.zeros(4, 6, 3, 3)
dense[:2, :3] = weight[:2]  # outputs 0, 1 hear inputs 0, 1, 2
dense[2:, 3:] = weight[2:]  # outputs 2, 3 hear inputs 3, 4, 5
agree(F.conv2d(x[None], weight, groups=2), F.conv2d(x[None], dense))
print("weights kept:", weight.numel(), "of", dense.numel())

# %% [markdown]
# The picture at the top shows such weights, one colour for each group. It takes few lines: an output may hear an input
# if both are of the same group.

# %%
from smis_widgets.plots import axes, shown

figure, panels = axes(1, 4, size=(9, 2.6))
for axis, groups in zip(panels, (1, 2, 4, 8), strict=True):
    group = torch.arange(16) // (16 // groups)  # the group of each channel
    allowed = torch.where(group[:, None] == group[None], group[:, None].double(), torch.nan)
    axis.imshow(allowed, cmap="tab10", vmin=0, vmax=9)
    axis.set(title=f"groups = {groups}", xlabel="input channel", ylabel="output channel", xticks=[], yticks=[])
shown(
    figure,
    alt="Weights of a layer with 16 input and 16 output channels. With 1 group the square is full. "
    "With 2, 4 and 8 groups only 2, 4 and 8 smaller squares on the diagonal are left.",
)

# %% [markdown]
# The rows are outputs, the columns inputs. Of 16 × 16 squares 256 are filled with one group, 32 with eight.

# %% [markdown]
# ### Exercise 1: the block-diagonal weight
#
# **Difficulty** ●●○ · **Importance** ●●● · **10 minutes**
#
# Do it for any number of groups. From the weight of a grouped convolution `(out, in / groups, k, k)` make the weight
# `(out, in, k, k)` of an ordinary one that does the same. Example: for `torch.tensor([[5.0], [7.0]])[..., None, None]`
# and 2 groups the answer is 5 and 7 on the diagonal of a 2 × 2 square, and zeros beside.
#
# <details><summary>Hint 1</summary>
#
# Start from zeros. How many outputs has one group, and how many inputs?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Group `g` fills the rows from `g * outputs` to `(g + 1) * outputs`, and the columns from `g * inputs` to
# `(g + 1) * inputs`.
#
# </details>

# %%
def dense_weight(weight: torch.Tensor, groups: int) -> torch.Tensor:
    """weight (out, in / groups, k, k) -> (out, in, k, k), zero between different groups."""
    raise NotImplementedError("your turn")


check.dense_weight(dense_weight)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# import torch
#
#
# def dense_weight(weight: torch.Tensor, groups: int) -> torch.Tensor:
#     outputs, inputs = weight.shape[0] // groups, weight.shape[1]  # of one group
#     dense = torch.zeros(weight.shape[0], inputs * groups, *weight.shape[2:])
#     for g in range(groups):
#         rows = slice(g * outputs, (g + 1) * outputs)
#         dense[rows, g * inputs : (g + 1) * inputs] = weight[rows]
#     return dense
# ```
#
# Each group owns one block. Everything beside the blocks stays zero: those are the weights that a grouped convolution
# does not have.
#
# </details>

# %% [markdown]
# ## 4 Touch it (3 minutes)
#
# The same as a drawing: a dot is a channel, a line says *hears*. Beside or below it is the weight from above.

# %%
from smis_widgets import GroupedConvExplorer, Picture

explorer = GroupedConvExplorer()
explorer

# %% [markdown]
# **Try this**
#
# 1. Click an output. Which inputs does it hear? Then click one of these inputs: who hears it?
# 2. Choose 2 groups in place of 4. What happens to the parameters, and what to the lines?
# 3. Choose 6 input channels and 4 groups. What does the line under the picture say?
# 4. Find the settings with the fewest connections for 8 channels on both sides.
#
# As a still picture it looks like this:

# %%
explorer.reset()
explorer.look("output", 3)
still = explorer.snapshot()
explorer.reset()
Picture(
    still,
    alt="The explorer with 8 input and 8 output channels in 4 groups: output 3 is chosen, and lines lead to the two "
    "inputs of its group. On the right the weight: four blocks on the diagonal.",
)

# %% [markdown]
# ## 5 What it costs (5 minutes)
#
# A multiply-add is one multiplication and one addition. Each output number needs $k \cdot k$ of them for each input
# channel that it hears:
#
# $$\text{parameters} = k^2 \cdot \frac{\text{in}}{G} \cdot \text{out} + \text{out}
# \qquad
# \text{multiply-adds} = k^2 \cdot \frac{\text{in}}{G} \cdot \text{out} \cdot h w$$
#
# where $h w$ are the pixels of the *output*, and the last term of the parameters is the bias. Both fall with $G$.
# We compare the formula with PyTorch's own counts. (PyTorch counts two operations for one multiply-add.)

# %%
from torch.utils.flop_counter import FlopCounterMode

wide, size = 64, 32
x = torch.randn(1, wide, size, size)
for groups in (1, 2, 4, 8, 64):
    conv = nn.Conv2d(wide, wide, 3, padding=1, groups=groups)
    weights = 3 * 3 * wide // groups * wide
    assert weights + wide == sum(p.numel() for p in conv.parameters())
    with FlopCounterMode(display=False) as counter:
        conv(x)
    assert weights * size**2 == counter.get_total_flops() / 2
    print(f"groups {groups:2d}   parameters {weights + wide:6,}   multiply-adds {weights * size**2:11,}")

# %% [markdown]
# **Predict:** with 8 groups there are 8 times fewer multiply-adds. How many times as fast will the layer run?

# %%
import time


def milliseconds(run, times: int = 100) -> float:
    """The fastest of some runs: the others were disturbed."""
    best = float("inf")
    with torch.inference_mode():
        for _ in range(times):
            start = time.perf_counter()
            run()
            best = min(best, time.perf_counter() - start)
    return best * 1000


took = {}
for groups in (1, 2, 4, 8, 64):
    conv = nn.Conv2d(wide, wide, 3, padding=1, groups=groups)
    took[groups] = milliseconds(lambda conv=conv: conv(x))
    print(f"groups {groups:2d}   {took[groups]:.2f} ms   {took[1] / took[groups]:.1f} times as fast")

# %% [markdown]
# The times are those of the machine at hand: run the cell twice and you see how they move. As a rule the gain is
# smaller than the count promises, for three reasons.
#
# - The input must be read and the output written whatever $G$ is. With few multiply-adds that is most of the work.
# - Processors multiply large matrices best. Eight small products keep them less busy than one large one.
# - The library must have good code for just this case. For 64 groups of one channel it may or may not have.
#
# So a grouped convolution saves weights for sure, and time as far as the machine allows. We use it for another reason.

# %% [markdown]
# ### Exercise 2: count the work
#
# **Difficulty** ●○○ · **Importance** ●●○ · **8 minutes**
#
# Count the multiply-adds of any convolution, for one image of `height` × `width`. Read what you need from the module:
# `conv.in_channels`, `conv.kernel_size` (a pair), `conv.stride`, `conv.padding`, `conv.groups`. Example: a
# `nn.Conv2d(3, 4, 1)` on 5 × 5 pixels makes 3 · 4 · 25 = 300.
#
# <details><summary>Hint 1</summary>
#
# The size of the output is `(height + 2 * padding - kernel) // stride + 1`, and the same for the width.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Each output number needs `kernel height * kernel width * in / groups` multiply-adds. How many output numbers are
# there?
#
# </details>

# %%
def multiply_adds(conv: nn.Conv2d, height: int, width: int) -> int:
    """The multiply-adds of a convolution for one image of height x width pixels; the bias is not counted."""
    raise NotImplementedError("your turn")


check.multiply_adds(multiply_adds)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# from torch import nn
#
#
# def multiply_adds(conv: nn.Conv2d, height: int, width: int) -> int:
#     (tall, wide), stride, padding = conv.kernel_size, conv.stride, conv.padding
#     h = (height + 2 * padding[0] - tall) // stride[0] + 1
#     w = (width + 2 * padding[1] - wide) // stride[1] + 1
#     return tall * wide * conv.in_channels // conv.groups * conv.out_channels * h * w
# ```
#
# Height and width both shrink: a layer with stride 2 makes a quarter of the work, and so do all layers behind it.
#
# </details>

# %% [markdown]
# ## 6 Nothing passes the wall (4 minutes)
#
# Here is why we use it. Change an input channel of group $h$: does an output of group $g$ move? The gradient of the
# output with respect to the input answers for all small changes at once. We ask for each pair of groups. Since sums can
# cancel, we weigh the outputs with random numbers before adding them up.

# %%
def hears(network: nn.Module, channels: int, groups: int) -> torch.Tensor:
    """(groups, groups): how strongly each output group (row) feels each input group (column); 0. is 'not at all'."""
    x = torch.randn(2, channels, 8, 8, requires_grad=True)
    rows = []
    for part in network(x).chunk(groups, 1):
        (gradient,) = torch.autograd.grad((part * torch.randn_like(part)).sum(), x, retain_graph=True)
        rows.append(torch.stack([g.abs().max() for g in gradient.chunk(groups, 1)]))
    return torch.stack(rows)


# %% [markdown]
# **Predict:** three grouped layers one after the other. Are the numbers between different groups small, or exactly 0?

# %%
torch.manual_seed(1)
tower = nn.Sequential(*(nn.Conv2d(12, 12, 3, padding=1, groups=4) for _ in range(3)))
felt = hears(tower, 12, 4)
print((felt > 0).int())
print("between groups, at most:", felt[~torch.eye(4, dtype=torch.bool)].max().item())

# %% [markdown]
# Exactly zero, not nearly: there is no weight over which anything could leak. This holds for any number of layers,
# before training, during training and after it. No loss function asks for it and none can undo it. That is what *built
# in* means.

# %% [markdown]
# ## 7 Four networks in one (4 minutes)
#
# If groups never meet, then a network that is grouped in **every** layer is nothing but $G$ separate small networks. We
# show that with their weights. Four small networks, each for 3 channels, with a norm in the middle that works on each
# channel alone:

# %%
def small(copies: int = 1) -> nn.Sequential:
    """A small network, or `copies` of them in one with grouped convolutions."""
    return nn.Sequential(
        nn.Conv2d(3 * copies, 8 * copies, 3, stride=2, padding=1, groups=copies),
        nn.InstanceNorm2d(8 * copies),
        nn.LeakyReLU(0.2),
        nn.Conv2d(8 * copies, 2 * copies, 3, padding=1, groups=copies),
    )


torch.manual_seed(2)
singles = [small() for _ in range(4)]
four = small(copies=4)
for name, value in four.state_dict().items():
    own = [network.state_dict()[name] for network in singles]
    value.copy_(torch.cat(own))  # every weight and bias has its output channels first
    print(f"{name}: 4 x {tuple(own[0].shape)} -> {tuple(value.shape)}")

# %%
x = torch.randn(5, 12, 16, 16)
one_by_one = [network(part) for network, part in zip(singles, x.chunk(4, 1), strict=True)]
agree(torch.cat(one_by_one, 1), four(x))
loop = milliseconds(lambda: [network(part) for network, part in zip(singles, x.chunk(4, 1), strict=True)])
print(f"one by one {loop:.2f} ms, all in one {milliseconds(lambda: four(x)):.2f} ms")

# %% [markdown]
# Four networks became one module, one file, one call for each layer. This is how the encoder of GroupDNet holds one
# encoder a class, and how the baseline *MulNet* of the paper, one small network for each class, can be written as one
# grouped network.

# %% [markdown]
# ### Exercise 3: take one out
#
# **Difficulty** ●●○ · **Importance** ●●○ · **10 minutes**
#
# Go the other way: make an ordinary convolution out of group `g` alone. It must give what the grouped one gives in that
# group. This is useful when only one class is of interest: our library does it when it encodes a few classes of many.
# Example: `one_group(nn.Conv2d(6, 4, 3, groups=2), 1)` is a `nn.Conv2d(3, 2, 3)`.
#
# <details><summary>Hint 1</summary>
#
# Make a `nn.Conv2d` with the same kernel, stride and padding, and with the channels of one group. `conv.bias` may be
# `None`.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The outputs of a group lie side by side: `conv.weight.chunk(conv.groups)[g]`. Copy inside `with torch.no_grad():`.
#
# </details>

# %%
def one_group(conv: nn.Conv2d, g: int) -> nn.Conv2d:
    """Group g of a grouped convolution, as an ordinary convolution of its own."""
    raise NotImplementedError("your turn")


check.one_group(one_group)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# import torch
# from torch import nn
#
#
# def one_group(conv: nn.Conv2d, g: int) -> nn.Conv2d:
#     wide_in, wide_out = conv.in_channels // conv.groups, conv.out_channels // conv.groups
#     bias = conv.bias is not None
#     alone = nn.Conv2d(wide_in, wide_out, conv.kernel_size, conv.stride, conv.padding, bias=bias)
#     with torch.no_grad():
#         alone.weight.copy_(conv.weight.chunk(conv.groups)[g])
#         if bias:
#             alone.bias.copy_(conv.bias.chunk(conv.groups)[g])
#     return alone
# ```
#
# Only the first axis is cut. The second already counts the inputs of one group.
#
# </details>

# %% [markdown]
# ## 8 What breaks the wall (5 minutes)
#
# One careless layer is enough. **Predict** for each of these, put between two grouped convolutions: does the wall hold?
#
# 1. LeakyReLU
# 2. [instance norm](glossary.md#instance-norm): each channel of each image gets mean 0 and deviation 1
# 3. [batch norm](glossary.md#batch-norm): the same, but over all images of the batch at once
# 4. a norm over all channels of an image at once
# 5. an ordinary 1 × 1 convolution
# 6. a *channel shuffle*, which deals out the channels of each group to all groups, as one deals cards

# %%
layers = {
    "LeakyReLU": nn.LeakyReLU(0.2),
    "instance norm": nn.InstanceNorm2d(16),
    "batch norm": nn.BatchNorm2d(16),
    "norm over all channels": nn.GroupNorm(1, 16),
    "1 x 1 convolution": nn.Conv2d(16, 16, 1),
    "1 x 1 convolution, 4 groups": nn.Conv2d(16, 16, 1, groups=4),
    "channel shuffle": nn.ChannelShuffle(4),
}
for name, layer in layers.items():
    before, after = (nn.Conv2d(16, 16, 3, padding=1, groups=4) for _ in range(2))
    felt = hears(nn.Sequential(before, layer, after), 16, 4)
    print(f"{name:28s}", "each group hears", (felt > 0).sum(1).tolist(), "groups")

# %% [markdown]
# - What works on each number alone (1), or on each channel alone (2, 3), keeps the wall. Batch norm does mix something
#   else: the *images* of a batch, in training.
# - A norm over all channels divides by a deviation to which every group contributed. One loud class turns the others
#   down.
# - An ordinary convolution, even a 1 × 1, connects all with all. That is what a network without groups does everywhere.
# - A shuffle has no weights and still joins the groups. Networks for mobile phones use it to let groups talk cheaply.
#
# GroupDNet uses this knowledge on purpose: its encoder never breaks the wall, its decoder takes it down step by step.

# %% [markdown]
# ## 9 Break it: the wrong order of channels (6 minutes)
#
# `groups=8` cuts the channels into eight equal pieces *in the order in which they lie*. PyTorch cannot know what they
# mean. Take the eight classes of our people. Each class's pixels, cut out of the image, are 3 channels, together 24:

# %%
from smis import people
from smis.layers import one_hot

gallery = people("test").load(64, indices=(10, 24, 118, 65))
images, labels = gallery.tensors()  # (4, 3, 64, 64), (4, 64, 64)
names = gallery.label_set.classes
mask = one_hot(labels, 8)  # (4, 8, 64, 64)
cut = mask[:, :, None] * images[:, None]  # (4, 8, 3, 64, 64): class, then colour
right = cut.flatten(1, 2)  # background r, g, b, then hair r, g, b, ...
wrong = cut.transpose(1, 2).flatten(1, 2)  # r of all classes, then g of all classes, then b of all
print("right", tuple(right.shape), " wrong", tuple(wrong.shape))

# %% [markdown]
# Both have 24 channels. Both go through the same grouped network without a word of complaint. Which group notices when
# one class changes? We paint each class in turn in another colour and look.

# %%
torch.manual_seed(3)
encoder = nn.Sequential(
    nn.Conv2d(24, 64, 3, stride=2, padding=1, groups=8),
    nn.LeakyReLU(0.2),
    nn.Conv2d(64, 64, 3, stride=2, padding=1, groups=8),
)


def noticed(order) -> torch.Tensor:
    """(8, 8) bool: which group (row) moves when the pixels of a class (column) change."""
    columns = []
    for c in range(8):
        painted = cut.clone()
        painted[:, c] = (1 - painted[:, c]) * mask[:, c, None]  # other colours, same pixels
        moved = (encoder(order(painted)) - encoder(order(cut))).abs()  # (4, 64, 16, 16)
        columns.append(moved.unflatten(1, (8, 8)).amax((0, 2, 3, 4)) > 0)
    return torch.stack(columns, 1)


# %%
good = noticed(lambda parts: parts.flatten(1, 2))
bad = noticed(lambda parts: parts.transpose(1, 2).flatten(1, 2))
figure, panels = axes(1, 2, size=(9, 3.8))
for axis, table, title in zip(panels, (good, bad), ("right order", "wrong order"), strict=True):
    axis.imshow(table.int(), cmap="Oranges", vmin=0, vmax=1.6)
    axis.set(title=title, xlabel="pixels of this class changed", ylabel="this group moved")
    axis.set_xticks(range(8), names, rotation=60, ha="right")
    axis.set_yticks(range(8), names)
shown(
    figure,
    alt="Two 8 by 8 tables. In the right order only the diagonal is filled: the group of hair moves for hair. "
    "In the wrong order each group moves for three classes, and half of the diagonal is empty.",
)

# %%
assert torch.equal(good, torch.eye(8, dtype=torch.bool))
for c, name in enumerate(names):
    print(f"wrong order: the group of {name:10s} moves for", ", ".join(n for n, m in zip(names, bad[c]) if m))

# %% [markdown]
# In the wrong order the group that should know hair gets the red of skin, top and bottom, and nothing of hair at all.
# So what we would call the code of the hair changes with the top. There is no error and no warning, and one could train
# such a network. Only a test like this one finds it. The rule: **channels of one class lie together**, in the input, in
# every layer, and in the codes.

# %% [markdown]
# ### Exercise 4: the right order
#
# **Difficulty** ●●○ · **Importance** ●●● · **10 minutes**
#
# Write the input of the encoder: cut every class out of the image, $X_c = M_c X$, and put the pieces side by side,
# `(B, 3C, H, W)`, the three colours of a class together. Example: with 2 classes the six channels are red, green, blue
# of class 0, then red, green, blue of class 1. A class that is not in the image gives zeros.
#
# <details><summary>Hint 1</summary>
#
# `labels == c` is true at the pixels of class `c`. Multiply the image by it; it needs an axis for the colours.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# A list of `C` tensors `(B, 3, H, W)` and one `torch.cat` along the channel axis is enough.
#
# </details>

# %%
def side_by_side(images: torch.Tensor, labels: torch.Tensor, classes: int) -> torch.Tensor:
    """images (B, 3, H, W), labels (B, H, W) -> (B, 3 * classes, H, W): each class cut out, its colours together."""
    raise NotImplementedError("your turn")


check.side_by_side(side_by_side)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# import torch
#
#
# def side_by_side(images: torch.Tensor, labels: torch.Tensor, classes: int) -> torch.Tensor:
#     cut = [images * (labels == c)[:, None] for c in range(classes)]  # X_c = M_c X
#     return torch.cat(cut, 1)
# ```
#
# `torch.cat` puts whole classes one after the other. `torch.stack(cut, 2).flatten(1, 2)` has the same shape and the
# wrong order.
#
# </details>

# %% [markdown]
# ## 10 Two ends of the scale, and GroupDNet between them (3 minutes)
#
# $G = 1$ is the ordinary convolution. The other end is one group for each channel, called
# [depthwise](glossary.md#depthwise-convolution): every channel is filtered alone.

# %%
x = torch.randn(2, 5, 6, 6)
weight = torch.randn(5, 1, 3, 3)
alone = [F.conv2d(x[:, c : c + 1], weight[c : c + 1]) for c in range(5)]
agree(torch.cat(alone, 1), F.conv2d(x, weight, groups=5))

# %% [markdown]
# The decoder of GroupDNet starts between the two ends and moves to $G = 1$. With the eight classes of the DeepFashion
# network of the paper:

# %%
from smis import preset

config = preset("deepfashion").model
print("encoder      ", config.encoder_groups, "groups in every layer")
print("decoder      ", *config.decoder_groups, "groups, layer by layer")
print("MulNet       ", *preset("mulnet").model.decoder_groups, "(one small network a class)")

# %% [markdown]
# Why not eight groups to the end? Because classes belong together: grass and leaves, for example, share their light.
# Merging groups lets the decoder learn that. And where there are many classes, 151 in ADE20K, full groups in wide
# layers would cost too much. Notebook 03 builds that decoder.
#
# Two names that sound alike and mean other things. *Group norm* is a norm that takes its statistics over blocks of
# channels. A *group-equivariant* convolution is built so that it follows rotations and mirrorings: the group is that of
# the mathematicians. Ours is only a split of channels, so we always say *grouped* convolution.

# %% [markdown]
# ## What you learned
#
# - A grouped convolution splits the channels, convolves each part with its own weights, and puts the results together.
# - It is an ordinary convolution with a block-diagonal weight: $G$ times fewer weights and multiply-adds, but not
#   $G$ times as fast.
# - What passes between groups is exactly zero. A network with groups in every layer is $G$ networks.
# - Norms over all channels, ordinary convolutions and shuffles break the wall. So does a wrong order of channels,
#   silently.

# %% [markdown]
# ## Ask yourself
#
# <details><summary>A layer has 24 input channels, 64 output channels, windows of 3 × 3 and 8 groups. What is the shape
# of its weight?</summary>
#
# `(64, 3, 3, 3)`: all outputs, the inputs of one group, the window.
#
# </details>
#
# <details><summary>Why is it not G times as fast?</summary>
#
# Reading the input and writing the output cost the same. Small matrix products use a processor less well. And it
# depends on what the library has good code for.
#
# </details>
#
# <details><summary>Can training make one group hear another?</summary>
#
# No. There is no weight between them to be trained.
#
# </details>
#
# <details><summary>Batch norm keeps channels apart. What does it mix?</summary>
#
# The images of a batch: in training, the mean and the deviation of a channel are taken over all of them.
#
# </details>
#
# <details><summary>An encoder with 8 groups is fed red of all classes, then green, then blue. What goes wrong, and who
# tells you?</summary>
#
# Each group gets single colours of three different classes. Nobody tells you: the shapes fit. Change the pixels of one
# class and look which groups move.
#
# </details>
#
# <details><summary>What is the difference between eight networks and one network with eight groups?</summary>
#
# For the numbers that come out, none. The one network is easier to store, to call and to make partly *not* grouped.
#
# </details>

# %% [markdown]
# ## Read on
#
# - Krizhevsky, Sutskever, Hinton, *ImageNet Classification with Deep Convolutional Neural Networks*, 2012: groups,
#   because one GPU was too small.
# - Xie et al., *Aggregated Residual Transformations for Deep Neural Networks*, 2017 (ResNeXt): groups as a design.
# - Zhang et al., *ShuffleNet*, 2018: the channel shuffle.
# - Chollet, *Xception: Deep Learning with Depthwise Separable Convolutions*, 2017.
# - Cohen and Welling, *Group Equivariant Convolutional Networks*, 2016: the other kind of group.
# - Zhu, Xu, You, Bai, *Semantically Multi-modal Image Synthesis*, CVPR 2020: GroupDNet.
#
# Next: [02 The encoder](02_encoder.ipynb), where each class gets its own code.
