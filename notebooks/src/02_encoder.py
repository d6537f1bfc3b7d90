# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # The encoder: how does each class get its own code?
#
# The [encoder](glossary.md#encoder) of GroupDNet never sees a whole person. It sees hair without a head, a top without
# arms, two shoes without legs, each cut out and blown up. From each piece it makes one [latent
# code](glossary.md#latent-code).
#
# ![A rendered person, the label map, and the eight pieces that the encoder sees: background, hair, face, skin, top,
# bottom, socks, shoes, each cut out and enlarged.](../docs/encoder-pieces.webp)
#
# **You will be able to**
#
# - cut an image into classes and prepare each piece as the network wants it,
# - run the trained encoder of one class by hand, layer by layer, and get the library's numbers,
# - draw a code from what the encoder says, and compute what it pays for it,
# - prove that the code of the top knows nothing of the hair,
# - say what a code contains, and what goes wrong without groups or without the crop.
#
# **You need** notebook [01](01_grouped_convolutions.ipynb), and to know what a normal distribution is.
# **Time** 70 minutes to read and do, half of it for the exercises; all cells together run in 30 seconds on a laptop.

# %%
import torch
import torch.nn.functional as F

from smis import GroupDNet, people
from smis.course import agree
from smis.course import encoder as check
from smis.datasets.paths import data_file

gallery = people("test").load(indices=(10, 24, 40, 37, 118, 65, 132, 77))  # A to H, as in notebook 00
images, labels = gallery.tensors()  # (8, 3, 128, 128) in [-1, 1], (8, 128, 128)
names = gallery.label_set.classes
background, hair, face, skin, top, bottom, socks, shoes = range(8)

model = GroupDNet.load(data_file("checkpoints/people-128.safetensors"))
model.requires_grad_(False)  # we look, we do not train
print(tuple(images.shape), tuple(labels.shape), len(names), "classes")

# %% [markdown]
# ## 1 One mask for each class (3 minutes)
#
# A [label map](glossary.md#label-map) $L$ says for each pixel which [class](glossary.md#class) it has. The
# [one-hot mask](glossary.md#one-hot-mask) $M$ says the same with $C$ channels of 0 and 1.
#
# **Predict:** what is the sum of all $C$ channels at one pixel?

# %%
from smis.layers import one_hot

mask = torch.zeros(8, 8, 128, 128)  # (B, C, H, W)
for c in range(8):
    mask[:, c] = (labels == c).float()
agree(mask, one_hot(labels, 8))
agree(mask.sum(1), torch.ones(8, 128, 128))

# %% [markdown]
# Every pixel has one class: the sum is 1 everywhere. Now cut the image of person F into pieces, $X_c = M_c X$:

# %%
from smis.sheets import to_uint8
from smis_widgets import strip

person = 5  # F shows all eight classes
pieces = mask[person, :, None] * images[person]  # X_c = M_c X: (C, 3, H, W)
agree(pieces.sum(0), images[person])
strip(
    [gallery.images[person], *to_uint8(pieces)],
    ["X", *names],
    alt="Person F and the eight pieces, each on grey. Most pieces are tiny: the hair is a small cap, "
    "the shoes two dots.",
    height=92,
)

# %% [markdown]
# The pieces add up to the image: nothing is lost and nothing is there twice. (Grey is 0, since colours run from -1 to
# 1.)

# %% [markdown]
# ## 2 Crop and enlarge (4 minutes)
#
# **Predict:** what share of the pixels of F is hair? 0.5 %, 2 %, or 5 %?

# %%
for c, name in enumerate(names):
    print(f"{name:10s} {100 * mask[person, c].mean().item():5.1f} % of the pixels")

# %% [markdown]
# Half a percent. A network that halves the picture five times would see next to nothing of it. So each piece is cropped
# to its [bounding box](glossary.md#bounding-box) and enlarged to the full size. The formula of the paper does not
# mention this step; the released code does it.

# %%
from smis.encoder import class_boxes

rows = [i for i in range(128) if (labels[person, i] == hair).any()]
columns = [j for j in range(128) if (labels[person, :, j] == hair).any()]
box = [rows[0], columns[0], rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1]
print("hair: top, left, height, width", box)
agree(torch.tensor(box).float(), class_boxes(labels, 8)[person, hair].float())

# %% [markdown]
# To enlarge we repeat pixels: row $i$ of the result is row $\lfloor i \cdot h / H \rfloor$ of the crop of height $h$.
# This is called *nearest*. Blending neighbours instead would mix hair with the zeros around it.

