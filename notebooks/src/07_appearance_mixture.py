# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Appearance mixture: the top of one, the hair of another
#
# ![The mixer: eight rendered people in columns, the classes in rows, orange frames around what was picked, and the
# mixed person on the right.](../docs/mixer.webp)
#
# The paper shows three applications in its figure 6. This notebook is about the first: take the style of each class
# from whom you like, and draw it on any label map.
#
# **You will be able to**
#
# - mix codes by hand, one index a class, and count the mixtures,
# - draw a lookbook, search for a similar top, blend two tops, draw a new top from the prior,
# - measure what a mixture changes, and compare it with the rendered truth,
# - tell beforehand which mixtures will not work.
#
# **You need** notebook 00; notebooks 02 and 03 help.
# **Time** 50 minutes to read and do; all cells together run in under a minute on a laptop, no GPU needed.

# %% [markdown]
# ## 1 Mix by hand (5 minutes)
#
# The people A to H of notebook 00. The encoder gives each of them one [latent code](glossary.md#latent-code) for each
# class. In symbols, with $s(c)$ the person who gives class $c$:
#
# $$Z = \mathrm{concat}_c\; Z^{s(c)}_c, \qquad O = \mathrm{G}(Z, M)$$

# %%
import numpy as np
import torch
from torch import Tensor

from smis import GroupDNet, mix, people
from smis.course import agree
from smis.course import mixture as check
from smis.datasets.paths import data_file
from smis.sheets import to_uint8
from smis_widgets import Picture, strip

model = GroupDNet.load(data_file("checkpoints/people-128.safetensors"))
test = people("test")
gallery = test.load(indices=(10, 24, 40, 37, 118, 65, 132, 77))
names = gallery.label_set.classes
images, labels = gallery.tensors()
with torch.inference_mode():
    codes = model.encode(images, labels)
    rebuilt = model.decode(codes.values, labels)
print("codes", tuple(codes.values.shape), "- people, classes, and a small grid")

# %%
HAIR, FACE, SKIN, TOP, BOTTOM = (names.index(name) for name in ("hair", "face", "skin", "top", "bottom"))
A, B, C, D, E, F, G, H = range(8)
sources = [A] * len(names)
sources[HAIR], sources[TOP] = B, D

# Z = concat_c Z_c of source(c)
by_hand = torch.stack([codes.values[sources[c], c] for c in range(len(names))])[None]  # (1, C, D, h, w)
agree(by_hand, mix(codes, sources))

# %% [markdown]
# That is all. No network runs for the mixing itself; only the decoder has to draw.

# %%
with torch.inference_mode():
    mixed = model.decode(by_hand, labels[A : A + 1])
pictures = [gallery.images[A], to_uint8(rebuilt)[A], gallery.images[B], gallery.images[D], to_uint8(mixed)[0]]
strip(
    pictures,
    ["A", "A rebuilt", "hair of B", "top of D", "mixed"],
    alt="A, A rebuilt by the network, B with blue hair, D with a white and green top, and A with blue hair and a "
    "white and green top.",
)

# %% [markdown]
# Look at the hair: B wears long pigtails, but the mixture keeps A's bob. The shape is in the
# [label map](glossary.md#label-map), the code brings only the look.

# %% [markdown]
# ## 2 How many people are in eight people? (5 minutes)
#
# Each class is a free choice among those who show it. **Predict:** A shows background, hair, face, skin, top and
# bottom. How many mixtures are there on A's label map: about 50, about 5,000, or over 100,000?

# %%
having = codes.present.sum(0).tolist()
for name, number in zip(names, having, strict=True):
    print(f"{name:10s} shown by {number} of 8")
count = 1
for c in range(len(names)):
    if codes.present[A, c]:
        count *= having[c]
print(f"mixtures on the label map of A: {count:,}")

# %% [markdown]
# Products grow fast. One code for the whole picture would give 8.

