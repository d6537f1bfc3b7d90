# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Measuring control: does only that class change?
#
# ![A rendered person, the same person rendered in another top, what the network makes of both, the true change, the
# generated change, and the difference of the two changes.](../docs/measuring-control.webp)
#
# Pictures convince quickly, and prove little: one shows the good ones. This notebook turns "only the top changes" into
# numbers, says how sure they are, and then compares GroupDNet with its rivals, as the paper does.
#
# **You will be able to**
#
# - measure a change inside and outside a class's area, and give a ratio with its interval,
# - explain mCSD and mOCD, and why two readings of them differ,
# - judge an edit against the change that should happen,
# - say why a Frechet distance of few images is too large,
# - read the paper's comparison, remade with numbers of this repository, and say where the method fails.
#
# **You need** notebooks 00 and 03; notebook 07 helps.
# **Time** 75 minutes to read and do, 40 more for the exercises; all cells together run in under a minute on a laptop,
# no GPU needed.

# %% [markdown]
# ## 1 One exchange, pixel by pixel (6 minutes)
#
# The simplest test: encode two people, put the second one's top into the first one's codes, decode twice, subtract.
# $O$ is the first person as the network draws her, $O'$ the same with the other top:
#
# $$O = \mathrm{G}(Z, M), \qquad O' = \mathrm{G}(Z', M), \qquad Z'_c = \begin{cases} Z^{\text{other}}_c & c = \text{top}
# \\ Z_c & \text{else} \end{cases}$$

# %%
import numpy as np
import torch
from torch import Tensor

from smis import GroupDNet, people
from smis.course import agree
from smis.course import control as check
from smis.datasets.paths import data_dir, data_file
from smis.sheets import to_uint8
from smis_widgets import Picture, strip
from smis_widgets.plots import axes, shown

model = GroupDNet.load(data_file("checkpoints/people-128.safetensors"))
gallery = people("test").load(indices=(10, 24, 40, 37, 118, 65, 132, 77))
images, labels = gallery.tensors()
names = gallery.label_set.classes
TOP = names.index("top")
print("people", len(images), "- classes", ", ".join(names))

# %%
with torch.inference_mode():
    codes = model.encode(images, labels).values  # (8, C, D, h, w)
    other = codes[:1].clone()
    other[0, TOP] = codes[3, TOP]  # the top of D
    both = model.decode(torch.cat([codes[:1], other]), labels[[0, 0]])
change = (both[1] - both[0]).abs().mean(0) / 2  # (H, W), 0 to 1: black against white is 1
grey = (change * 4).clamp(max=1)[..., None].expand(-1, -1, 3).mul(255).byte().numpy()
strip(
    [*to_uint8(both), gallery.images[3], grey],
    ["A", "A with D's top", "D", "change, 4 x"],
    alt="A as the network draws her, A with D's top, D, and the change of every pixel: the top is bright, the "
    "trousers are nearly black, all else is black.",
)

# %% [markdown]
# **Predict:** how many times larger is the mean change inside the top than outside: 5, 20 or more than 30 times?

# %%
from smis.metrics import change_by_area

area = labels[0] == TOP
by_hand = torch.stack([change[area].mean(), change[~area].mean()])
agree(by_hand, torch.stack(change_by_area(both[:1], both[1:], area[None]))[:, 0])
print("more than 5, 20, 30 times as much inside as outside:", *(bool(by_hand[0] > k * by_hand[1]) for k in (5, 20, 30)))
print("outside nothing changed at all:", bool(by_hand[1] == 0))

# %% [markdown]
# Not zero outside: in the last layers the [groups](glossary.md#grouped-convolution) have merged, so a little may spill
# over. A change of everything by the same amount would give 1 : 1.

# %% [markdown]
# ### Exercise 1: inside and outside
#
# **Difficulty** ●○○ · **Importance** ●●● · **10 minutes**
#
# Write it for a batch. `before` and `after` are `(B, 3, H, W)` in [-1, 1], `area` is `(B, H, W)` bool. Give back two
# tensors `(B,)`: the mean absolute change of pixels and colours inside and outside, divided by 2. Every image has its
# own area: a change of 1 in 4 pixels of an area of 4 gives 0.5, however large the image.
#
# <details><summary>Hint 1</summary>
#
# First the change of each pixel, `(B, H, W)`: mean over the colours. Then two masked means for each image.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `(change * area).sum((1, 2)) / area.sum((1, 2))` is a mean over one image's area.
#
# </details>


# %%
def inside_outside(before: Tensor, after: Tensor, area: Tensor) -> tuple[Tensor, Tensor]:
    """Mean absolute change inside and outside each image's area, both (B,), 0 to 1."""
    raise NotImplementedError("your turn")


check.inside_outside(inside_outside)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# from torch import Tensor
#
#
# def inside_outside(before: Tensor, after: Tensor, area: Tensor) -> tuple[Tensor, Tensor]:
#     change = (after - before).abs().mean(1) / 2
#     inside = (change * area).sum((1, 2)) / area.sum((1, 2))
#     outside = (change * ~area).sum((1, 2)) / (~area).sum((1, 2))
#     return inside, outside
# ```
#
# Dividing by the area, not by the image, is what makes shoes and background comparable.
#
# </details>