# %%
top_row, left, tall, wide = box
crop = pieces[hair][:, top_row : top_row + tall, left : left + wide]  # (3, h, w)
i = torch.arange(128) * tall // 128  # which row of the crop
j = torch.arange(128) * wide // 128
large = crop[:, i][:, :, j]  # (3, 128, 128)
agree(large, F.interpolate(crop[None], (128, 128), mode="nearest")[0])

# %% [markdown]
# The library does it for all classes:

# %%
from smis.encoder import gather_by_class
from smis.sheets import colour_maps

parts = gather_by_class(images, labels, class_boxes(labels, 8), range(8))  # (B, C, 3, H, W)
agree(large, parts[person, hair])
strip(
    [gallery.images[person], colour_maps(gallery.labels, gallery.label_set)[person], *to_uint8(parts[person])],
    ["X", "label map", *names],
    alt="Person F, the label map, and the eight pieces, cropped and enlarged: even the hair and the shoes reach "
    "from edge to edge.",
    height=92,
)

# %% [markdown]
# Two details. A class that is **not in the image** becomes a picture of zeros. And the released code finds the box by
# the *colours*: a row or column whose values sum to exactly zero does not count. For natural colours the boxes are
# nearly always the same, but one can make an example:

# %%
tiny = torch.ones(1, 3, 4, 4)
tiny[0, :, 0] = torch.tensor([1.0, -1.0, 0.0])[:, None]  # the first row: colours that sum to zero
one_class = torch.zeros(1, 4, 4, dtype=torch.long)
print("by labels ", class_boxes(one_class, 1)[0, 0].tolist())
print("by colours", class_boxes(one_class, 1, tiny)[0, 0].tolist())

# %% [markdown]
# Our own networks go by the labels; for the authors' published weights one sets `encoder_boxes="colours"`.

# %% [markdown]
# ### Exercise 1: cut, crop, enlarge
#
# **Difficulty** ●●○ · **Importance** ●●● · **12 minutes**
#
# Put it together for one class of one image: keep the pixels of class `c`, crop to their box, enlarge with nearest to
# the size of the image. Where the class is absent, return zeros. Example: a class of one single pixel gives a picture
# full of that pixel's colour.
#
# <details><summary>Hint 1</summary>
#
# `torch.nonzero(labels == c)` lists the (row, column) of all pixels of the class. It may be empty.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The last row belongs to the box: its height is `last - first + 1`. Pixels of other classes inside the box are 0.
#
# </details>

# %%
def zoom(image: torch.Tensor, labels: torch.Tensor, c: int) -> torch.Tensor:
    """image (3, H, W), labels (H, W) -> (3, H, W): class c cut out, cropped to its box, enlarged; zeros if absent."""
    raise NotImplementedError("your turn")


check.zoom(zoom)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# import torch
# import torch.nn.functional as F
#
#
# def zoom(image: torch.Tensor, labels: torch.Tensor, c: int) -> torch.Tensor:
#     places = torch.nonzero(labels == c)  # (pixels of the class, 2)
#     if len(places) == 0:
#         return torch.zeros_like(image)
#     (top, left), (bottom, right) = places.amin(0).tolist(), places.amax(0).tolist()
#     cut = image * (labels == c)  # X_c = M_c X
#     crop = cut[:, top : bottom + 1, left : right + 1]
#     return F.interpolate(crop[None], image.shape[1:], mode="nearest")[0]
# ```
#
# The mask first, the crop second: inside the box of the hair there is face, and it must not get in.
#
# </details>

# %% [markdown]
# ## 3 One group, layer by layer (4 minutes)
#
# The pieces lie side by side, $3C$ channels, and go through grouped convolutions with $C$ groups. From notebook 01 we
# know: that is $C$ separate small networks. So take out the one for *top* and run it by hand. Each layer is a
# convolution with stride 2 and a LeakyReLU, which multiplies negative numbers by 0.2.
#
# **Predict:** 128 pixels, five layers of stride 2. How large is the grid at the end?

# %%
def own(values: torch.Tensor, c: int) -> torch.Tensor:
    """The weights or biases of group c: they lie side by side."""
    return values.chunk(8)[c]


x = parts[person : person + 1, top]  # (1, 3, 128, 128)
seen = [x]
for layer in model.encoder.layers:
    x = F.conv2d(x, own(layer.weight, top), own(layer.bias, top), stride=2, padding=1)
    x = torch.where(x > 0, x, 0.2 * x)  # LeakyReLU
    seen.append(x)
    print(tuple(x.shape))

# %%
first = seen[1][0, :8]  # 8 of the 16 channels after the first layer
grey = to_uint8((first / first.abs().amax((1, 2), keepdim=True))[:, None].expand(-1, 3, -1, -1))
strip(
    [to_uint8(seen[0])[0], *grey],
    ["top", *[f"channel {n}" for n in range(8)]],
    alt="The top of person F, and eight channels after the first layer: the same shape in greys, some bright, "
    "some dark, some with edges.",
    height=100,
)

