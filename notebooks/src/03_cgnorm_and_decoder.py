# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # CG-Norm and the decoder: how the label map steers
#
# ![Nine pictures in a row: coarse coloured squares of 4 by 4 and blurs at first, then a body that takes shape, and last
# the finished person.](../docs/decoder-steps.webp)
#
# Eight steps from a code to a picture. The decoder gets one code for each class, and a label map. It starts with one
# separate small network for each class, and then the groups merge. Still, another code for the top changes the top, and
# little else. How? This notebook takes the decoder apart.
#
# **You will be able to**
#
# - say why plain normalisation washes a label map away, and how CG-Norm brings it back,
# - build CG-Norm, the CG-Block and spectral norm by hand, with the trained weights,
# - read a staircase of group numbers: which class's code can reach which channels,
# - decode step by step, and find the block in which a code's effect becomes local,
# - tell what is built in from what is learned.
#
# **You need** notebooks [01](01_grouped_convolutions.ipynb) and [02](02_encoder.ipynb): [grouped
# convolutions](glossary.md#grouped-convolution), [latent codes](glossary.md#latent-code), the
# [encoder](glossary.md#encoder). No GPU. **Time** 75 minutes to read and do, 45 more for the exercises; all cells
# together run in about 20 seconds on a laptop, no GPU needed.

# %%
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smis import GroupDNet, people
from smis.course import agree
from smis.course import cgnorm as check
from smis.datasets.paths import data_file
from smis.sheets import colour_maps, to_uint8
from smis_widgets import Picture, strip
from smis_widgets.plots import axes, shown

# %%
model = GroupDNet.load(data_file("checkpoints/people-128.safetensors"))
config, decoder = model.config, model.decoder
classes = config.labels.classes
gallery = people("test").load(indices=(10, 24, 118, 65))  # four people of the test set
images, labels = gallery.tensors()
with torch.inference_mode():
    codes = model.encode(images, labels).values
print("labels", tuple(labels.shape), "- codes", tuple(codes.shape))
strip(
    [*gallery.images, *colour_maps(gallery.labels, gallery.label_set)],
    ["A", "B", "C", "D", "map of A", "map of B", "map of C", "map of D"],
    alt="Four rendered people, A to D, and the label map of each.",
    height=130,
)

# %% [markdown]
# ## 1 What normalisation washes away (8 minutes)
#
# A decoder needs normalisation: without it the numbers may grow or vanish from layer to layer. [Batch
# norm](glossary.md#batch-norm) takes each channel of the features $F$ and moves it to mean 0 and deviation 1, over all
# images of the batch and all pixels:
#
# $$\mathrm{BN}(F) = \frac{F - \mathrm{mean}(F)}{\sqrt{\mathrm{var}(F) + \epsilon}}$$
#
# Usually two learned numbers for each channel come after it (`affine=True`). Here they do not: that place is kept for
# the label map.

# %%
def batch_norm(features: Tensor, eps: float = 1e-5) -> Tensor:
    """(B, K, h, w) -> the same shape, every channel with mean 0 and deviation 1 over images and pixels."""
    mean = features.mean((0, 2, 3), keepdim=True)  # (1, K, 1, 1)
    variance = features.var((0, 2, 3), correction=0, keepdim=True)  # divided by the count, not by the count less one
    return (features - mean) / torch.sqrt(variance + eps)


torch.manual_seed(0)
features = 3 * torch.randn(4, 6, 5, 7) + 2
agree(batch_norm(features), nn.BatchNorm2d(6, affine=False)(features))

# %% [markdown]
# While it trains, batch norm also keeps a running mean and variance. In `eval` mode it uses these in place of the
# batch's own. Then a picture no longer depends on what else is in the batch, and BN is one fixed line for each channel.

# %%
norm = nn.BatchNorm2d(6, affine=False)
for _ in range(200):
    norm(3 * torch.randn(4, 6, 5, 7) + 2)  # train mode: the running numbers follow
norm.eval()
by_hand = (features - norm.running_mean[:, None, None]) / torch.sqrt(norm.running_var[:, None, None] + norm.eps)
agree(by_hand, norm(features))
print("running mean near 2:", bool((norm.running_mean - 2).abs().max() < 0.5))

# %% [markdown]
# Now the problem. Suppose we gave the [one-hot mask](glossary.md#one-hot-mask) to the first layer, as an ordinary
# network would do, and normalised afterwards. Take a map that is flat: nothing but hair. And another one: nothing but
# top.
#
# **Predict:** after a convolution and a normalisation over the image's pixels ([instance
# norm](glossary.md#instance-norm)), how far apart are the two?

# %%
torch.manual_seed(0)
conv = nn.Conv2d(8, 6, 3)  # no padding: no border to give the size away
all_hair, all_top = torch.zeros(1, 8, 16, 16), torch.zeros(1, 8, 16, 16)
all_hair[:, classes.index("hair")] = 1
all_top[:, classes.index("top")] = 1
with torch.inference_mode():
    before, after = (conv(mask) for mask in (all_hair, all_top))
    difference = (F.instance_norm(before) - F.instance_norm(after)).abs().max().item()