# %% [markdown]
# ## 2 Every class, three worlds (6 minutes)
#
# One exchange proves nothing. Of 12 images, let up to six that have class $c$ stand in a ring; each takes the code of
# $c$ from the next one. Then the next class. A class that fewer than two images have is left out, as the socks here.
# `smis.metrics` does that: for people, for rooms and for streets. **Predict:**
# which class leaks most?

# %%
from smis.datasets.archive import world
from smis.metrics.control import encoded_pairs
from smis.metrics.encoded import Encoded


def ring(name: str, images: int = 12, pairs: int = 6) -> tuple[Encoded, dict[str, np.ndarray]]:
    """All exchanges among some test images of a world, one row each."""
    network = GroupDNet.load(data_file(f"checkpoints/{name}-128.safetensors"))
    encoded = Encoded(network, world(name, "test").load(indices=range(images)), batch_size=4)
    return encoded, encoded_pairs(encoded, torch.arange(images), pairs, None).table


worlds = {name: ring(name) for name in ("people", "rooms", "streets")}
for name, (encoded, table) in worlds.items():
    print(f"{name:8s} {len(encoded.names):2d} classes, {len(table['number']):3d} exchanges")

# %%
figure, panels = axes(1, 3, size=(10, 3.6))
for panel, (name, (encoded, table)) in zip(panels, worlds.items(), strict=True):
    numbers = sorted(set(table["number"].tolist()))
    rows = [table["number"] == number for number in numbers]
    ratios = [table["l1_in"][row].mean() / table["l1_out"][row].mean() for row in rows]
    panel.barh([encoded.names[number] for number in numbers], ratios)
    panel.axvline(1, linestyle=":", color="grey")
    panel.set(title=name, xlabel="inside : outside")
    panel.invert_yaxis()
    print(f"{name:8s} smallest ratio: {encoded.names[numbers[int(np.argmin(ratios))]]}")
shown(
    figure,
    alt="Three bar charts of inside : outside for each class of people, rooms and streets. All bars are far above 1; "
    "the background, the wall and the signs have the shortest.",
)

# %% [markdown]
# Large, connected areas leak most: the code of the background or of a wall touches everything else. The signs of the
# streets have the smallest ratio for another reason. **Section 9** comes back to them.
#
# Now with the mouse. Draw the top again and again, and look at the change map; then the background.

# %%
from smis_widgets import Controllers

controllers = Controllers(model, gallery)
controllers

# %%
controllers.choose("top")
controllers.resample(seed=3)
Picture(
    controllers.snapshot(),
    alt="The controllers: one person, a row for each class with its draws, and beside the picture what changed after "
    "the top was drawn anew.",
)

# %% [markdown]
# ## 3 How sure is that number? (8 minutes)
#
# Two questions stand behind every mean ratio.
#
# **Which mean?** Mean of ratios, or ratio of means? One tiny denominator blows up a mean of ratios.

# %%
moved_in, moved_out = np.array([0.20, 0.22, 0.18, 0.21]), np.array([0.010, 0.009, 0.011, 0.0001])
print("mean of ratios ", round(float((moved_in / moved_out).mean())))
print("ratio of means ", round(float(moved_in.mean() / moved_out.mean())))

# %% [markdown]
# Three of the four say about 20, and one happens to change next to nothing outside. The ratio of means is what `smis`
# reports.
#
# **How much would it differ on other images?** We have no others. The [bootstrap](glossary.md#bootstrap) acts as if we
# had: draw as many from ours, with replacement, compute again, a thousand times. The middle 95 % of the results are the
# interval.

# %%
from smis.metrics import measure

table = worlds["people"][1]
upper, lower = table["l1_in"], table["l1_out"]
n, random = len(upper), np.random.default_rng(0)
counts = random.multinomial(n, np.full(n, 1 / n), 1000)  # how often each one is drawn, in each of 1,000 draws
drawn = (counts @ upper) / (counts @ lower)  # (1000,)
low, high = np.percentile(drawn, (2.5, 97.5), method="nearest")
found = measure(upper, lower, seed=0)
agree(torch.tensor([upper.mean() / lower.mean(), low, high]), torch.tensor([found.value, found.low, found.high]))
print("the interval holds the value:", low < found.value < high)

# %% [markdown]
# One more thing. Rows of one person are no independent witnesses: what is unusual about her shows in all of them. So
# *people* are drawn, each with all her rows. Here are 12 made-up people with 8 nearly equal rows each. **Predict:** how
# does the interval change when people are drawn?

# %%
effect = np.random.default_rng(1).normal(5, 1, 12)  # one number a person
values = effect.repeat(8) + np.random.default_rng(2).normal(0, 0.2, 96)
person = np.arange(12).repeat(8)
figure, axis = axes(size=(6, 2))
kinds = {"rows drawn": measure(values, seed=0), "people drawn": measure(values, cluster=person, seed=0)}
for place, one in enumerate(kinds.values()):
    axis.plot([one.low, one.high], [place] * 2, linewidth=3)
    axis.plot(one.value, place, marker="o", color="grey")