# %% [markdown]
# The first channels are filters as in any network for images: some like a colour, some an edge. Five layers later 128
# channels on a grid of 4 × 4 are left. Two more convolutions, the *heads*, make the result: `mu` and `logvar`,
# 8 channels each. We come to `logvar` in section 5. `mu` is the code that `model.encode` returns:

# %%
def head(conv: torch.nn.Conv2d) -> torch.Tensor:
    """x (1, 128, 4, 4) -> (1, 8, 4, 4), with the group of the top."""
    return F.conv2d(x, own(conv.weight, top), own(conv.bias, top), padding=1)


mu, logvar = head(model.encoder.mu), head(model.encoder.logvar)
codes = model.encode(images, labels)  # all people, all classes
print("codes", tuple(codes.values.shape), "= people, classes, channels, grid")
agree(mu[0], codes.values[person, top], tolerance=1e-4)

# %% [markdown]
# That is the whole encoder. All classes at once are the same lines with `groups=8`:

# %%
from smis.encoder import GroupEncoder


def encode_all(encoder: GroupEncoder, parts: torch.Tensor) -> torch.Tensor:
    """parts (B, C, 3, H, W) -> mu (B, C, 8, 4, 4)."""
    x = parts.flatten(1, 2)  # (B, 3C, H, W): the three channels of a class together
    for layer in encoder.layers:
        x = F.leaky_relu(F.conv2d(x, layer.weight, layer.bias, stride=2, padding=1, groups=8), 0.2)
    x = F.conv2d(x, encoder.mu.weight, encoder.mu.bias, padding=1, groups=8)
    return x.unflatten(1, (8, 8))


agree(encode_all(model.encoder, parts), codes.values, tolerance=1e-4)

# %% [markdown]
# **Predict:** A and D show no shoes. What do their codes for shoes have in common?

# %%
A, D = 0, 3
print("A and D show shoes:", codes.present[A, shoes].item(), codes.present[D, shoes].item())
print("the same code:", torch.equal(codes.values[A, shoes], codes.values[D, shoes]))
print("all zeros:", bool((codes.values[A, shoes] == 0).all()))

# %% [markdown]
# Both give the encoder a picture of zeros, so both get the same code. It is not zero, since the layers have biases, and
# it says nothing about anybody. `codes.present` marks such codes, so that nobody picks a style that is not there.

# %% [markdown]
# ## 4 What the paper's encoder has besides (5 minutes)
#
# The encoder of the paper has no biases in these layers. Instead it has two kinds of normalisation:
#
# - [Spectral norm](glossary.md#spectral-norm) divides each weight, written as a matrix, by its largest singular value.
# - [Instance norm](glossary.md#instance-norm) gives each channel of each image mean 0 and deviation 1.
#
# Our shipped networks do without both. First let us see that our library has them right, with random weights:

# %%
from dataclasses import replace

torch.manual_seed(0)
paper = GroupEncoder(replace(model.config, encoder_norm="instance")).eval().requires_grad_(False)

x = parts[person : person + 1, top]
for layer in paper.layers:
    raw = layer.parametrizations.weight.original  # before spectral norm
    sigma = torch.linalg.matrix_norm(raw.flatten(1), 2)  # the largest singular value
    x = F.conv2d(x, own(raw / sigma, top), stride=2, padding=1)
    mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), keepdim=True, unbiased=False)
    x = F.leaky_relu((x - mean) / torch.sqrt(variance + 1e-5), 0.2)
mu = F.conv2d(x, own(paper.mu.weight, top), own(paper.mu.bias, top), padding=1)
mu_paper = paper(images, labels)[0]  # (8, 8, 8, 4, 4)
agree(mu[0], mu_paper[person, top], tolerance=1e-3)
agree(mu_paper[A, shoes], own(paper.mu.bias, shoes)[:, None, None].expand(8, 4, 4))  # A shows no shoes

# %% [markdown]
# The last line is about the absent class again: without biases zeros stay zeros up to the head, and the code is exactly
# the head's bias. And a remark on speed: the library does not compute singular values in each step. It *estimates* the
# largest one, a little better with every training step. Here even a rough estimate would do, since the instance norm
# right behind divides any factor out.
#
# The paper's network for DeepFashion is the same thing in larger:

# %%
from smis import preset

large_one = preset("deepfashion").model
print("pixels", large_one.image_size, "- channels a class after each layer", *large_one.encoder_widths)
print("code of one class", (large_one.latent_dim, *large_one.latent_size), "- ours", (8, 4, 4))

# %% [markdown]
# Now to the reason why ours go without. **Predict:** paint the top of F in flat red, then in a red half as strong.
# Which encoder notices?