print("before the norm the two differ by more than 0.1:", (before - after).abs().max().item() > 0.1)
print("after the norm they differ by less than 0.01:", difference < 0.01)

# %% [markdown]
# Nothing is left. A flat map gives flat features, a flat channel minus its mean is zero, and zero it is for hair and
# for top alike. A real map is not flat, but large parts of it are. The paper behind SPADE (Park et al. 2019) made this
# point for instance norm. Batch norm does the same when the whole batch shows the same thing; otherwise it washes less,
# but it still mixes a picture's own level with that of its neighbours in the batch.
#
# The remedy: do not feed the label map in at the bottom. Bring it in **after** each normalisation.

# %% [markdown]
# ## 2 CG-Norm: the label map comes back (10 minutes)
#
# [CG-Norm](glossary.md#cg-norm), short for conditional group normalisation, normalises and then scales and shifts each
# pixel of each channel. How much, the mask $M$ says:
#
# $$F_\mathrm{out} = \mathrm{BN}(F) \cdot (1 + \gamma(M)) + \beta(M)$$
#
# $\gamma$ and $\beta$ come from a small network: one grouped convolution, ReLU, and two more grouped convolutions. The
# `1 +` means: where $\gamma$ and $\beta$ are 0, the normalised features pass as they are. We do it by hand, with
# trained weights, on the output of the decoder's first layer.

# %%
first = decoder.blocks[0].norm_0  # the first CG-Norm of the first block
small = labels[:, ::32, ::32]  # nearest neighbour: the label maps at 4 x 4, the size of the first features
M = F.one_hot(small, 8).permute(0, 3, 1, 2).float()  # (B, C, 4, 4)
with torch.inference_mode():
    features = decoder.fc(codes.flatten(1, 2))  # (B, 512, 4, 4): the layer that takes the codes
    hidden = F.relu(F.conv2d(M, first.shared.weight, first.shared.bias, padding=1, groups=8))
    gamma = F.conv2d(hidden, first.gamma.weight, first.gamma.bias, padding=1, groups=8)
    beta = F.conv2d(hidden, first.beta.weight, first.beta.bias, padding=1, groups=8)
    # F_out = BN(F) * (1 + gamma(M)) + beta(M); the network is in eval mode, so BN uses the running numbers
    normed = F.batch_norm(features, first.norm.running_mean, first.norm.running_var)
    by_hand = normed * (1 + gamma) + beta
    agree(by_hand, first(features, M))
print("features", tuple(features.shape), "- gamma and beta", tuple(gamma.shape))

# %% [markdown]
# What do $\gamma$ and $\beta$ look like? The last block works at full size, so there we can see them.

# %%
last = decoder.blocks[6].norm_1
M = F.one_hot(labels[:1], 8).permute(0, 3, 1, 2).float()  # (1, C, 128, 128)
with torch.inference_mode():
    gamma, beta = last.modulation(M)  # (1, 32, 128, 128) each
figure, places = axes(1, 8, size=(10, 1.6))
for number, place in enumerate(places):
    place.imshow((gamma if number < 4 else beta)[0, number % 4], cmap="viridis")
    place.set(title=f"{'γγγγββββ'[number]}, channel {number % 4}", xticks=[], yticks=[])
print("gamma", tuple(gamma.shape), "- it differs from place to place:", bool(gamma[0, 0].std() > 0.01))
shown(figure, alt="Four channels of gamma and four of beta for person A: the label map's regions, each with a level of "
      "its own, with thin lines along the borders.")

# %% [markdown]
# Regions with one level each, and thin lines where classes meet: $\gamma$ at a pixel depends on the labels in the 5 x 5
# window around it (two 3 x 3 convolutions), and on nothing else. Deep inside a region all windows are alike.
#
# So flat maps are no problem any more. Here is the extreme: the decoder gets a label map that says *top* everywhere,
# and the codes of our four people. **Predict:** what will it draw?

# %%
flat = torch.full_like(labels, classes.index("top"))
with torch.inference_mode():
    cloth, faces = model.decode(codes, flat), model.decode(codes, torch.full_like(labels, classes.index("face")))
apart = (cloth - faces).abs().mean((1, 2, 3))
print("all top and all face differ by more than 0.2 for each person:", bool((apart > 0.2).all()))
strip(
    [*to_uint8(cloth), *to_uint8(faces)],
    [f"{letter}: all {name}" for name in ("top", "face") for letter in "ABCD"],
    alt="With a label map that says top everywhere the decoder draws cloth in the colours of each person's top. With "
    "face everywhere it draws skin.",
    height=130,
)

# %% [markdown]
# Cloth, in the colours of each person's top, and skin, in the tone of each face. A flat map, far from anything it was
# trained on, and still the class comes through.

# %% [markdown]
# ### Exercise 1: What a class gets inside a region
#
# **Difficulty** ●●○ · **Importance** ●●○ · **10 minutes**
#
# Deep inside a large region of class `cls` every pixel gets the same $\gamma$. Compute it: `inside(cls, shared, gamma)`
# gets the two convolutions of a CG-Norm (with any number of groups, kernel 3, padding 1; the mask has
# `shared.in_channels` channels) and returns the `(K,)` numbers. For example `inside(4, last.shared, last.gamma)` is
# what `gamma[0, :, y, x]` shows in the middle of a large top.
#
# <details><summary>Hint 1</summary>
#
# You need no real label map: make a small one that is flat.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Zero padding counts as 'no class'. How large must the map be, so that its middle pixel sees no border through two
# 3 x 3 convolutions?
#
# </details>