# %% [markdown]
# ### Exercise 1: count the mixtures
#
# **Difficulty** ●○○ · **Importance** ●●○ · **5 minutes**
#
# Write the count for anybody's label map. `present` is `(N, C)` bool: who shows what. `shape` is the person whose label
# map is drawn: only classes on it count. For `present = [[True, True, False], [True, False, True]]` there are 2
# mixtures on the label map of person 0: class 0 has two givers, class 1 has one, and class 2 is not on the map.
#
# <details><summary>Hint 1</summary>
#
# How many people can give class c? Sum over the right axis.
# </details>
#
# <details><summary>Hint 2</summary>
#
# A class that is not on the map has no pixel: its code is never seen, so it adds no choice.
# </details>

# %%
def count_mixtures(present: Tensor, shape: int) -> int:
    """How many mixtures the label map of person `shape` allows."""
    raise NotImplementedError("your turn")

check.count_mixtures(count_mixtures)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# from torch import Tensor
#
#
# def count_mixtures(present: Tensor, shape: int) -> int:
#     givers = present.sum(0)  # (C,)
#     return int(givers[present[shape]].prod())
# ```
#
# Indexing with a bool row keeps the classes on the map; their numbers of givers are multiplied.
# </details>

# %% [markdown]
# ## 3 Any label map: a lookbook (7 minutes)
#
# The formula says "with any mask". So the same top can be tried on everybody. A *lookbook* is a grid: one row a body,
# one column a top. All pictures go through the decoder in **one batch**, which is faster than one by one.

# %%
bodies, tops = [A, C, E, G], [B, D, F, H]
looks = torch.cat([mix(codes, [body] * TOP + [top] + [body] * (7 - TOP)) for body in bodies for top in tops])
shapes = torch.cat([labels[body : body + 1] for body in bodies for _ in tops])
with torch.inference_mode():
    worn = to_uint8(model.decode(looks, shapes))
print("one batch of", len(worn), "pictures")

# %%
rows = worn.reshape(len(bodies), len(tops), 128, 128, 3)
columns = [np.concatenate([gallery.images[top], *rows[:, k]]) for k, top in enumerate(tops)]
strip(
    columns,
    [f"top of {name}" for name in "BDFH"],
    alt="A grid: four tops in the columns, their owners in the first row; below, four other people wear each of them, "
    "cut as their own tops are.",
    height=640,
)

# %% [markdown]
# The cut stays with the body: F's sleeves do not come along. Stripes and plaids arrive as patches in the right colours:
# a code of 8 x 4 x 4 numbers has no room for a fine pattern.

# %% [markdown]
# ### Exercise 2: codes of a lookbook
#
# **Difficulty** ●●○ · **Importance** ●●● · **10 minutes**
#
# Make the codes of the grid without a loop. `values` is `(N, C, D, h, w)`. Row by row: body 0 with all the
# givers of class `c`, then body 1. With 4 bodies and 3 givers the answer has 12 entries; entry 5 is body 1 with giver
# 2.
#
# <details><summary>Hint 1</summary>
#
# `repeat_interleave` gives a a b b, `repeat` gives a b a b. You need one of each.
# </details>
#
# <details><summary>Hint 2</summary>
#
# Indexing with a list makes a copy, so you may write into it: `out[:, c] = ...`.
# </details>

# %%
def lookbook(values: Tensor, bodies: list[int], givers: list[int], c: int) -> Tensor:
    """(bodies * givers, C, D, h, w): each body with the code of class c of each giver."""
    raise NotImplementedError("your turn")

check.lookbook(lookbook)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# from torch import Tensor
#
#
# def lookbook(values: Tensor, bodies: list[int], givers: list[int], c: int) -> Tensor:
#     out = values[bodies].repeat_interleave(len(givers), dim=0)
#     out[:, c] = values[givers, c].repeat(len(bodies), 1, 1, 1)
#     return out
# ```
#
# The row index changes slowly (`repeat_interleave`), the column index fast (`repeat`).
# </details>

# %% [markdown]
# ## 4 What moves, and what does not (7 minutes)
#
# Everybody gets the code of one class from the next person who shows it. Then we measure in pixels: how far does the
# area of that class move, and how far the rest? **Predict:** for which class is the rest disturbed most?

# %%
from smis.sheets import next_present


def moved(c: int) -> tuple[float, float]:
    """Mean change inside and outside the area of class c, in grey levels."""
    values = codes.values.clone()
    values[:, c] = codes.values[next_present(codes.present[:, c]), c]
    with torch.inference_mode():
        change = 127.5 * (model.decode(values, labels) - rebuilt).abs().mean(1)  # (B, H, W)
    shown = codes.present[:, c]
    area = labels == c
    return change[shown][area[shown]].mean().item(), change[shown][~area[shown]].mean().item()