axis.set(yticks=[0, 1], yticklabels=kinds, xlabel="mean", ylim=(-0.5, 1.5))
rows, people_drawn = kinds.values()
print("more than twice as wide:", people_drawn.high - people_drawn.low > 2 * (rows.high - rows.low))
shown(figure, alt="Two intervals around the same mean. Drawing people gives a much wider one than drawing rows.")

# %% [markdown]
# 96 rows look like a lot, and are 12 people. `smis` draws people in the control tables, and scenes in the swap split.

# %% [markdown]
# ### Exercise 2: draw people, not rows
#
# **Difficulty** ●●○ · **Importance** ●●○ · **10 minutes**
#
# `values` `(n,)` are measurements, `person` `(n,)` says whose each one is, `picks` `(draws, k)` are the people of each
# draw. Give back the mean of each draw, `(draws,)`: over **all rows of all people drawn**; who is drawn twice counts
# twice. With values 1, 3, 8 of the people 0, 0, 1 and the draw [0, 1] it is (1 + 3 + 8) / 3 = 4; with [1, 1] it is 8.
#
# <details><summary>Hint 1</summary>
#
# For each person the sum of her values, and how many there are. A draw adds up sums and numbers, and divides at the
# end.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `sums = torch.zeros(people).index_add(0, person, values)`, the same with ones for the numbers; then
# `sums[picks].sum(1)`.
#
# </details>


# %%
def draw_means(values: Tensor, person: Tensor, picks: Tensor) -> Tensor:
    """The mean over all rows of the people in each draw, (draws,)."""
    raise NotImplementedError("your turn")


check.draw_means(draw_means)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# import torch
# from torch import Tensor
#
#
# def draw_means(values: Tensor, person: Tensor, picks: Tensor) -> Tensor:
#     people = int(person.max()) + 1
#     sums = torch.zeros(people, dtype=values.dtype).index_add(0, person, values)
#     numbers = torch.zeros(people, dtype=values.dtype).index_add(0, person, torch.ones_like(values))
#     return sums[picks].sum(1) / numbers[picks].sum(1)
# ```
#
# A mean of people's means would be something else: it gives a person with one row the weight of one with seven.
#
# </details>

# %% [markdown]
# ## 4 As a network sees it: mCSD and mOCD (8 minutes)
#
# Pixels know nothing of texture: stripes moved by one pixel are a large change in L1, and none to us. The paper
# therefore measures with a network: [mCSD](glossary.md#mcsd), class-specific diversity, how far the area of $c$ moves
# when $Z_c$ changes (higher is better), and [mOCD](glossary.md#mocd), other-classes diversity, how far the rest moves
# (lower is better), each a mean over classes. Its distance is [LPIPS](glossary.md#lpips). Ours is another: features of
# EfficientNet-Lite0, which comes in a wheel and works offline. **It is not LPIPS, and its numbers cannot be compared
# with the paper's.**
#
# $$d(a, b) = \mathrm{mean}_l \frac{\mathrm{mean}\,|f_l(a) - f_l(b)|}{\mathrm{mean}\,(|f_l(a)| + |f_l(b)|) / 2}$$

# %%
from smis.metrics import efficientnet_judge

judge = efficientnet_judge()
f, g = judge.features(both[:1]), judge.features(both[1:])
layers = [(a - b).abs().mean() / ((a.abs() + b.abs()).mean() / 2) for a, b in zip(f, g, strict=True)]
by_hand = torch.stack(layers).mean()
agree(by_hand[None], judge.distance(f, g))
print("layers of the judge", *(tuple(x.shape[1:]) for x in f))

# %% [markdown]
# Features are coarse: each point sees more than 100 pixels. So *when* one cuts out the area matters, and the paper does
# not say; its authors have not published the code.
#
# 1. **Masked before the network:** paste the new pixels inside the area into the old picture, and compare with the old
#    picture. The outside change: paste the new pixels *outside*.
# 2. **Masked after the network:** compare the whole pictures, and average the *map* of feature differences inside and
#    outside.
#
# **Predict:** an editor that changes nothing outside, what outside change does it get in reading 2?

# %%
a, b, size = both[:1], both[1:], (128, 128)
only_inside = torch.where(area, b, a)  # what a perfect editor would give
only_outside = torch.where(area, a, b)
before = judge.distance(f, judge.features(only_inside)), judge.distance(f, judge.features(only_outside))
seen = judge.maps(f, g, size)[0]
perfect = judge.maps(f, judge.features(only_inside), size)[0]
print("masked before, inside more than outside:", bool(before[0] > before[1]))
print("masked after, inside more than outside: ", bool(seen[area].mean() > seen[~area].mean()))
print("the perfect editor, outside, masked after, is 0:", bool(perfect[~area].mean() == 0))

# %%
figure, panels = axes(1, 3, size=(9, 2.8))
maps = {"pixels": change, "features": seen, "features, perfect editor": perfect}
for panel, (words, map_) in zip(panels, maps.items(), strict=True):
    panel.imshow(map_, cmap="magma", vmin=0)
    panel.contour(area, levels=[0.5], colors="white", linewidths=0.8)
    panel.set(title=words, xticks=[], yticks=[])