# %%
def inside(cls: int, shared: nn.Conv2d, gamma: nn.Conv2d) -> Tensor:
    """The class's number and the convolutions of CG-Norm -> gamma `(K,)` deep inside a region of the class."""
    raise NotImplementedError("your turn")


check.inside(inside)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# import torch
# import torch.nn.functional as F
# from torch import Tensor, nn
#
#
# def inside(cls: int, shared: nn.Conv2d, gamma: nn.Conv2d) -> Tensor:
#     mask = torch.zeros(1, shared.in_channels, 5, 5)
#     mask[:, cls] = 1
#     return gamma(F.relu(shared(mask)))[0, :, 2, 2]
# ```
#
# The middle of a 5 x 5 map sees exactly 5 x 5 pixels. The library uses the same fact: it computes $\gamma$ once for
# each *distinct* 5 x 5 window and looks it up (`smis/neighbourhoods.py`).
#
# </details>

# %% [markdown]
# ## 3 Grouped convolutions on the mask (5 minutes)
#
# The mask network is grouped as well. With 8 groups and 8 classes, group $g$ of $\gamma$ hears of class $g$ alone.
# Gradients show it: take the channels of $\gamma$ in eight equal slices, one for each class, and ask which mask
# channels each slice depends on.

# %%
def hears(norm: nn.Module, size: int = 8) -> Tensor:
    """(8, 8) bool: does slice i of gamma depend on mask channel j?"""
    torch.manual_seed(0)
    mask = torch.rand(1, 8, size, size, requires_grad=True)
    gamma, _ = norm.modulation(mask)  # (1, K, size, size)
    rows = [torch.autograd.grad(part.sum(), mask, retain_graph=True)[0] for part in gamma.chunk(8, 1)]
    return torch.stack([row.abs().amax((0, 2, 3)) > 0 for row in rows])


for number in (0, 2, 4, 6):
    heard = hears(decoder.blocks[number].norm_0).sum(1).tolist()
    print(f"block {number}: groups {config.norm_groups[number][0]}, mask channels heard by each slice", *heard)

# %% [markdown]
# In block 0 a slice hears of 1 class, in block 2 of 2, in block 4 of 4, and in block 6 of all 8. The paper gives
# CG-Norm the groups of its block (for DeepFashion), and so do we: the mask never comes closer together than the
# features do.

# %% [markdown]
# ## 4 The CG-Block (6 minutes)
#
# A [CG-Block](glossary.md#cg-block) is a residual block with CG-Norm in place of batch norm:
#
# - main path: CG-Norm, LeakyReLU, 3 x 3 convolution, and the same again;
# - shortcut: nothing at all where the width stays, else CG-Norm and a 1 x 1 convolution.
#
# Both are added. In block 3 the width falls from 512 to 256 channels, so it has both paths.

# %%
block, grid = decoder.blocks[3], labels[:, ::8, ::8]  # block 3 works at 16 x 16
M = F.one_hot(grid, 8).permute(0, 3, 1, 2).float()
torch.manual_seed(0)
features = torch.randn(4, 512, 16, 16)
with torch.inference_mode():
    main = block.conv_0(F.leaky_relu(block.norm_0(features, M), 0.2))  # (4, 256, 16, 16)
    main = block.conv_1(F.leaky_relu(block.norm_1(main, M), 0.2))
    shortcut = block.conv_s(block.norm_s(features, M))  # 1 x 1, no bias
    agree(shortcut + main, block(features, M), tolerance=1e-4)
print("groups of the convolutions:", block.conv_0.groups, block.conv_1.groups, block.conv_s.groups)

# %% [markdown]
# The library's network reads label maps in another way: it looks $\gamma$ and $\beta$ up (exercise 1), which is faster
# on a CPU. The numbers are the same. Inside `decoder.masks` you choose: `plain=True` gives masks as here.

# %% [markdown]
# ## 5 Spectral norm (6 minutes)
#
# The convolutions of the main path and the shortcut have [spectral norm](glossary.md#spectral-norm): their weight is
# divided by its largest singular value $\sigma$, which limits how much a layer can enlarge what it gets. For this the
# weight `(out, in, k, k)` is read as a matrix $W$ with `out` rows. To find $\sigma$ there is no need for all singular
# values. *Power iteration*: multiply by $W^T$ and by $W$ in turn, and make the vector length 1 each time.
#
# $$v \leftarrow \frac{W^T u}{|W^T u|} \qquad u \leftarrow \frac{W v}{|W v|} \qquad \sigma = u^T W v$$