table = [moved(c) for c in range(len(names))]
for name, (inside, outside) in zip(names, table, strict=True):
    print(f"{name:10s} inside above 20 grey levels: {inside > 20}   outside below 6: {outside < 6}")
print("the rest moves most for:", names[max(range(8), key=lambda c: table[c][1])])

# %%
from smis_widgets.plots import axes, shown

figure, axis = axes(size=(7, 2.8))
axis.bar(np.arange(8) - 0.2, [inside for inside, _ in table], 0.4, label="inside the class's area")
axis.bar(np.arange(8) + 0.2, [outside for _, outside in table], 0.4, label="everywhere else")
axis.set_xticks(range(8), names)
axis.set_ylabel("mean change, grey levels")
axis.legend(frameon=False, labelcolor="grey")
shown(figure, alt="Bars of the change per class: high inside the class's own area, close to zero everywhere else; "
      "the background disturbs the rest most.")

# %% [markdown]
# The background leaks most: it is large and touches everybody's outline. In our rendered data another backdrop does not
# change the light on the skin, so what leaks is a true error. This control is **learned**: notebook 00 showed that with
# random weights there is none. Notebook 10 measures it properly, over many pairs and with intervals.

# %% [markdown]
# ## 5 The truth, rendered (7 minutes)
#
# With photographs nobody can say what a mixture *should* look like. Our renderer can draw the same person again in
# another top, and change no other pixel: that is the [swap split](glossary.md#swap-split). So we have the right answer:
# the first row. In the second, the network sees the same pictures, and only the code of the top is taken over.

# %%
from smis.datasets.swaps import swaps

truth = swaps("people")[50]
print("scene", truth.scene, "class", truth.name, "other styles", len(truth.restyled))
real = torch.from_numpy(np.stack([truth.base, *truth.restyled])).permute(0, 3, 1, 2).float() / 127.5 - 1  # (4, 3, H, W)
same_labels = torch.from_numpy(truth.labels).long().expand(4, -1, -1)
with torch.inference_mode():
    seen = model.encode(real, same_labels)
    swapped = seen.values[:1].repeat(4, 1, 1, 1, 1)
    swapped[:, TOP] = seen.values[:, TOP]  # only the top is taken over
    drawn = model.decode(swapped, same_labels)

# %%
both = np.concatenate([to_uint8(real), to_uint8(drawn)], axis=1)
strip(
    both,
    ["base", "top 1", "top 2", "top 3"],
    alt="A woman in four tops. Above as rendered, below as the network mixes it: the plain red is right, red checks "
    "on blue come out plain blue, the stripes as patches; face, hair and wall are the same in all.",
    height=320,
)

# %% [markdown]
# Compare the *changes*: `T` is what should change, `changed` what does. Two numbers say how well it went.
# [Leakage](glossary.md#leakage): how much moves where nothing should. [Faithfulness](glossary.md#faithfulness): 1 when
# the change is exactly right, 0 when no change at all would be as good.

# %%
area = torch.from_numpy(truth.allowed)
T, changed = (real - real[:1])[1:], (drawn - drawn[:1])[1:]  # (3, 3, H, W) each
print("the truth changes nothing outside:", bool((T[..., ~area] == 0).all()))
should = T.abs().mean(1)[:, area].mean(1)  # (3,)
leakage = changed.abs().mean(1)[:, ~area].mean(1) / should
faithful = 1 - (changed - T).abs().mean(1)[:, area].mean(1) / should
print("leakage below 0.05:", (leakage < 0.05).tolist())
print("faithfulness above 0.7:", (faithful > 0.7).tolist())
print("the plain top is the most faithful:", bool(faithful.argmax() == 0))

# %% [markdown]
# Over the whole split the network has leakage 0.014 and faithfulness 0.49 for the top, and 0.88 for the background
# (committed results, `data/checkpoints/README.md`). It is stronger at *where* than at *what*: it hardly ever paints the
# wrong place, but patterns are lost.