shown(
    figure,
    alt="Three maps of the change with the top's outline. In pixels it stays inside. In features it glows far beyond "
    "the outline, for the perfect editor too.",
)

# %% [markdown]
# In reading 2 even the perfect editor "leaks". So `smis evaluate` prints what the perfect editor would get beside each
# mCSD : mOCD, and both readings. A metric without its protocol is not a number one can compare.

# %%
from smis.metrics.control import Changes, readings

changes = Changes()
changes.add(TOP, torch.tensor([0]), a, b, area[None], judge)
first, second = readings("encoded", changes, seed=0)
agree(torch.cat(before), torch.tensor([first.mcsd.value, first.mocd.value]))
agree(torch.stack([seen[area].mean(), seen[~area].mean()]), torch.tensor([second.mcsd.value, second.mocd.value]))

# %% [markdown]
# ## 5 Against the change that should happen (8 minutes)
#
# So far we asked *where* something changes. Not *whether it is right*. Our data are rendered, so we can ask: the [swap
# split](glossary.md#swap-split) holds scenes rendered again with **one class restyled and nothing else**. $T$ is the
# true change, $G$ the generated one, and bars are means. [Leakage](glossary.md#leakage) is what happens outside,
# [faithfulness](glossary.md#faithfulness) how much of the true change was made, strength how large the change is:
#
# | | formula | perfect | does nothing | changes everything alike |
# |---|---|---|---|---|
# | leakage | $\lvert G\rvert_\text{out} / \lvert T\rvert_\text{in}$ | 0 | 0 | about 1 |
# | faithfulness | $1 - \lvert G - T\rvert_\text{in} / \lvert T\rvert_\text{in}$ | 1 | 0 | below 1 |
# | strength | $\lvert G\rvert_\text{in} / \lvert T\rvert_\text{in}$ | 1 | 0 | about 1 |

# %%
from smis.datasets.swaps import swaps

swap = swaps("people")[8]  # one person in three other tops
scene = torch.from_numpy(np.concatenate([swap.base[None], swap.restyled])).permute(0, 3, 1, 2).float() / 127.5 - 1
masks = torch.from_numpy(swap.labels).long().expand(len(scene), -1, -1)
allowed = torch.from_numpy(swap.allowed)
print("restyled:", swap.name, "- pictures", tuple(scene.shape))
print("outside the area the renderings are equal:", bool((scene[1:] == scene[:1])[..., ~allowed].all()))

# %%
number = names.index(swap.name)
with torch.inference_mode():
    z = model.encode(scene, masks).values
    edited = z[:1].repeat(len(z), 1, 1, 1, 1)
    edited[:, number] = z[:, number]  # the first keeps its own
    drawn = model.decode(edited, masks)
G, T = drawn[1:] - drawn[:1], scene[1:] - scene[:1]
strip(
    [*to_uint8(scene[:2]), *to_uint8(drawn[:2]), *to_uint8(torch.stack([T[0], G[0], G[0] - T[0]]).clamp(-1, 1))],
    ["base", "restyled", "base, drawn", "edited", "true change", "generated", "difference"],
    alt="The base and the restyled rendering, both as the network draws them, the true change, the generated change, "
    "and their difference, which shows the pattern that was lost.",
    height=110,
)


# %%
def inside(x: Tensor) -> Tensor:
    """Mean absolute value in the area, over all swaps."""
    return x.abs().mean(1)[:, allowed].mean()


from smis.metrics.truth import against_truth

spilled = G.abs().mean(1)[:, ~allowed].mean()
by_hand = torch.stack([spilled / inside(T), 1 - inside(G - T) / inside(T), inside(G) / inside(T)])
faith = against_truth(model, [swap])[0]
agree(by_hand, torch.tensor([faith.leakage.value, faith.faithfulness.value, faith.strength.value]), 1e-4)
print("leakage below 0.1:", faith.leakage.value < 0.1, "- strength above 0.5:", faith.strength.value > 0.5)

# %% [markdown]
# The difference, on the right, shows what is lost: the checks of the plaid. The code of a class is a small
# grid, and the colour comes through better than the pattern. In numbers over the whole swap split
# (`data/checkpoints/README.md`): faithfulness of skin 0.80, of background 0.88, of tops 0.49, of bottoms 0.32.

# %% [markdown]
# ### Exercise 3: leakage, faithfulness, strength
#
# **Difficulty** ●●○ · **Importance** ●●● · **10 minutes**
#
# `generated` and `true` are changes `(B, 3, H, W)`, each image with its own `area` `(B, H, W)` bool. Give back the
# three numbers over the batch as **ratios of means**: first the mean of each quantity for each image (inside its area,
# or outside), then the mean over images, then the ratio.
#
# <details><summary>Hint 1</summary>
#
# Four means over images: $\lvert T\rvert$ inside, $\lvert G\rvert$ inside, $\lvert G\rvert$ outside, $\lvert G -
# T\rvert$ inside.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Your function of exercise 1 with a change and zeros gives mean values inside and outside; halves cancel in the ratios.
#
# </details>