# %%
W = block.conv_0.parametrizations.weight.original.detach().flatten(1)  # the raw weight: (256, 1152)
torch.manual_seed(0)
u = F.normalize(torch.randn(256), dim=0)
exact = torch.linalg.svdvals(W)[0]
for step in range(1, 101):
    v = F.normalize(W.T @ u, dim=0)
    u = F.normalize(W @ v, dim=0)
    if step in (1, 3, 10, 30, 100):
        error = 1 - float(u @ W @ v / exact)
        print(f"after {step:3d} steps: less than 30 % short {error < 0.3!s:5}  less than 1 % short {error < 0.01}")
agree((W / (u @ W @ v)).view_as(block.conv_0.weight), block.conv_0.weight, tolerance=1e-4)

# %% [markdown]
# Some steps are enough for one weight. In training it is cheaper still: the network keeps $u$ and $v$, and does **one**
# step in each training pass. Weights change slowly, so the vectors keep up. The library's weight is ours, and the
# largest singular value that is left is 1:

# %%
for number, block in enumerate(decoder.blocks):
    raw, used = block.conv_0.parametrizations.weight.original, block.conv_0.weight
    before, after = (torch.linalg.svdvals(weight.detach().flatten(1))[0].item() for weight in (raw, used))
    print(f"block {number}: sigma {before:3.1f} before, {after:.2f} after")

# %% [markdown]
# ### Exercise 2: Power iteration
#
# **Difficulty** ●○○ · **Importance** ●●○ · **8 minutes**
#
# Write `sigma(weight, steps)`: the largest singular value of a convolution's weight `(out, in, k, k)` read as a matrix
# with `out` rows, by `steps` of power iteration from any start. For example `sigma(2 * torch.eye(3).view(3, 3, 1, 1),
# 5)` is 2.
#
# <details><summary>Hint 1</summary>
#
# `weight.flatten(1)` is the matrix. Start from a random vector of length `out`.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# After the loop, $u$ and $v$ both have length 1, and $\sigma = u^T W v$.
#
# </details>

# %%
def sigma(weight: Tensor, steps: int) -> Tensor:
    """`(out, in, k, k)` -> a scalar: its largest singular value as a matrix with `out` rows."""
    raise NotImplementedError("your turn")


check.sigma(sigma)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# import torch
# import torch.nn.functional as F
# from torch import Tensor
#
#
# def sigma(weight: Tensor, steps: int) -> Tensor:
#     W = weight.flatten(1)
#     u = torch.randn(len(W))
#     for _ in range(steps):
#         v = F.normalize(W.T @ u, dim=0)
#         u = F.normalize(W @ v, dim=0)
#     return u @ W @ v
# ```
#
# Each round trip multiplies the part along the largest singular vector by $\sigma_1^2$ and the others by less, so it
# wins.
#
# </details>

# %% [markdown]
# ## 6 The staircase (10 minutes)
#
# All parts are there. The decoder is: `fc`, a grouped 3 x 3 convolution that takes the codes; seven CG-Blocks, with
# upsampling (each pixel becomes 2 x 2) before some of them; and a last convolution to red, green and blue. And the
# number of groups falls on the way. In this network it has the staircase that the paper has for DeepFashion.

# %%
steps = ["fc", *(f"block {n}" for n in range(7))]
widths = [config.decoder_widths[0], *config.decoder_widths]
sizes = [config.start_size[0], *(height for height, _ in decoder.sizes)]
for name, groups, width, size in zip(steps, config.decoder_groups, widths, sizes, strict=True):
    print(f"{name}: {groups} groups of {width // groups:3d} channels, {size:3d} x {size}")
figure, axis = axes(size=(7, 2.2))
axis.bar(steps, config.decoder_groups, width=0.98)
axis.set(ylabel="groups", yticks=[1, 2, 4, 8])
shown(figure, alt="The staircase of group numbers: 8, 8, 8 for fc and the first two blocks, then 4, 4, 2, 2, and 1.")

# %% [markdown]
# Where there are 4 groups, two classes share one: 0 and 1, 2 and 3, and so on, in the order of the channels. So the
# numbers tell which class's code *can* reach which channels. **Predict:** after block 2 (4 groups), how many codes can
# reach the slice of the channels that began as the top's? And after block 5?
#
# We measure. First the walk through the decoder, with every stop kept. At the end it must be the library's image.

# %%
def walk(decoder: nn.Module, codes: Tensor, labels: Tensor) -> list[Tensor]:
    """The features after fc, after each block, and the image."""
    features = decoder.fc(codes.flatten(1, 2))  # (B, 512, 4, 4)
    stops = [features]
    for block, mask, doubled in zip(decoder.blocks, decoder.masks(labels, plain=True), decoder.config.upsample):
        if doubled:
            features = F.interpolate(features, scale_factor=2, mode="nearest")
        features = block(features, mask)
        stops.append(features)
    return [*stops, torch.tanh(decoder.to_rgb(F.leaky_relu(features, 0.2)))]


with torch.inference_mode():
    stops = walk(decoder, codes, labels)
    agree(stops[-1], model.decode(codes, labels), tolerance=1e-3)
print(*(tuple(stop.shape[1:]) for stop in stops), sep="\n")

# %% [markdown]
# Now the **reach**: cut the channels of each stop into eight slices, one for each class, and ask by gradients which
# class's code moves which slice.