# %% [markdown]
# ## 6 A class that is not there has no style (4 minutes)
#
# E shows shoes. A's picture ends above them. **Predict:** what happens if E takes the shoes of A?

# %%
SHOES = names.index("shoes")
print("who shows shoes:", codes.present[:, SHOES].int().tolist())
absent = codes.values[~codes.present[:, SHOES], SHOES]
print("the codes of absent shoes are all the same:", bool((absent == absent[0]).all()))

# %% [markdown]
# An absent class is all zeros for the encoder, so its code is always the same numbers, whoever it comes from: it is not
# A's style, it is nobody's. `codes.present` says which codes mean something. A good tool refuses such a choice or falls
# back on the person's own code, as the mixer does.

# %%
def safe_sources(sources: list[int], shape: int, present: Tensor) -> list[int]:
    """The picked person where she shows the class, else the person whose label map is drawn."""
    return [s if present[s, c] else shape for c, s in enumerate(sources)]


print("all of A on E:", safe_sources([A] * 8, E, codes.present))
print("socks and shoes are E's own:", safe_sources([A] * 8, E, codes.present)[6:] == [E, E])

# %% [markdown]
# ## 7 A bit of both (6 minutes)
#
# Codes are numbers, so they can be averaged. With weights $a_n$ that sum to 1: $Z_c = \sum_n a_n Z^n_c$.

# %%
steps = (0, 0.25, 0.5, 0.75, 1)
blends = codes.values[[A] * 5].clone()
for k, amount in enumerate(steps):
    blends[k, TOP] = (1 - amount) * codes.values[H, TOP] + amount * codes.values[D, TOP]
with torch.inference_mode():
    pictures = to_uint8(model.decode(blends, labels[[A] * 5]))
strip(pictures, [f"{1 - a:.0%} H, {a:.0%} D" for a in steps],
      alt="Person A in a dark grey top that turns step by step into a white and green one.")

# %%
top_pixels = pictures[:, (labels[A] == TOP).numpy()].mean((1, 2))
print("the top gets lighter with each step:", bool((np.diff(top_pixels) > 0).all()))

# %% [markdown]
# Notebook 09 goes on from here. A weighted average must leave out people who lack the class:

# %% [markdown]
# ### Exercise 3: weights for each class
#
# **Difficulty** ●●○ · **Importance** ●●○ · **10 minutes**
#
# `weights` is `(N, C)`, not negative, and need not sum to 1. Give for each class the weighted mean of the codes of
# those who show it. If nobody with a weight shows the class, give a code of zeros. Example: weights 1 and 3 for two
# people who both show the class: a quarter of the first, three quarters of the second.
#
# <details><summary>Hint 1</summary>
#
# Set the weights of absent classes to 0 first, then divide by their sum over people.
# </details>
#
# <details><summary>Hint 2</summary>
#
# `clamp(min=...)` on the sum avoids 0 / 0. `weights[:, :, None, None, None]` has the axes that the codes need.
# </details>

# %%
def blend(values: Tensor, present: Tensor, weights: Tensor) -> Tensor:
    """(1, C, D, h, w): the weighted mean of the codes, class by class, of those who show the class."""
    raise NotImplementedError("your turn")

check.blend(blend)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# from torch import Tensor
#
#
# def blend(values: Tensor, present: Tensor, weights: Tensor) -> Tensor:
#     weights = weights * present  # nobody gives what she does not show
#     weights = weights / weights.sum(0).clamp(min=1e-12)  # (N, C), sums to 1 for each class
#     return (weights[:, :, None, None, None] * values).sum(0, keepdim=True)
# ```
#
# Mixing is the special case of one weight 1 a class.
# </details>

# %% [markdown]
# ## 8 Find me a top like this (6 minutes)
#
# If a code describes a look, similar looks should have codes close together. Then one class can be *searched*: encode
# 150 people once, and take the nearest codes. **Predict:** will it find the same colour, the same pattern, or the same
# cut?

# %%
shop = test.load(indices=range(150))
shop_images, shop_labels = shop.tensors()
with torch.inference_mode():
    parts = [model.encode(shop_images[k : k + 50], shop_labels[k : k + 50]) for k in range(0, 150, 50)]
values, there = torch.cat([p.values for p in parts]), torch.cat([p.present for p in parts])