# %%
red = torch.tensor([0.8, -0.4, -0.4])[:, None, None]
strong, weak = (torch.where(labels[person] == top, strength * red, images[person])[None] for strength in (1.0, 0.5))


def change(encode) -> float:
    """By how much the code of the top changes, as a share of its size."""
    a, b = encode(strong)[0, top], encode(weak)[0, top]
    return ((a - b).norm() / a.norm()).item()


with_norm = change(lambda image: paper(image, labels[person : person + 1])[0])
without = change(lambda image: model.encode(image, labels[person : person + 1]).values)
print("with instance norm the code changes by more than 10 %:   ", with_norm > 0.1)
print("without instance norm the code changes by more than 10 %:", without > 0.1)

# %% [markdown]
# Half the strength is half of every number after a convolution without bias, and instance norm divides that out. For
# photographs full of texture this may not matter. Our tops are often of one flat colour, and a top in dark red must not
# become the same as one in bright red. (It is a choice, not a law: `encoder_norm` in the config.)

# %% [markdown]
# ### Exercise 2: instance norm
#
# **Difficulty** ●○○ · **Importance** ●●○ · **6 minutes**
#
# Write it as a function. Each channel of each image on its own: subtract the mean over its pixels, divide by
# $\sqrt{\text{variance} + \epsilon}$. The variance is the plain mean of the squared deviations. Example: a channel with
# the pixels 1 and 3 becomes -1 and 1, nearly.
#
# <details><summary>Hint 1</summary>
#
# Over which axes of `(B, K, H, W)` do you average, if images and channels are to stay apart?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `keepdim=True` lets the mean `(B, K, 1, 1)` be subtracted. `torch.var` divides by n - 1 unless you say
# `unbiased=False`.
#
# </details>

# %%
def instance_norm(x: torch.Tensor, epsilon: float) -> torch.Tensor:
    """x (B, K, H, W) -> (B, K, H, W): each channel of each image with mean 0 and deviation 1."""
    raise NotImplementedError("your turn")


check.instance_norm(instance_norm)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# import torch
#
#
# def instance_norm(x: torch.Tensor, epsilon: float) -> torch.Tensor:
#     mean = x.mean((2, 3), keepdim=True)  # (B, K, 1, 1)
#     variance = (x - mean).square().mean((2, 3), keepdim=True)
#     return (x - mean) / torch.sqrt(variance + epsilon)
# ```
#
# Only pixels are averaged: the channels of one class never meet those of another.
#
# </details>

# %% [markdown]
# ## 5 A code is a small cloud (5 minutes)
#
# The encoder does not answer with a point but with a normal distribution for each of the numbers: its mean $\mu$, and
# its deviation $\sigma$. So that the network may give any number and $\sigma$ stays positive, the head gives
# $\text{logvar} = \log \sigma^2$. In training a code is drawn from it:
#
# $$z = \mu + \exp(\text{logvar} / 2) \cdot \text{noise}$$
#
# **Predict:** `logvar` is -2 everywhere. What is $\sigma$: 0.37, 0.14 or -1?

# %%
from smis.encoder import sample_code

mu, logvar = model.encoder(images, labels)  # (8, 8, 8, 4, 4) each
torch.manual_seed(0)
noise = torch.randn_like(mu)
sigma = torch.exp(logvar / 2)  # logvar = log(sigma^2), so sigma = exp(logvar / 2)
agree(mu + sigma * noise, sample_code(mu, logvar, noise))

many = mu[person, top] + sigma[person, top] * torch.randn(4000, 8, 4, 4)  # one cloud
off = (many.mean(0) - mu[person, top]).abs() / sigma[person, top]
print("mean of 4000 draws is within a tenth of a deviation:", bool((off < 0.1).all()))
print("exp(-2 / 2) =", round(float(torch.exp(torch.tensor(-1.0))), 2))

# %% [markdown]
# Why so complicated, why not draw $z$ directly? Because training must send a gradient back through the drawing. Written
# in this way, the chance is all in `noise`, and $\mu$ and $\sigma$ are reached by plain multiplication and addition.
# This is the [reparameterisation](glossary.md#reparameterisation) of the variational auto-encoder:

# %%
centre, log, chance = (values[person, top].clone() for values in (mu, logvar, noise))
centre.requires_grad_()
log.requires_grad_()
sample_code(centre, log, chance).sum().backward()
agree(centre.grad, torch.ones(8, 4, 4))  # dz/dmu = 1
agree(log.grad, 0.5 * sigma[person, top] * chance)  # dz/dlogvar = sigma * noise / 2