# %%
def reach(decoder: nn.Module, codes: Tensor, labels: Tensor) -> list[Tensor]:
    """For fc and each block (8, 8) bool: slice i of the channels depends on the code of class j."""
    codes = codes.clone().requires_grad_()
    torch.manual_seed(0)
    found = []
    for features in walk(decoder, codes, labels)[:-1]:
        rows = []
        for part in features.chunk(8, 1):
            gradient = torch.autograd.grad((part * torch.randn_like(part)).sum(), codes, retain_graph=True)[0]
            rows.append(gradient.abs().amax((0, 2, 3, 4)) > 0)
        found.append(torch.stack(rows))
    return found


reached = reach(decoder, codes[2:3], labels[2:3])
for name, matrix in zip(steps, reached):
    print(f"{name:7s} codes that reach a slice:", *matrix.sum(1).tolist())

# %%
figure, places = axes(1, 8, size=(10, 1.9))
for place, name, matrix in zip(places, steps, reached):
    place.imshow(matrix, cmap="Blues", vmin=-0.3, vmax=1.3)
    place.set(title=name, xticks=[], yticks=[])
places[0].set(xlabel="code of class", ylabel="slice of channels")
shown(figure, alt="Eight square matrices, one for fc and each block: a diagonal for fc and blocks 0 and 1, then "
      "blocks of two along the diagonal, then of four, and a full square after block 6.")

# %% [markdown]
# A diagonal as long as there are 8 groups: eight generators side by side, in one network. Then blocks of two, of four,
# and in block 6 all is open. **A code can leak into another class only from block 2 on.** Which class meets which first
# is decided by the order of the classes: here background and hair, face and skin, top and bottom, socks and shoes.
#
# The zeros are exact. Give person C the top of A: until groups merge, the other classes' channels stay the same to the
# last bit.

# %%
top = classes.index("top")
swapped = codes[2:3].clone()
swapped[:, top] = codes[0, top]
with torch.inference_mode():
    before, after = walk(decoder, codes[2:3], labels[2:3]), walk(decoder, swapped, labels[2:3])
for name, old, new in zip(steps, before, after):
    same = [torch.equal(a, b) for a, b in zip(old.chunk(8, 1), new.chunk(8, 1), strict=True)]
    print(f"{name:7s} changed:", ", ".join(c for c, equal in zip(classes, same, strict=True) if not equal))

# %% [markdown]
# ### Exercise 3: Who reaches whom
#
# **Difficulty** ●●● · **Importance** ●●● · **15 minutes**
#
# Not every staircase nests so well. Our rooms have 15 classes and groups 15, 15, 15, 5, 5, 3, 3, 1: parts of three
# classes, then parts of five. Write `reach_of(classes, groups)`: `(classes, classes)` bool, True where slice $i$ of the
# channels after the last layer depends on the code of class $j$. A layer of $G$ groups cuts the slices, in order, into
# $G$ equal parts; each slice of a part depends on all slices of this part. All numbers in `groups` divide `classes`.
# For example `reach_of(4, [4, 2])[0]` is `[True, True, False, False]`.
#
# <details><summary>Hint 1</summary>
#
# Start with the identity: each code is its own slice. What does one layer do to the set of codes that a slice knows?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# One layer is a matrix of zeros and ones. Layers one after another are a product of matrices: mind the order.
#
# </details>

# %%
def reach_of(classes: int, groups: list[int]) -> Tensor:
    """Number of classes, group numbers in order -> (classes, classes) bool: does slice i depend on code j?"""
    raise NotImplementedError("your turn")


check.reach_of(reach_of)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# import torch
# from torch import Tensor
#
#
# def reach_of(classes: int, groups: list[int]) -> Tensor:
#     reach = torch.eye(classes)
#     for number in groups:
#         part = torch.arange(classes) // (classes // number)  # which part each slice lies in
#         layer = (part[:, None] == part).float()
#         reach = layer @ reach
#     return reach > 0
# ```
#
# With parts of three and then parts of five, slice 5 knows the codes 3 to 11: more than any one layer would say.
#
# </details>

# %% [markdown]
# ## 7 Touch it (8 minutes)
#
# The explorer shows one CG-Norm of one block for one person: what comes in, what normalisation makes of it, $\gamma$
# and $\beta$, and what goes out. Click a pixel, and read the numbers in the formula. Switch a class off: its mask
# channel becomes zero.

# %%
from smis_widgets import CGNormExplorer

explorer = CGNormExplorer(model, gallery)
explorer

# %% [markdown]
# **Try this**
#
# 1. In block 0, switch off a class that the channel's group does not hear of. Before you do: what will change?
# 2. Go to the last block. How many classes does one group hear of there?
# 3. Choose a channel in block 3 that hears of top and bottom, switch the top off, and find where the features change.
#
# No explorer above? Run this notebook in JupyterLab or Jupyter Notebook. As a still picture, after mission 3:

# %%
explorer.block(3)
explorer.channel(300)  # 512 channels, 4 groups of 128: this one lies in group 2
explorer.switch("top")
still = Picture(
    explorer.snapshot(),
    alt="The explorer at block 3, channel 300: the staircase of groups, gamma and beta for each class, and eight maps. "
    "The top is switched off, and the features change in and around the area of the top.",
)
explorer.reset()
print("group", 300 // (512 // 4), "- heard:", ", ".join(classes[4:6]))
still

# %% [markdown]
# ## 8 Why merge at all? (5 minutes)
#
# Why not keep 8 groups to the end? The paper gives two reasons.
#
# **Classes are correlated.** Grass and leaves in one photograph lie in the same light. Eight generators that never talk
# cannot agree on it. How is that in our rendered streets? We correlate the mean brightness of two classes over
# pictures.

# %%
from smis.datasets.archive import world

streets = world("streets", "test").load(64, range(200))
pictures, maps = streets.tensors()
names = streets.label_set.classes
area = torch.stack([maps == c for c in range(len(names))], 1)  # (200, 14, 64, 64)
pixels = area.sum((2, 3))
bright = (pictures.mean(1, keepdim=True) * area).sum((2, 3)) / pixels  # (200, 14): the mean of each class's area
for pair in (("building", "window"), ("grass", "fence"), ("grass", "sidewalk"), ("sky", "road"), ("sky", "building")):
    i, j = map(names.index, pair)
    both = (pixels[:, i] >= 10) & (pixels[:, j] >= 10)
    r = torch.corrcoef(torch.stack([bright[both, i], bright[both, j]]))[0, 1].item()
    print(f"{pair[0]:8s} and {pair[1]:8s} r = {r:.1f}, at least 0.25: {r > 0.25}")

# %% [markdown]
# The first three pairs share some of their brightness, the sky hardly any with road or building. In photographs expect
# more of it: our renderer draws the colour of each class independently of the others, so that one can test control, and
# only light and shadow tie them together. That makes our worlds *easier* for separate generators than real pictures
# are.
#
# **Cost.** To draw well, a class needs channels. Say 32 of them, as our last block has. With one group, 32 channels at
# full size serve all. With one group for each class there must be 32 for each.

# %%
def multiply_adds(channels: int, groups: int, size: int) -> int:
    """Of one grouped 3 x 3 convolution that keeps the number of channels."""
    return groups * (channels // groups) ** 2 * 9 * size * size


for number in (1, 8, 35, 151):
    work, features = multiply_adds(32 * number, number, 128), 32 * number * 128 * 128
    print(f"{number:3d} groups of 32: {work / 1e6:6,.0f} million multiply-adds, {features / 1e6:4.1f} million features")

# %% [markdown]
# For 8 classes that is dear, for the 151 of ADE20K out of the question. So the groups fall as the pictures grow. It is
# a trade: early on, class stays apart from class; late, they agree on borders and light, and cost is shared.

# %% [markdown]
# ## 9 Decode step by step (5 minutes)
#
# What does each block see? Its features have up to 512 channels. We show the three directions in which they vary most,
# as red, green and blue.

# %%
def as_picture(features: Tensor) -> Tensor:
    """(K, h, w) -> uint8 (h, w, 3): the three strongest directions of the channels as colours."""
    flat = features.flatten(1)
    _, _, rows = torch.linalg.svd(flat - flat.mean(1, keepdim=True), full_matrices=False)
    low, high = rows[:3].quantile(0.02, dim=1, keepdim=True), rows[:3].quantile(0.98, dim=1, keepdim=True)
    scaled = ((rows[:3] - low) / (high - low)).clamp(0, 1) * 255
    return scaled.T.unflatten(0, features.shape[1:]).to(torch.uint8)


shots = [as_picture(stop[2]).numpy() for stop in stops[:-1]] + list(to_uint8(stops[-1][2:3]))
print("sizes", *(stop.shape[-1] for stop in stops))
strip(
    shots,
    [*steps, "image"],
    alt="Person C decoded: coarse coloured squares of 4 by 4 at first, then blurs, from block 4 on a body that gets "
    "sharper, and at last the image.",
    height=118,
)

# %% [markdown]
# The code is a 4 x 4 grid, and the first stops are that coarse. The shape of the body comes in with the label map, a
# bit finer in each block. Last, `to_rgb` is a 3 x 3 convolution and `tanh` keeps every number between -1 and 1.

# %%
with torch.inference_mode():
    raw = decoder.to_rgb(F.leaky_relu(stops[-2], 0.2))
agree(torch.tanh(raw), stops[-1])
print("before tanh something lies outside -1..1:", bool((raw.abs() > 1).any()))
print("after it nothing does:", bool((stops[-1].abs() <= 1).all()))

# %% [markdown]
# ## 10 Learned, not built in (8 minutes)
#
# Section 6 said what a code *can* reach. In the end it can reach everything. What does it reach? Take class by class
# the code of another person, and measure the mean change in the area of every class. We do it for the trained network,
# and for one with random weights.
#
# **Predict:** how do the two 8 x 8 tables look?

# %%
def control(model: GroupDNet, codes: Tensor, labels: Tensor) -> Tensor:
    """(8, 8): row c, column k: mean change in the area of class k when class c's code comes from the next person."""
    with torch.inference_mode():
        base, table = model.decode(codes, labels), torch.zeros(8, 8)
        for c in range(8):
            changed = codes.clone()
            changed[:, c] = codes[:, c].roll(1, 0)
            change = (model.decode(changed, labels) - base).abs().mean(1)  # (B, 128, 128)
            table[c] = torch.stack([change[labels == k].mean() for k in range(8)])
    return table

# %%
torch.manual_seed(0)
untrained = GroupDNet(config).eval()
tables = {"trained": control(model, codes, labels), "random weights": control(untrained, codes, labels)}
for name, table in tables.items():
    own = (table.argmax(1) == torch.arange(8)).sum().item()
    print(f"{name}: the own class changes most in {own} of 8 rows;", end=" ")
    others = (table.sum(1) - table.diag()) / 7
    print("own change more than 4 times the mean of the others:", bool((table.diag() > 4 * others).all()))

# %%
figure, places = axes(1, 2, size=(8, 3.6))
for place, (name, table) in zip(places, tables.items(), strict=True):
    place.imshow(table / table.amax(1, keepdim=True), cmap="viridis", vmin=0, vmax=1)  # each row by its largest number
    place.set(title=name, xticks=range(8), yticks=range(8), xlabel="area of class", ylabel="new code of class")
    place.set_xticklabels(classes, rotation=90)
    place.set_yticklabels(classes)
shown(figure, alt="Two matrices of change. Trained: a bright diagonal on dark ground. Random weights: bright all over.")

# %% [markdown]
# Left a diagonal, right none. **That a code moves only its class is learned.** The architecture helps in the early
# blocks, but the last block is open to everything, and the training data must teach it to sort.
#
# Where does the sorting happen? Follow the swapped top from stop to stop, and compare the mean change inside the area
# of the top with that outside. 1 means: it changes everywhere alike.
#
# **Predict:** at which stop will the ratio leave 1?

# %%
def locality(decoder: nn.Module, old: Tensor, new: Tensor, labels: Tensor, cls: int) -> list[float]:
    """Mean change inside the class's area over that outside, for each stop of the walk."""
    ratios = []
    with torch.inference_mode():
        for a, b in zip(walk(decoder, old, labels), walk(decoder, new, labels), strict=True):
            change, step = (a - b).abs().mean(1), labels.shape[1] // a.shape[2]
            area = labels[:, ::step, ::step] == cls
            ratios.append((change[area].mean() / change[~area].mean()).item())
    return ratios

# %%
def swap(cls: int) -> Tensor:
    """Person A with one class's code of B."""
    swapped = codes[:1].clone()
    swapped[:, cls] = codes[1, cls]
    return swapped


hair, curves = classes.index("hair"), {}
for name, network, cls in (("top", model, top), ("hair", model, hair), ("top, random weights", untrained, top)):
    curves[name] = locality(network.decoder, codes[:1], swap(cls), labels[:1], cls)
    far = [stop for stop, ratio in zip([*steps, "image"], curves[name], strict=True) if ratio > 3]
    print(f"{name}: above 3 at", ", ".join(far) or "no stop")

# %%
figure, axis = axes(size=(7, 2.8))
for name, curve in curves.items():
    axis.plot([*steps, "image"], curve, marker="o", label=name)
axis.set(yscale="log", ylabel="change inside : outside", yticks=[1, 3, 10, 30], yticklabels=[1, 3, 10, 30])
axis.grid(visible=True)
axis.legend(frameon=False, labelcolor="grey")
shown(figure, alt="The change inside the class's area over that outside, stop by stop. The top stays near 1 up to "
      "block 5 and jumps above 10 in block 6. The hair rises earlier. With random weights it stays near 1.")

# %% [markdown]
# Surprised? Up to block 5 the code of the top changes its channels **everywhere**, also where there is no top. The
# network keeps the styles of classes side by side in channels, each over the whole plane, and it is the last block
# that picks, pixel by pixel, with the label map in hand. That is what $\gamma$ and $\beta$ of the last block are for.
# The hair begins earlier (its line has no start: at 4 x 4 and 8 x 8 this label map shows no hair), and makes the
# largest step in the same place. With random weights nothing is ever picked.

# %% [markdown]
# ### Exercise 4: Inside and outside
#
# **Difficulty** ●●○ · **Importance** ●●● · **10 minutes**
#
# The measure behind this course's numbers on control. Write `inside_outside(before, after, labels, cls)` for images
# `(B, 3, H, W)` and label maps `(B, H, W)`: the mean absolute change inside the area of the class, and outside of it.
# Both are means over all pixels *of the batch together* and over the three colours. Where no pixel counts, the answer
# is 0. For two grey images that differ by 0.5 in one pixel of class 3, the answer for class 3 is `(0.5, 0.0)` if it is
# the class's only pixel.
#
# <details><summary>Hint 1</summary>
#
# First make a map of change `(B, H, W)`, then choose pixels from it with a boolean mask.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The mean of no numbers is `nan`. Ask before you divide: `area.any()`.
#
# </details>

# %%
def inside_outside(before: Tensor, after: Tensor, labels: Tensor, cls: int) -> tuple[float, float]:
    """Two batches of images and their label maps -> mean change inside and outside the area of a class."""
    raise NotImplementedError("your turn")


check.inside_outside(inside_outside)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# from torch import Tensor
#
#
# def inside_outside(before: Tensor, after: Tensor, labels: Tensor, cls: int) -> tuple[float, float]:
#     change = (after - before).abs().mean(1)  # (B, H, W)
#     area = labels == cls
#     inside, outside = change[area], change[~area]
#     return (
#         inside.mean().item() if len(inside) else 0.0,
#         outside.mean().item() if len(outside) else 0.0,
#     )
# ```
#
# A good edit has a large first and a small second number. Notebook 10 reports both, and their ratio.
#
# </details>

# %% [markdown]
# ## 11 Break it (5 minutes)
#
# Two ways to break the decoder. First, take the label map's voice away: $\gamma = \beta = 0$ in every CG-Norm. All
# weights that draw are still there. **Predict:** which of shape, colour and place survive?

# %%
import copy

mute = copy.deepcopy(model)
for norm in (part for part in mute.modules() if type(part).__name__ == "CGNorm"):
    for conv in (norm.gamma, norm.beta):
        nn.init.zeros_(conv.weight)
        nn.init.zeros_(conv.bias)
order = torch.tensor([1, 2, 3, 4, 5, 6, 7, 0])  # every group gets the code of the next class
with torch.inference_mode():
    good, silent = model.decode(codes, labels), mute.decode(codes, labels)
    shuffled = model.decode(codes[:, order], labels)
errors = [(picture - images).abs().mean().item() for picture in (good, silent, shuffled)]
print("error grows more than 3 times without modulation:", errors[1] > 3 * errors[0])
print("error grows more than 3 times with shuffled groups:", errors[2] > 3 * errors[0])

# %%
strip(
    [*to_uint8(good)[:3], *to_uint8(silent)[:3], *to_uint8(shuffled)[:3]],
    [f"{name} {letter}" for name in ("whole,", "mute,", "shuffled,") for letter in "ABC"],
    alt="Three people drawn by the whole network; glaring colour fields without any person where gamma and beta "
    "are zero (mute); and with shuffled groups people of the right shape in colours that are not theirs.",
    height=118,
)

# %% [markdown]
# Without modulation there is no person at all: the shape comes from the label map, and from nowhere else. With shuffled
# groups the shape is perfect, and the look is nobody's. The group of the top got the code of the trousers, written in
# another group's language, and can read little in it. **The label map gives the shape, the codes give the look, and a
# code is worth nothing in another group.**

# %% [markdown]
# ## What you learned
#
# - Normalisation takes away what is constant, and a label map is constant over large areas. CG-Norm gives it back after
#   each normalisation: $F_\mathrm{out} = \mathrm{BN}(F)(1 + \gamma(M)) + \beta(M)$.
# - With $C$ groups the decoder is $C$ generators in one. The groups fall, because classes have something to agree on,
#   and because separate channels at full size cost too much.
# - The staircase says what a code *can* reach. What it does reach is learned, and most of the sorting happens in the
#   last block.
#
# ## Ask yourself
#
# <details><summary>Why is there a 1 in front of γ?</summary>
# So that a mask network that says nothing (γ = β = 0) lets the normalised features pass unchanged.</details>
#
# <details><summary>Why does batch norm have no learned scale and shift here?</summary>
# γ and β take their place, and they differ from pixel to pixel. A constant in addition would say nothing new.</details>
#
# <details><summary>Can the code of the hair change the colour of the top in block 1?</summary>
# No. With 8 groups no channel of the top sees the hair's code. Earliest in block 2 could two classes meet, and hair and
# top meet only in block 6: background to skin are one half, top to shoes the other.</details>
#
# <details><summary>What would change if the classes stood in another order?</summary>
# Which classes meet first. Face and skin share a group from block 2 on; in another order it might be face and
# shoes.</details>
#
# <details><summary>Does spectral norm bound the decoder's output?</summary>
# No, tanh does that. It bounds how much each convolution of the blocks can enlarge its input. fc, to_rgb and CG-Norm's
# own convolutions have none.</details>
#
# <details><summary>A network has 8 groups up to the image. Is control then guaranteed?</summary>
# Not by that alone: every group could still paint everywhere. Somebody has to decide which group's picture counts at
# which pixel, as our version of MulNet (a baseline of the paper) does with masks.</details>
#
# ## Read on
#
# - Zhu, Xu, You, Bai, *Semantically Multi-modal Image Synthesis*, CVPR 2020: section 3 has this decoder.
# - Park, Liu, Wang, Zhu, *Semantic Image Synthesis with Spatially-Adaptive Normalization*, CVPR 2019: SPADE, and the
#   argument about flat maps.
# - Miyato, Kataoka, Koyama, Yoshida, *Spectral Normalization for Generative Adversarial Networks*, ICLR 2018.
# - Tan et al., *Efficient Semantic Image Synthesis via Class-Adaptive Normalization* (CLADE), 2021: γ and β as a table
#   with a row for each class. Exercise 1 shows why that gets far.
#
# Next: [04 Discriminator and losses](04_discriminator_and_losses.ipynb): who says what looks right?