def alike(query: Tensor, c: int, number: int) -> list[int]:
    """The people of the shop whose code of class c is nearest to the query (D, h, w)."""
    distance = (values[:, c] - query).flatten(1).norm(dim=1)  # (N,)
    distance[~there[:, c]] = torch.inf  # no top, no distance
    return distance.argsort()[:number].tolist()


found = [alike(codes.values[who, c], c, 6) for who, c in ((D, TOP), (B, HAIR))]
strip(
    [np.concatenate([gallery.images[D], gallery.images[B]])]
    + [np.concatenate([shop.images[i], shop.images[j]]) for i, j in zip(*found, strict=True)][1:],
    ["asked for"] + [f"number {k}" for k in range(1, 6)],
    alt="Two rows of search results. For a white to green top come grey and green tops; for blue hair two people with "
    "blue hair, then dark, grey and brown hair.",
    height=300,
)

# %%
def hair_colour(n: int) -> Tensor:
    return 127.5 * shop_images[n][:, shop_labels[n] == HAIR].mean(1)  # (3,)


heads = there[:, HAIR].nonzero()[:, 0].tolist()
off = [(hair_colour(n) - hair_colour(alike(values[n, HAIR], HAIR, 2)[1])).abs().mean().item() for n in heads]
others = heads[7:] + heads[:7]
chance = [(hair_colour(n) - hair_colour(m)).abs().mean().item() for n, m in zip(heads, others, strict=True)]
print("people with hair:", len(heads))
print("the nearest hair is within 15 grey levels on average:", np.mean(off) < 15)
print("anybody's hair is more than 30 away:", np.mean(chance) > 30)

# %% [markdown]
# Colour decides, then contrast. The shop has two more people with blue hair; they come first. Nobody trained the
# network to search; it follows from the code having to redraw the look.

# %% [markdown]
# ### Exercise 4: a search that leaves out the asker
#
# **Difficulty** ●○○ · **Importance** ●●○ · **7 minutes**
#
# `who` is one of the `N` people. Give the `k` *other* people who show class `c` and are nearest, the nearest first,
# fewer if there are not so many. Distance is the Euclidean length of the difference.
#
# <details><summary>Hint 1</summary>
#
# The distance to oneself is 0: set it to infinity, as for people who lack the class.
# </details>
#
# <details><summary>Hint 2</summary>
#
# Infinite distances must not be in the answer: count how many are finite.
# </details>

# %%
def nearest(values: Tensor, present: Tensor, who: int, c: int, k: int) -> list[int]:
    """The k nearest other people who show class c."""
    raise NotImplementedError("your turn")

check.nearest(nearest)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# import torch
# from torch import Tensor
#
#
# def nearest(values: Tensor, present: Tensor, who: int, c: int, k: int) -> list[int]:
#     distance = (values[:, c] - values[who, c]).flatten(1).norm(dim=1)
#     distance[~present[:, c]] = torch.inf
#     distance[who] = torch.inf
#     return distance.argsort()[: min(k, int(distance.isfinite().sum()))].tolist()
# ```
#
# Not shown and oneself are both out of the question, so both get an infinite distance.
# </details>

# %% [markdown]
# ## 9 A top that nobody wears: draw one class anew (5 minutes)
#
# A code can also be drawn at random: [class-wise resampling](glossary.md#class-wise-resampling). From which
# distribution? The [KL divergence](glossary.md#kl-divergence) pulls codes towards N(0, 1), but only lightly. So after
# training one Gaussian for each class was fitted to the codes of real images, the [prior](glossary.md#prior): $Z_c =
# m_c + L_c\,\varepsilon$.

# %%
noise = torch.randn(6, *model.config.code_shape, generator=torch.Generator().manual_seed(3))
prior = model.prior
c = TOP
z = noise[:, c].flatten(1) @ prior.factor[c].T + prior.mean[c]  # L_c noise + m_c: (6, D * h * w)
agree(z.view(6, *model.config.code_shape[1:]), prior(noise)[:, c])

# %%
fitted, plain = codes.values[[A] * 6].clone(), codes.values[[A] * 6].clone()
fitted[:, TOP], plain[:, TOP] = prior(noise)[:, TOP], noise[:, TOP]
with torch.inference_mode():
    drawn_fitted, drawn_plain = (to_uint8(model.decode(z, labels[[A] * 6])) for z in (fitted, plain))