# %% [markdown]
# The noise makes the [decoder](glossary.md#decoder) cope with codes near $\mu$, not only with $\mu$ itself. That helps
# to make codes between two people usable, in notebook 09. Here is F, decoded from $\mu$ and from three draws:

# %%
noise = torch.randn(3, *mu.shape[1:])
draws = torch.cat([mu[[person]], sample_code(mu[[person]], logvar[[person]], noise)])
pictures = model.decode(draws, labels[[person] * 4])
other = model.decode(mu[:1], labels[[person]])  # A's codes on F's label map
near, far = (pictures[1] - pictures[0]).abs().mean(), (other - pictures[:1]).abs().mean()
print("a draw changes the picture less than half as much as A's codes do:", (near / far).item() < 0.5)
strip(
    [gallery.images[person], *to_uint8(pictures)],
    ["F", "mu", "draw 1", "draw 2", "draw 3"],
    alt="Person F, decoded from the mean codes, and from three draws: hardly to be told apart.",
)

# %% [markdown]
# ### Exercise 3: draw a code
#
# **Difficulty** ●○○ · **Importance** ●●● · **6 minutes**
#
# Write the drawing for some classes only: classes in `chosen` get noise, the others keep their mean. Example: with
# `chosen=[]` the answer is `mu`.
#
# <details><summary>Hint 1</summary>
#
# The class is the second axis of `(B, C, D, h, w)`.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Start with a copy of `mu`, so that what you were given stays as it is, and write into `z[:, chosen]`.
#
# </details>

# %%
def draw(mu: torch.Tensor, logvar: torch.Tensor, noise: torch.Tensor, chosen: list[int]) -> torch.Tensor:
    """mu, logvar, noise (B, C, D, h, w) -> codes (B, C, D, h, w); only the chosen classes get noise."""
    raise NotImplementedError("your turn")


check.draw(draw)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# import torch
#
#
# def draw(mu: torch.Tensor, logvar: torch.Tensor, noise: torch.Tensor, chosen: list[int]) -> torch.Tensor:
#     z = mu.clone()
#     z[:, chosen] += torch.exp(logvar[:, chosen] / 2) * noise[:, chosen]  # z = mu + sigma * noise
#     return z
# ```
#
# One axis for the class makes edits of a single class a matter of indexing.
#
# </details>

# %% [markdown]
# ## 6 What a code costs (4 minutes)
#
# We also want to draw *new* codes when there is no image. For that the clouds should together look like the standard
# normal distribution. The encoder pays for the distance, the [KL divergence](glossary.md#kl-divergence). For each
# number
#
# $$\mathrm{KL} = -\tfrac{1}{2} \left(1 + \log \sigma^2 - \mu^2 - \sigma^2\right)$$
#
# **Predict:** for which $\mu$ and $\sigma$ is it 0?

# %%
from torch.distributions import Normal
from torch.distributions import kl_divergence as library_kl

from smis.losses import kl_divergence

each = -0.5 * (1 + logvar - mu.square() - logvar.exp())  # (B, C, D, h, w)
agree(each, library_kl(Normal(mu, sigma), Normal(torch.zeros(()), torch.ones(()))), tolerance=1e-4)
agree(each.flatten(1).sum(1).mean(), kl_divergence(mu, logvar), tolerance=0.01)  # a sum of thousands
print("0 at mu 0, sigma 1:", kl_divergence(torch.zeros(1, 1), torch.zeros(1, 1)).item() == 0)

# %%
from smis_widgets.plots import axes, shown

figure, (left_axis, right_axis) = axes(1, 2, size=(8, 2.6))
line = torch.linspace(-3, 3, 121)
left_axis.plot(line, 0.5 * line**2)
left_axis.set(xlabel="mu (sigma is 1)", ylabel="KL")
line = torch.linspace(0.05, 3, 120)
right_axis.plot(line, -0.5 * (1 + 2 * line.log() - line**2))
right_axis.set(xlabel="sigma (mu is 0)", ylabel="KL")
shown(
    figure,
    alt="Two curves. Over mu the KL is a parabola with its lowest point 0 at mu 0. Over sigma it is 0 at 1, "
    "rises steeply towards 0 and more slowly above 1.",
)

# %% [markdown]
# Far from 0 is expensive, and so is being very sure ($\sigma$ near 0). An encoder that pays too much says *mean 0,
# deviation 1* for every image: no cost, and no information. The weight of this loss decides. The paper's is 0.05, for
# the sum over the two DeepFashion images that each GPU had at a time; for a mean over images, as we count, that is 0.1.
# In our networks it is much smaller, so that codes hold more:

# %%
print("weight of KL: paper", preset("deepfashion").weights.kl, "- ours", preset("people-128").weights.kl)
there = codes.present[..., None, None, None].float()
paid = (each * there).sum((0, 2, 3, 4)) / codes.present.sum(0)  # per class, over those who show it
print("most expensive first:", ", ".join(names[c] for c in paid.argsort(descending=True)[:3]))