# %%
def judge_edit(generated: Tensor, true: Tensor, area: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Leakage, faithfulness and strength of a batch of edits."""
    raise NotImplementedError("your turn")


check.judge_edit(judge_edit)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# from torch import Tensor
#
#
# def judge_edit(generated: Tensor, true: Tensor, area: Tensor) -> tuple[Tensor, Tensor, Tensor]:
#     def mean(change: Tensor, where: Tensor) -> Tensor:
#         return ((change.abs().mean(1) * where).sum((1, 2)) / where.sum((1, 2))).mean()
#
#     wanted = mean(true, area)
#     leakage = mean(generated, ~area) / wanted
#     faithfulness = 1 - mean(generated - true, area) / wanted
#     return leakage, faithfulness, mean(generated, area) / wanted
# ```
#
# Comparing *changes*, not pictures, makes what the network draws wrongly in both pictures cancel.
#
# </details>

# %% [markdown]
# ## 6 Break it: fool each number (6 minutes)
#
# A number that can be fooled will be. Three bad editors, judged by all three numbers: one that does nothing, an
# untrained network, and one that floods the whole picture with the right colour. **Predict:** who has the
# smallest leakage? Who the highest faithfulness?

# %%
torch.manual_seed(0)
fresh = GroupDNet(model.config).eval()
with torch.inference_mode():
    untrained = fresh.decode(edited, masks)
mean_change = (T * allowed).sum((2, 3), keepdim=True) / allowed.sum()  # one colour for each swap
editors = {
    "GroupDNet": G,
    "does nothing": torch.zeros_like(T),
    "untrained": untrained[1:] - untrained[:1],
    "floods": mean_change.expand_as(T),
}
found = {}
for name, made in editors.items():
    leakage, strength = made.abs().mean(1)[:, ~allowed].mean() / inside(T), inside(made) / inside(T)
    found[name] = (leakage.item(), (1 - inside(made - T) / inside(T)).item(), strength.item())
print("does nothing: leakage", found["does nothing"][0], "faithfulness", found["does nothing"][1])
print("untrained: leakage below 0.1:", found["untrained"][0] < 0.1)
print("floods: more faithful than GroupDNet:", found["floods"][1] > found["GroupDNet"][1])
print("floods: leakage above 0.3:", found["floods"][0] > 0.3)

# %%
figure, axis = axes(size=(7, 2.8))
for place, (name, values) in enumerate(found.items()):
    axis.bar(np.arange(3) + 0.2 * place, values, 0.18, label=name)
axis.set_xticks(np.arange(3) + 0.3, ["leakage", "faithfulness", "strength"])
axis.axhline(0, color="grey", linewidth=0.8)
axis.legend(fontsize=8, frameon=False, labelcolor="grey")
shown(
    figure,
    alt="Bars of leakage, faithfulness and strength for four editors. Doing nothing is 0 everywhere; flooding has a "
    "high leakage; GroupDNet has a leakage near 0, a faithfulness of about a quarter and a high strength.",
)

# %% [markdown]
# Who does nothing leaks nothing, and untrained networks do next to nothing. That is not a joke: in section 8 a trained
# one does almost that. And who floods everything with the right colour is more *faithful* than GroupDNet on this plaid
# top: most of a plaid is its mean colour. Only its leakage gives it away. **Always ask for two numbers, one that
# rewards change and one that punishes spilling.** mCSD and mOCD are such a pair, too.

# %% [markdown]
# ## 7 Do they look real, all together? (10 minutes)
#
# The paper's measure of quality is [FID](glossary.md#fid): take features of all real images and of all generated ones
# from one particular Inception network, fit a normal distribution to each set, and take the [Frechet
# distance](glossary.md#frechet-distance) of the two:
#
# $$\lvert m_1 - m_2\rvert^2 + \mathrm{trace}\left(S_1 + S_2 - 2 (S_1 S_2)^{1/2}\right)$$
#
# with means $m$ and covariances $S$. The trace of the root is the sum of the roots of the eigenvalues of $S_1 S_2$.

# %%
from smis.metrics.distributions import frechet, kernel_distance

random = np.random.default_rng(0)
x, y = random.normal(size=(500, 4)), random.normal(size=(500, 4)) * 1.5 + 1
s1, s2 = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
roots = np.sqrt(np.linalg.eigvals(s1 @ s2).real)
by_hand = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(s1) + np.trace(s2) - 2 * roots.sum()
agree(torch.tensor([by_hand]), torch.tensor([frechet(x, y)]))
print("about 4 * 1 for the means and 4 * 0.5^2 for the deviations:", 4 < by_hand < 6)

# %% [markdown]
# Now two sets of **real** people, so the answer should be 0. We take features of 400 training images from
# the judge's network. **Predict:** what happens to the distance of two real sets when each has only 25 images?

# %%
from smis.metrics.distributions import averaged

real, _ = people("train").load(64, range(400)).tensors()
rows = averaged(judge).rows(real).double().numpy()
rows = (rows - rows.mean(0)) / rows.std(0)  # every feature on the same scale
order = np.random.default_rng(1).permutation(len(rows))
sizes = (25, 50, 100, 200)
pairs = {n: (rows[order[:n]], rows[order[n : 2 * n]]) for n in sizes}
distances = [frechet(a, b) for a, b in pairs.values()]
kernels = [kernel_distance(a, b) for a, b in pairs.values()]
print("features of an image:", rows.shape[1])
print("falls with every doubling:", distances == sorted(distances, reverse=True))
print("25 images: more than 3 times the distance of 200:", distances[0] > 3 * distances[-1])
print("kernel distance of 200 is within 0.1 of 0:", abs(kernels[-1].value) < 0.1)

# %%
figure, (left, right) = axes(1, 2, size=(9, 2.8))
left.plot(sizes, distances, marker="o")
left.set(title="Frechet distance, real against real", xlabel="images in each set", ylim=(0, None))
middle = [k.value for k in kernels]
right.errorbar(sizes, middle, yerr=[k.high - k.value for k in kernels], marker="o", capsize=4)
right.axhline(0, color="grey", linestyle=":")
right.set(title="kernel distance, real against real", xlabel="images in each set")
shown(
    figure,
    alt="Left, the Frechet distance of two sets of real images falls steeply with their size and is far from 0. Right, "
    "the kernel distance lies around 0 at every size, with intervals that become narrower.",
)

# %% [markdown]
# With few images the covariances are off, and all errors push the same way: up. The *kernel distance* (on
# Inception features: KID) has an estimator without this bias, so it comes with an interval around the truth. Two rules
# follow: compare Frechet distances **of the same number of images only**, and print beside them what real images get.
# `smis evaluate` does both. FID itself needs weights from the internet: `smis evaluate --inception FILE`.

# %% [markdown]
# ### Exercise 4: the Frechet distance of independent features
#
# **Difficulty** ●●○ · **Importance** ●●○ · **10 minutes**
#
# If no two features are correlated, the covariances are diagonal, and the distance is a sum over the features. Work out
# the formula, and write it for `a` `(n, d)` and `b` `(m, d)`. Deviations divide by n - 1, as `torch.std` does. For a =
# 0, 2 and b = 4, 6 it is 16.
#
# <details><summary>Hint 1</summary>
#
# For one feature: $(m_1 - m_2)^2 + s_1^2 + s_2^2 - 2 s_1 s_2$. That is a square.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Squared difference of means plus squared difference of deviations, summed over the features.
#
# </details>


# %%
def frechet_alone(a: Tensor, b: Tensor) -> Tensor:
    """Frechet distance of two sets of uncorrelated features (n, d) and (m, d): one number."""
    raise NotImplementedError("your turn")


check.frechet_alone(frechet_alone)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# from torch import Tensor
#
#
# def frechet_alone(a: Tensor, b: Tensor) -> Tensor:
#     means = (a.mean(0) - b.mean(0)).square().sum()
#     deviations = (a.std(0) - b.std(0)).square().sum()
#     return means + deviations
# ```
#
# Even with equal means, wrong variety costs: a generator that always draws the average is found out.
#
# </details>

# %% [markdown]
# ## 8 The paper's comparison, remade (10 minutes)
#
# The paper asks: why not one network for each class? Or groups only in the encoder? All are settings of one network
# family, and we trained them with as many parameters each, on the same people at 64 pixels (`python
# benchmarks/compare.py`). One seed, and they were stopped before the end: [how, and all
# numbers](../benchmarks/results/README.md).

# %%
import json

results = data_dir().parent / "benchmarks" / "results"
titles = ("GroupDNet", "GroupNet", "MulNet", "GroupEnc", "GroupDec", "VSPADE")
files = {title: results / "people-64" / f"{title.lower()}.json" for title in titles}
stored = {title: json.loads(file.read_text()) for title, file in files.items() if file.is_file()}
print(f"{'':10s}{'parameters':>11s}{'error':>8s}{'leakage':>9s}{'faithfulness':>14s}")
for title, one in stored.items():
    error, truth = one["reconstruction"][0]["l1"]["value"], one["truth"][-1]
    leakage, faithful = truth["leakage"]["value"], truth["faithfulness"]["value"]
    print(f"{title:10s}{one['parameters']:11,d}{error:8.4f}{leakage:9.3f}{faithful:14.2f}")

# %% [markdown]
# - **GroupNet**: one group a class, in every layer. **MulNet**: one small decoder a class, their pictures pasted
#   together.
# - **GroupEnc**: groups in the encoder, an ordinary decoder. **GroupDec**: an ordinary encoder, falling groups in the
#   decoder.
# - **VSPADE**: one code for the whole picture.
#
# **Predict** before you look at the plot: who is in the corner where one wants to be, upper left?

# %%
figure, (left, right) = axes(1, 2, size=(10, 3.4))
for title, one in stored.items():
    truth, error = one["truth"][-1], one["reconstruction"][0]["l1"]
    where = truth["leakage"]["value"], truth["faithfulness"]["value"]
    left.plot(*where, marker="o", linestyle="")
    left.annotate(title, where, (6, 4), textcoords="offset points", fontsize=8, color="grey")
    right.barh(title, error["value"])
    right.plot([error["low"], error["high"]], [title] * 2, color="grey")
left.set(xlabel="leakage (0 is best)", ylabel="faithfulness (1 is best)", ylim=(-0.05, 0.7))
left.margins(x=0.15)
right.set(xlabel="error of the reconstruction (L1, low is good)")
right.invert_yaxis()
shown(
    figure,
    alt="Left: faithfulness over leakage. GroupDNet is highest at a small leakage; GroupDec lies near 0 faithfulness. "
    "Right: errors; GroupDec's is the smallest, GroupDNet's the next among those with control.",
)

# %%
error = {title: one["reconstruction"][0]["l1"]["value"] for title, one in stored.items()}
faithful = {title: one["truth"][-1]["faithfulness"]["value"] for title, one in stored.items()}
print("most faithful:", max(faithful, key=lambda title: faithful[title]))
print("smallest error of all:", min(error, key=lambda title: error[title]))
steered = [title for title in error if faithful[title] > 0.3]
print("smallest error of those more than 0.3 faithful:", min(steered, key=lambda title: error[title]))

# %% [markdown]
# Read it line by line. *GroupDec* reconstructs best, and cannot be steered: its encoder sees the whole picture, so each
# class's code knows everything, and exchanging one changes everything a little. Its leakage is small for the reason of
# section 6: it does almost nothing. *MulNet* never leaks, and pays with a larger error: nothing is shared. *GroupEnc*
# leaks more than twice as much as the falling groups. *VSPADE* has one code: a code from another person changes
# everything. Here it looks better than it is, for in the swap split the other picture differs in that one class only;
# the ratio inside : outside of the exchanges among people, 0.9, tells the truth about it. **GroupDNet** keeps the
# control of GroupNet with an error 28 % smaller. That is the paper's claim, and on these data, with one seed, it holds.
#
# ### What do falling groups buy?
#
# Three of them are the same network with three *schedules* of groups in the decoder, and widths that make them equally
# large.

# %%
for title, groups in (("GroupNet", "8 8 8 8 8 8"), ("GroupDNet", "8 8 8 4 2 1"), ("GroupEnc", "1 1 1 1 1 1")):
    million = stored[title]["multiply_adds"] / 1e6
    print(f"{groups}  error {error[title]:.4f}  faithfulness {faithful[title]:.2f}  {million:.0f} M multiply-adds")

# %% [markdown]
# Groups throughout: every class must draw with an eighth of the width, and never sees its neighbours. No
# groups: every code reaches every channel from the first layer. In between is better than both ends. It is not free: at
# equal size the falling groups need the most [multiply-adds](glossary.md#multiply-add), since more of their weights sit
# in the last blocks, whose maps are large.
#
# ### And with 151 classes?
#
# The paper names a price: several generators train slowly. So one step of training was timed, for GroupDNet and for
# MulNet, with more and more classes: on a CPU, one thread, 64 pixels. **Predict:** from 8 to 151 classes, does MulNet's
# step become 5, 10 or more than 15 times as long?

# %%
cpu = json.loads((results / "classes-cpu.json").read_text())
figure, panels = axes(1, 2, size=(10, 3))
grown = {}
for network in ("GroupDNet", "MulNet"):
    found = [row for row in cpu["rows"] if row["network"] == network]
    for panel, key, unit in zip(panels, ("step_ms", "memory_mib"), (1000, 1024), strict=True):
        panel.plot([row["classes"] for row in found], [row[key] / unit for row in found], marker="o", label=network)
    grown[network] = found[-1]["step_ms"] / found[0]["step_ms"]
panels[0].set(title="seconds of a training step", xlabel="classes", ylim=(0, None))
panels[1].set(title="GiB of memory for it", xlabel="classes", ylim=(0, None))
panels[0].legend(frameon=False, labelcolor="grey")
print("8 to 151 classes:", ", ".join(f"{network} grows {factor:.1f}-fold" for network, factor in grown.items()))
shown(
    figure,
    alt="Time and memory of a training step over the number of classes. MulNet's lines rise much more steeply than "
    "GroupDNet's.",
)

# %% [markdown]
# With 8 classes there is little between them. With many there is: GroupDNet's last blocks keep their widths, however
# many classes there are; MulNet draws the whole picture once for each class.

# %% [markdown]
# ## 9 Where the method fails (6 minutes)
#
# **The signs of the streets.** They had the smallest ratio in section 2. Look at how much their *inside* changes:

# %%
encoded, table = worlds["streets"]
moved = {encoded.names[k]: table["l1_in"][table["number"] == k].mean() for k in set(table["number"].tolist())}
print("least moved:", min(moved, key=lambda name: moved[name]))
print("the signs move less than a tenth of the mean class:", moved["sign"] < 0.1 * np.mean(list(moved.values())))

# %% [markdown]
# Their code does nothing: whichever sign it comes from, the same sign is drawn. In the whole swap split
# their faithfulness is 0.00 and their strength 0.03. Signs are small and rare, most losses are means over pixels, and a
# network that ignores a sign's code hardly pays for it. A leakage of 0.01 beside it looks excellent: the editor that
# does nothing, again.
#
# **The background, as a network sees it.** In L1 the change inside is 13.7 times that outside; in perceptual distance
# only 2.4 times (both in `data/checkpoints/README.md`). A new background tints the edges of everything in front of it.
# The eye forgives that, features do not.
#
# **Fine prints.** A code holds 8 numbers on a small grid. Text, checks and flowers do not fit: section 5.
#
# **Shape.** Hair cannot become longer: that is in the [label map](glossary.md#label-map). Notebook 08 edits it.
#
# **Our data.** In our renderings a class restyled changes no pixel of another one, and label maps have no errors. On
# photographs the "right" outside change is *not* zero: a red coat tints the chin. There leakage against a rendered
# truth cannot be measured at all, and mOCD punishes what is right.

# %% [markdown]
# ## 10 What came after (5 minutes)
#
# **SEAN** (Zhu, Abdal, Qin, Wonka, CVPR 2020), of the same year, gives each region a style vector: an encoder, then a
# mean over the region's pixels. The vectors do not enter at the start of the decoder but in its normalisation layers,
# broadcast over their region. So control by region is built into these layers, not left to groups. A mean has no
# places, so layout inside a region is lost even more than in our small grids.
#
# **CLADE** (Tan and others, TPAMI 2021) asks what the normalisation of SPADE gains from its convolutions over the mask.
# The finding: knowing the class matters more than knowing the place. CLADE therefore looks scale and shift up in a
# table, one row a class, at much less cost. (The decoder here profits from something similar: inside a region CG-Norm's
# convolutions see one class only, so that `smis.neighbourhoods` looks most of their results up.)
#
# **INADE** (Tan and others, CVPR 2021) makes the rows of that table random: scale and shift come from a distribution
# for each class, drawn anew for each *instance*. Two cars in one street may differ. Here they share one code, and
# differ at most by their places in its small grid.
#
# **OASIS** (Sushko, Schönfeld and others, ICLR 2021) changes the other side: the discriminator becomes a segmentation
# network that must tell for each pixel its class, or that it is fake. That needs no perceptual loss. Variety comes from
# a 3D noise tensor laid over the label map, drawn anew for the whole picture or for a part of it; there is no encoder
# to copy a style from a picture.
#
# **Diffusion** replaced the adversarial training. *Semantic Image Synthesis via Diffusion Models* (arXiv 2207.00050)
# removes noise step by step, and feeds the label map to the decoder by SPADE's layers; its authors measure better and
# more varied pictures, and each needs many steps. ControlNet (Zhang, Rao, Agrawala, ICCV 2023) adds a label map as a
# condition to a large text-to-image network that was trained before. Words then do what our codes did. How well *only
# that class* changes has to be measured there too, with the numbers of this notebook: the question has outlived the
# architecture.

# %% [markdown]
# ## What you learned
#
# - Control is two numbers: enough change inside, little outside. Either alone can be fooled.
# - Ratios of means, intervals by drawing people or scenes, and the protocol beside every number.
# - With rendered truth one can ask more: is it the *right* change? Leakage, faithfulness, strength.
# - Frechet distances of few images are too large; compare equal numbers, and show what real images get.
# - At equal size, falling groups keep the control of separate networks with a smaller error, and cost grows more slowly
#   with the number of classes.
#
# ## Ask yourself
#
# <details><summary>Why can a network with a leakage of 0 be useless?</summary>
# It may do nothing at all. Ask for faithfulness or strength as well.</details>
#
# <details><summary>Why is mOCD not 0 for a perfect editor when masked after the network?</summary>
# Each point of the feature maps sees more than 100 pixels: a change inside the area shows in features outside
# it.</details>
#
# <details><summary>Why is a mean of ratios dangerous?</summary>
# One denominator near zero dominates it. A ratio of means is steady.</details>
#
# <details><summary>Why are people drawn in the bootstrap, and not rows?</summary>
# Rows of one person share what is special about her: they are not independent witnesses.</details>
#
# <details><summary>You have 200 images, the paper 1,000s. May you compare Frechet distances?</summary>
# No. The bias depends on the number of images. Nor with another feature network.</details>
#
# <details><summary>Why does GroupDec reconstruct best and control worst?</summary>
# Its encoder sees the whole image, so each class's code holds the whole image. That helps to redraw it, and makes an
# exchanged code change everything or nothing.</details>
#
# <details><summary>Why does MulNet's cost grow faster with the number of classes?</summary>
# It draws a whole picture for each class, up to the full size. In GroupDNet only the first, small maps have one group a
# class.</details>
#
# ## Read on
#
# - Zhu, Xu, You, Bai, *Semantically Multi-modal Image Synthesis*, CVPR 2020: section 4 has the comparison and the
#   metrics.
# - Zhang, Isola, Efros, Shechtman, Wang, *The Unreasonable Effectiveness of Deep Features as a Perceptual Metric*, CVPR
#   2018: LPIPS.
# - Heusel and others, *GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium*, NeurIPS
#   2017: FID.
# - Bińkowski, Sutherland, Arbel, Gretton, *Demystifying MMD GANs*, ICLR 2018: KID, and the bias of FID.
# - Sushko and others, *You Only Need Adversarial Supervision for Semantic Image Synthesis*, ICLR 2021: OASIS.
#
# This was the last notebook. The networks, the data and the numbers are all in this repository, and
# [your own data](../docs/your-data.md) come next. Back to [00 Start here](00_start_here.ipynb).