strip(
    np.concatenate([drawn_fitted, drawn_plain], axis=1),
    [f"draw {k}" for k in range(1, 7)],
    alt="Person A in six random tops, twice. Above, drawn from the fitted prior: distinct colours. Below, from the "
    "standard normal: greyish patches that look alike.",
    height=300,
)

# %%
def spread(pictures: np.ndarray) -> float:
    """How unlike the six tops are, in their mean colours."""
    return float(pictures[:, (labels[A] == TOP).numpy()].mean(1).std(0).mean())


print("the fitted prior's colours vary more:", spread(drawn_fitted) > spread(drawn_plain))

# %% [markdown]
# ## 10 Rooms, and what does not fit together (6 minutes)
#
# Nothing in the formula knows about people. Here the styles of rooms: each column is the *first* room's label map,
# with all styles of another room; classes that the other lacks stay its own.

# %%
from smis.datasets.archive import world

room_model = GroupDNet.load(data_file("checkpoints/rooms-128.safetensors"))
rooms = world("rooms", "test").load(indices=range(8))
room_images, room_labels = rooms.tensors()
with torch.inference_mode():
    room_codes = room_model.encode(room_images, room_labels)
    lists = [safe_sources([k] * len(rooms.label_set), 0, room_codes.present) for k in range(8)]
    styled = room_model.decode(torch.cat([mix(room_codes, one) for one in lists]), room_labels[[0] * 8])
taken = [sum(s == k for s in one) for k, one in enumerate(lists)]
print("classes taken from rooms B to H:", taken[1:])

# %%
strip(
    np.concatenate([rooms.images, to_uint8(styled)], axis=1),
    list("ABCDEFGH"),
    alt="Above eight rooms. Below the first room eight times, in the styles of each: wall, floor and lamp change, and "
    "what the other room lacks stays as it was.",
    height=300,
)

# %% [markdown]
# Some things look odd, and for a reason: **light is part of the style**. Take people again, and shade the picture of H
# from the left or from the right before encoding: the code of the top takes the light along, to a person who is lit
# from elsewhere.

# %%
ramp = torch.linspace(-1, 1, 128)  # dark on the left to bright on the right
half = torch.arange(128).expand(128, 128) < 64
top_of_A = labels[A] == TOP
sides = []
for way in (1, -1):
    shaded = ((images[H : H + 1] + 1) / 2 * (1 + 0.6 * way * ramp)).clamp(0, 1) * 2 - 1
    z = codes.values[A : A + 1].clone()
    with torch.inference_mode():
        z[0, TOP] = model.encode(shaded, labels[H : H + 1]).values[0, TOP]
        grey = model.decode(z, labels[A : A + 1])[0].mean(0)  # (H, W)
    sides.append((grey[top_of_A & ~half].mean() - grey[top_of_A & half].mean()).item())
print("light from the right: A's new top is brighter on the right:", sides[0] > 0)
print("light from the left: brighter on the left:", sides[1] < 0)

# %% [markdown]
# The grid of the code is 4 x 4, so it keeps *where* in the class it was bright. On photographs this shows as a
# face lit from one side above a body lit from the other. What does not mix well, then: light from different sides;
# a pattern at another scale (a close-up's checks on a whole figure); a style taken from a sliver of a few pixels.

# %% [markdown]
# ## 11 Touch it (5 minutes)

# %%
from smis_widgets import Mixer

mixer = Mixer(room_model, rooms, seed=4)
mixer

# %% [markdown]
# **Try this**
#
# 1. Give the room purple walls, then the floor of B. Does the sofa change?
# 2. Press *Surprise me* until you would move in.
# 3. Click a mask in the row *shape*: another room, the same taste.

# %%
mixer.reset()
mixer.pick("wall", "C")
mixer.pick("floor", "B")
mixer.pick("rug", "D")
Picture(mixer.snapshot(), alt="The mixer with eight rooms: wall from C, floor from B, rug from D, the rest from A.")

# %% [markdown]
# Drawing anew (section 9) has a widget of its own: choose a class, press *Another*, and it says how far the area moved,
# and how far the rest.

# %%
from smis_widgets import Controllers