# %% [markdown]
# Two facts that no formula tells. The released code sums over the images of a batch, so its weight means something else
# for another batch size; ours takes the mean over them. And with so small a weight our codes do *not* look standard
# normal. So after training we fit one Gaussian a class to the codes of the training images and draw from that: the
# [prior](glossary.md#prior).

# %% [markdown]
# ### Exercise 4: the cost of each class
#
# **Difficulty** ●●○ · **Importance** ●●○ · **8 minutes**
#
# Which class costs how much? Sum the KL divergence over the numbers of each class, and take the mean over the images
# that **show** the class. For a class that nobody shows the answer is 0. Example: two images, one shows the class and
# pays 6, the other does not: the answer is 6, not 3.
#
# <details><summary>Hint 1</summary>
#
# First the sum over the last three axes: `(B, C)`. Then leave out what is not present.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Multiply by `present`, sum over the images, divide by how many show the class. Avoid 0 / 0 with `clamp(min=1)`.
#
# </details>

# %%
def kl_per_class(mu: torch.Tensor, logvar: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """mu, logvar (B, C, D, h, w), present (B, C) bool -> (C,): KL of each class, mean over images that show it."""
    raise NotImplementedError("your turn")


check.kl_per_class(kl_per_class)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# import torch
#
#
# def kl_per_class(mu: torch.Tensor, logvar: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
#     each = -0.5 * (1 + logvar - mu.square() - logvar.exp())
#     cost = each.sum((2, 3, 4)) * present  # (B, C)
#     return cost.sum(0) / present.sum(0).clamp(min=1)
# ```
#
# Absent classes would only blur the picture: their codes are the same for everybody.
#
# </details>

# %% [markdown]
# ## 7 The top does not know the hair (4 minutes)
#
# Now the promise. Give F's hair random colours, and look whose code moves.
#
# **Predict:** what changes more, the code of the face beside the hair, or that of the shoes?

# %%
torch.manual_seed(0)
dyed = torch.where(labels[:, None] == hair, torch.rand_like(images) * 2 - 1, images)
after = model.encode(dyed, labels)
for c, name in enumerate(names):
    print(f"{name:10s} code moved:", not torch.equal(after.values[person, c], codes.values[person, c]))

# %% [markdown]
# Neither: only the hair's code moves, all others stay **bit for bit**. The gradient says the same for every small
# change of a pixel:

# %%
x = images[person : person + 1].clone().requires_grad_()
model.encode(x, labels[person : person + 1]).values[0, top].sum().backward()
for c, name in enumerate(names):
    pull = x.grad[0, :, labels[person] == c].abs().max().item()
    print(f"{name:10s}", "felt by the code of the top" if pull > 0 else "not felt at all (gradient exactly 0)")

# %% [markdown]
# The encoder can be touched. Choose a class, poke the picture with a coloured spot, and watch the bars: one for
# each code.

# %%
from smis_widgets import EncoderExplorer, Picture

explorer = EncoderExplorer(model, gallery)
explorer

# %% [markdown]
# **Try this**
#
# 1. Choose *top*, and click on it in the picture, or press *Poke*. Which bars move?
# 2. Paint a large spot over the edge between top and bottom. How many bars move now?
# 3. Look at the piece that the encoder sees while you paint on another class. Does it change?
#
# As a still picture it looks like this:

# %%
explorer.reset()
explorer.scene("F")
explorer.choose("top")
explorer.poke()
print("moved:", ", ".join(name for name, by in explorer.moved.items() if by > 0))
still = explorer.snapshot()
explorer.reset()
Picture(
    still,
    alt="The encoder explorer with person F: a red spot on the top, the piece that the encoder sees, and one bar "
    "for each class's code. Only the bar of the top is not zero.",
)

# %% [markdown]
# ## 8 What is in a code? (5 minutes)
#
# Take the first 200 people of the test set, whom the network has never seen. Keep those who show a top (some pictures
# show only legs), encode only this class, and compare the codes.
#
# **Predict:** whose code is nearest to that of F's top: somebody with a top of the same *shape*, or of the same
# *colour*?

# %%
crowd_images, crowd_labels = people("test").load(indices=range(200)).tensors()
shows_top = (crowd_labels == top).flatten(1).any(1)
query = int(shows_top[:65].sum())  # number 65 of the test set is person F
crowd_images, crowd_labels = crowd_images[shows_top], crowd_labels[shows_top]
tops = model.encoder(crowd_images, crowd_labels, [top])[0][:, 0].flatten(1)  # (people, 8 * 4 * 4)
print(len(tops), "people show a top; its code has", tops.shape[1], "numbers")
distance = (tops - tops[query]).norm(dim=1)
order = distance.argsort().tolist()
assert order[0] == query
strip(
    to_uint8(crowd_images[[*order[:6], *order[-2:]]]),
    ["F", *[f"nearest {n}" for n in range(1, 6)], "second last", "farthest"],
    alt="Person F, the five people whose tops have the nearest codes, and the two with the farthest: the near tops "
    "have about the same colour, the far ones another.",
    height=150,
)

# %%
inside = crowd_labels == top
colour = torch.stack([picture[:, area].mean(1) for picture, area in zip(crowd_images, inside, strict=True)])
apart = (colour - colour[query]).norm(dim=1)
closer = apart[order[1:6]].mean() < apart.mean() / 2
print("the five differ from F in mean colour by less than half of what people do on average:", bool(closer))

# %% [markdown]
# Colour comes first: greens and dark tones, whatever the shape, a short shirt, a long dress or half a jumper. But look
# again: all five have a coarse pattern too. Something of it is in the code, though the decoder drew F's stripes only as
# blurs above.
#
# We can see the colours for all people at once: 128 numbers a code are too many to draw, so we take the two directions
# in which the codes differ most (principal components) and give each point the mean colour of its top.

# %%
centred = tops - tops.mean(0)
_, _, directions = torch.linalg.svd(centred, full_matrices=False)
flat = centred @ directions[:2].T  # (people, 2)
figure, axis = axes(size=(5.5, 4))
axis.scatter(*flat.T, c=((colour + 1) / 2).clamp(0, 1).numpy(), s=45, edgecolors="grey", linewidths=0.4)
axis.set(xlabel="first direction", ylabel="second direction", xticks=[], yticks=[])
shown(
    figure,
    alt="A cloud of points, one for each top, in its colour: dark to light in one direction, purple to green in the "
    "other.",
)

# %%
scores = torch.cat([centred @ directions[:6].T, torch.ones(len(tops), 1)], 1)  # the six strongest directions, and 1
fit = torch.linalg.lstsq(scores[:100], colour[:100]).solution  # a straight line from code to colour, for 100 people
missed = (scores[100:] @ fit - colour[100:]).square().mean() / colour[100:].var(0).mean()
print("for the other people it explains more than half of the colour:", missed.item() < 0.5)

# %% [markdown]
# The picture looks like a painter's palette: dark to light in one direction, purple to green in the other.
# Nobody told the encoder about colours. It had to help the decoder paint the person again, and colour helps most. Be
# careful with conclusions, though: our people wear rendered fabrics under plain light. On photographs folds, light and
# pattern take their share. And the crop still shows the *outline* of the class, so a code may also hold something of
# the shape.

# %% [markdown]
# ## 9 Break it: no groups, no crop (6 minutes)
#
# **No groups.** The baseline *GroupDec* of the paper has our decoder and an ordinary encoder: it sees the whole image,
# and at the end its channels are cut into eight codes. Random weights are enough to see what that means.

# %%
ordinary = GroupEncoder(preset("people-64-groupdec").model).requires_grad_(False)
small = people("test").load(64, indices=[65])
x, its_labels = small.tensors()
dyed = torch.where(its_labels[:, None] == hair, -x, x)
before, after = ordinary(x, its_labels)[0], ordinary(dyed, its_labels)[0]
moved = [name for c, name in enumerate(names) if not torch.equal(before[:, c], after[:, c])]
print("hair dyed, codes that moved:", ", ".join(moved))

# %% [markdown]
# All of them. The names of the codes are only names: nothing keeps what the hair looks like out of the code of the
# shoes. Training may reduce that, but nothing in the network asks for it.
#
# **No crop.** Feed each piece at its own place and size. Move the hair of F by 24 pixels. **Predict:** with the crop,
# what happens to its code? And without?

# %%
lower = pieces.roll(24, 2)[None]  # (1, C, 3, H, W): all pieces 24 pixels lower
lower_labels = labels[[person]].roll(24, 1)
with_crop = model.encode(lower[:, hair], lower_labels).values[0, hair]
print("with the crop the code stays bit for bit:", torch.equal(with_crop, codes.values[person, hair]))

here, there = (encode_all(model.encoder, p)[0, hair] for p in (pieces[None], lower))
print("without it the code moves by more than a tenth:", ((here - there).norm() / here.norm()).item() > 0.1)

# %% [markdown]
# The crop takes *where* and *how large* out of the code: what is left is how it looks. That is why a style can be
# carried from a large shoe to a small one. And small classes lose most without it. We count how many pixels of the
# piece, and how many cells of the last 4 × 4 grid, have anything to do with the class:

# %%
for c in (top, hair, shoes):
    cells = F.max_pool2d(mask[person, c][None], 32)  # 128 / 4 = 32 pixels are one cell
    area = (parts[person, c] != 0).any(0).float()
    enlarged, pixels = F.max_pool2d(area[None], 32), int(mask[person, c].sum())
    print(f"{names[c]:6s} without crop {pixels:5d} pixels in {int(cells.sum()):2d} cells,", end="  ")
    print(f"with crop {int(area.sum()):5d} pixels in {int(enlarged.sum())} cells")

# %%
torch.manual_seed(0)
untrained = GroupEncoder(model.config).requires_grad_(False)  # untrained, so that neither way has an advantage


def spread(parts: torch.Tensor) -> torch.Tensor:
    """parts (B, C, 3, H, W) -> (C,): how far the codes of different people are from each other."""
    values = encode_all(untrained, parts)
    return torch.stack([values[codes.present[:, c], c].std(0).mean() for c in range(8)])


uncropped = spread(mask[:, :, None] * images[:, None]) / spread(parts)
figure, axis = axes(size=(6, 2.4))
axis.barh(names, uncropped)
axis.axvline(1, color="grey", linestyle=":")
axis.set(xlabel="spread of the codes without crop, with crop = 1")
axis.invert_yaxis()
shown(
    figure,
    alt="Bars, one for each class: without the crop the background's codes are spread as before, those of small "
    "classes such as hair and shoes only a small part of it.",
)

# %%
for c, name in enumerate(names):
    print(f"{name:10s} more than half of the spread is left:", uncropped[c].item() > 0.5)

# %% [markdown]
# Without the crop the people's hair looks nearly the same to the encoder: a few pixels among thousands of zeros. The
# network could learn to turn up such weak signals, but the crop hands it the class in full size.

# %% [markdown]
# ## What you learned
#
# - Each class is cut out, $X_c = M_c X$, cropped to its box, enlarged with *nearest*. An absent class is all zeros.
# - Grouped convolutions with stride 2, then two heads: $\mu$ and logvar, 8 channels on a small grid for each class.
# - In training $z = \mu + \exp(\text{logvar}/2) \cdot \text{noise}$, and the KL divergence pulls the codes towards the
#   standard normal distribution.
# - The code of one class does not depend on the pixels of another, exactly. An ordinary encoder cannot promise that.
# - Our codes hold mostly colour, and something of the pattern. The crop takes place and size out of them.

# %% [markdown]
# ## Ask yourself
#
# <details><summary>Why nearest, and not a smooth resize?</summary>
#
# A smooth resize mixes the pixels at the edge with the zeros around the class: it invents colours that nobody wears.
#
# </details>
#
# <details><summary>Two people without shoes have the same code for shoes. Is it zero?</summary>
#
# No. In our network it is what all the biases make of zeros. In the paper's network, which has biases only in the
# heads, it is exactly the bias of the head.
#
# </details>
#
# <details><summary>logvar is 0. What is σ?</summary>
#
# $\exp(0 / 2) = 1$.
#
# </details>
#
# <details><summary>What would an encoder do if the weight of KL were enormous?</summary>
#
# Say $\mu = 0$, $\sigma = 1$ for every image. Then the code says nothing, and the decoder cannot paint anybody again.
#
# </details>
#
# <details><summary>Is the independence of the codes learned?</summary>
#
# No, it holds with random weights too: there is no weight between the groups, and the pieces do not overlap.
#
# </details>
#
# <details><summary>Does it follow that a new code for the top changes only the top in the picture?</summary>
#
# No. That is up to the decoder, whose groups merge. It is learned, as notebook 00 has shown.
#
# </details>
#
# <details><summary>Could the label map leak something into a code?</summary>
#
# Yes: the outline of a class depends on what lies before it. Hair that hangs over a top cuts a piece out of it. The
# *pixels* of the hair stay out.
#
# </details>

# %% [markdown]
# ## Read on
#
# - Kingma and Welling, *Auto-Encoding Variational Bayes*, 2014: reparameterisation, and the KL term with its
#   derivation.
# - Higgins et al., *beta-VAE*, 2017: what the weight of the KL term does.
# - Ulyanov, Vedaldi, Lempitsky, *Instance Normalization: The Missing Ingredient for Fast Stylization*, 2016.
# - Miyato et al., *Spectral Normalization for Generative Adversarial Networks*, 2018.
# - Zhu, Xu, You, Bai, *Semantically Multi-modal Image Synthesis*, CVPR 2020, section 3: this encoder.
# - In the library: `smis/encoder.py`, about 200 lines.
#
# Next: [03 CG-Norm and the decoder](03_cgnorm_and_decoder.ipynb), which turns the codes into a picture.