controllers = Controllers(model, gallery)
controllers

# %%
controllers.choose("top")
controllers.resample(seed=2)
inside, outside = controllers.change
print("the top moved more than 20 times as far as the rest:", inside > 20 * outside)
Picture(controllers.snapshot(), alt="The controllers: person A with a top drawn from the prior, and a map of what "
        "changed: only the top.")

# %% [markdown]
# ## 12 Break it (4 minutes)
#
# Mixing changes *who* gives a code. What if we change *which class* it is for, and give each class the code of the
# class before it? The numbers have the right shape, no error is raised. **Predict:** will the tops have the colour of
# the skin?

# %%
wrong = codes.values.roll(1, dims=1)  # class c gets the code of class c - 1
with torch.inference_mode():
    broken = model.decode(wrong, labels)
strip(
    np.concatenate([to_uint8(rebuilt), to_uint8(broken)], axis=1),
    list("ABCDEFGH"),
    alt="Above the eight people rebuilt, below with the classes' codes shifted by one: grey backgrounds, mottled tops, "
    "colours that belong to nobody.",
    height=300,
)

# %%
colour = 127.5 * (1 + torch.stack([broken[n][:, labels[n] == TOP].mean(1) for n in range(8)]))  # (8, 3): of the tops
skin = 127.5 * (1 + torch.stack([images[n][:, labels[n] == SKIN].mean(1) for n in range(8)]))
print("the tops take the colour of the skin, within 20 grey levels:", bool((colour - skin).abs().mean() < 20))
worse = (broken - images).abs().mean() / (rebuilt - images).abs().mean()
print("the whole is more than twice as wrong as the reconstruction:", bool(worse > 2))

# %% [markdown]
# No. Each class has its own groups in the encoder and in the first layers of the decoder, so each has **its own
# language**: the code for "brown" is another one for hair than for skin. A network with one shared encoder for all
# classes could learn one language; [grouped convolutions](glossary.md#grouped-convolution) do not share anything
# between classes.

# %% [markdown]
# ## What you learned
#
# - Mixture is one index a class. The label map stays, so shape and cut stay.
# - A label map with $k$ classes and $n$ givers each allows $n^k$ mixtures; one code for the whole picture allows $n$.
# - Measured against rendered truth, the network is precise about *where*, less so about *what*: patterns are lost.
# - A code of an absent class is no style. Light and position within the class are part of the style.
# - Codes can be averaged, searched, and drawn anew, class by class; they cannot be moved to another class.
#
# ## Ask yourself
#
# <details><summary>Why does a mixture keep the cut of the sleeves?</summary>
# Sleeves are pixels of the class top in the label map, and the label map is not mixed.</details>
#
# <details><summary>Why is the code of absent shoes the same for everybody?</summary>
# The encoder sees only zeros for an absent class; what comes out is a constant of the trained weights.</details>
#
# <details><summary>Leakage is nearly 0, faithfulness is 0.5. Can both be?</summary>
# Yes: the change stays in its area (no leakage), but inside it the pattern is only half right.</details>
#
# <details><summary>Why draw from the fitted prior instead of N(0, 1)?</summary>
# The codes of real images do not fill N(0, 1). A draw from it often lies where the decoder has never been
# trained.</details>
#
# <details><summary>Would a mixture of face and skin from two people look right on photographs?</summary>
# Often not: real people have face and skin of one tone and one light. In our rendered people both are independent on
# purpose.</details>
#
# <details><summary>Why is searching by code better than searching by label map?</summary>
# The label map knows the cut alone; the code knows colour and contrast alone. For "a top like this" you may want
# both.</details>

# %% [markdown]
# ## Read on
#
# - Zhu, Xu, You, Bai, "Semantically Multi-modal Image Synthesis", CVPR 2020: figure 6, appearance mixture.
# - Ghosh, Sajjadi, Vergari, Black, Schölkopf, "From Variational to Deterministic Autoencoders", ICLR 2020: why fit a
#   distribution to the codes after training.
# - `data/README.md`: how the swap split is rendered. `smis/metrics/truth.py`: leakage and faithfulness over the whole
# split.
#
# Next: [08 Semantic manipulation](08_semantic_manipulation.ipynb). Keep the styles, edit the label map.
