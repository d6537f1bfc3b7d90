# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Style morphing: what lies between two styles?
#
# ![Nine pictures of one person. From left to right the hair turns from auburn to blond, the top from blue to black, the
# wall from lilac to green.](../docs/style-morphing.webp)
#
# Encode two pictures, walk from the [codes](glossary.md#latent-code) of one to the codes of the other, and draw on the
# way. This is the third application of the paper's figure 6. The figure calls it *extrapolation*; its frames lie
# *between* the two pictures, so we say [interpolation](glossary.md#interpolation) or morphing, and keep
# [extrapolation](glossary.md#extrapolation) for going beyond.
#
# **You will be able to**
#
# - walk between two styles on a straight line and on an arc, and say how the two differ,
# - move each class at a pace of its own,
# - make the film's speed even, and write it to a file,
# - find a direction such as *dark to light hair*, and measure what it does,
# - recognise when a walk leaves what the network knows.
#
# **You need** notebook 00; notebook 07 helps.
# **Time** 50 minutes to read and do; all cells together run in under a minute on a laptop, no GPU needed.

# %% [markdown]
# ## 1 The straight path (5 minutes)
#
# $$Z(t) = Z_a + t\,(Z_b - Z_a), \qquad O(t) = \mathrm{G}(Z(t), M_a)$$
#
# At $t = 0$ it is the style of $a$, at $t = 1$ that of $b$. The [label map](glossary.md#label-map) stays that of $a$.

# %%
import numpy as np
import torch
from torch import Tensor

from smis import GroupDNet, morph, people, slerp
from smis.course import agree
from smis.course import morphing as check
from smis.datasets.paths import data_file
from smis.editing import angles
from smis.sheets import to_uint8
from smis_widgets import Picture, strip

model = GroupDNet.load(data_file("checkpoints/people-128.safetensors"))
test = people("test")
gallery = test.load(indices=(10, 24, 40, 37, 118, 65, 132, 77))
names = gallery.label_set.classes
BACKGROUND, HAIR, TOP, BOTTOM = (names.index(name) for name in ("background", "hair", "top", "bottom"))
images, labels = gallery.tensors()
with torch.inference_mode():
    codes = model.encode(images, labels)
Z = codes.values  # (8, C, D, h, w)
A, B, C, D, E, F, G, H = range(8)

# %%
a, b = Z[G : G + 1], Z[H : H + 1]
for t in (0, 0.3, 1):
    agree(a + t * (b - a), morph(a, b, t))


# %%
def draw(path: list[Tensor], shape: int) -> Tensor:
    """The pictures (frames, 3, H, W) of codes (1, C, D, h, w) on the label map of a person."""
    with torch.inference_mode():
        return model.decode(torch.cat(path), labels[[shape] * len(path)])


amounts = [k / 8 for k in range(9)]
frames = draw([morph(a, b, t) for t in amounts], G)
strip(
    list(to_uint8(frames)),
    [f"{t:g}" for t in amounts],
    alt="Person G: from 0 to 1 her hair turns from auburn to blond, her top from blue to black, the wall from lilac to "
    "green; her shape stays.",
    height=110,
)

# %%
middle = (frames[0] + frames[-1]) / 2  # cross-fading: the mean of the two pictures
off = 127.5 * (frames[4] - middle).abs().mean().item()
print("half-way, the morph differs from the cross-fade by 2 to 10 grey levels:", 2 < off < 10)

# %% [markdown]
# A cross-fade lays two pictures over each other. On one label map and with plain colours the two are close; the morph,
# however, is drawn anew in each frame.

# %% [markdown]
# ## 2 How long is a code? (6 minutes)
#
# Take a code as an arrow from the origin. **Predict:** two people's tops: is the angle between their arrows small,
# about 90 degrees, or about 180? And how long is the arrow half-way between them: as long, shorter, longer?

# %%
crowd = test.load(indices=range(150))
crowd_images, crowd_labels = crowd.tensors()
with torch.inference_mode():
    parts = [model.encode(crowd_images[k : k + 50], crowd_labels[k : k + 50]) for k in range(0, 150, 50)]
values, present = torch.cat([p.values for p in parts]), torch.cat([p.present for p in parts])

for c, name in enumerate(names):
    here = values[present[:, c], c].flatten(1)  # (n, D * h * w)
    other = here.roll(1, 0)
    angle = torch.rad2deg(torch.acos(torch.cosine_similarity(here, other))).mean().item()
    shorter = ((here + other) / 2).norm(dim=1) / ((here.norm(dim=1) + other.norm(dim=1)) / 2)
    ratio = shorter.mean().item()
    near = "yes" if 75 < angle < 105 else "no"
    print(f"{name:10s} angle near 90 degrees: {near:3s}   half-way 0.65 to 0.85 as long: {0.65 < ratio < 0.85}")

# %% [markdown]
# In 128 dimensions two independent arrows are nearly always close to a right angle. Here they are on average; single
# pairs differ. At a right angle and with equal lengths Pythagoras says: half-way the straight line is
# $1/\sqrt{2} \approx 0.71$ times as long. Such short codes exist, but they are the minority. What do they look like?

# %%
lengths = values[:, TOP].flatten(1).norm(dim=1)  # (N,)
colourful = torch.zeros(len(values))
for n in present[:, TOP].nonzero()[:, 0].tolist():
    colour = crowd_images[n][:, crowd_labels[n] == TOP]  # (3, pixels)
    colourful[n] = (colour.amax(0) - colour.amin(0)).mean() + colour.std(1).mean()
worn = present[:, TOP]
together = torch.corrcoef(torch.stack([lengths[worn], colourful[worn]]))[0, 1].item()
few = (lengths[worn] < 0.71 * lengths[worn].mean()).float().mean().item()
print("tops with a code shorter than 0.71 of the mean length: less than a third:", few < 1 / 3)
print("longer codes go with stronger colours and patterns, correlation above 0.3:", together > 0.3)

# %% [markdown]
# ## 3 The arc (7 minutes)
#
# To keep the length, walk around the origin instead of past it: [spherical
# interpolation](glossary.md#spherical-interpolation), with $\omega_c$ the angle between the two codes of class $c$:
#
# $$Z_c(t) = \frac{\sin((1-t)\,\omega_c)}{\sin\omega_c}\,Z_{a,c} + \frac{\sin(t\,\omega_c)}{\sin\omega_c}\,Z_{b,c}$$

# %%
a, b = Z[A : A + 1], Z[B : B + 1]
flat_a, flat_b = a.flatten(2).double(), b.flatten(2).double()  # (1, C, D * h * w)
omega = torch.acos((flat_a * flat_b).sum(2) / (flat_a.norm(dim=2) * flat_b.norm(dim=2)))  # (1, C)
t = 0.25
share_a = (((1 - t) * omega).sin() / omega.sin())[..., None, None, None]
share_b = ((t * omega).sin() / omega.sin())[..., None, None, None]
both = codes.present[A] & codes.present[B]
agree((share_a * a + share_b * b).float()[:, both], slerp(a, b, t)[:, both], tolerance=1e-4)
agree(omega.float()[:, both], angles(a, b)[:, both], tolerance=1e-4)

# %%
straight, arc = (draw([way(a, b, t) for t in amounts], A) for way in (morph, slerp))
strip(
    list(np.concatenate([to_uint8(straight), to_uint8(arc)], axis=1)),
    [f"{t:g}" for t in amounts],
    alt="Person A turns into the style of B, above on the straight line, below on the arc. In the middle the wall and "
    "the top above are dull, below they are bright.",
    height=220,
)

# %%
def vividness(pictures: Tensor) -> Tensor:
    """How far the wall is from grey, for each frame: the mean of largest minus smallest channel, in grey levels."""
    spread = 127.5 * (pictures.amax(1) - pictures.amin(1))  # (frames, H, W)
    return spread[:, labels[A] == BACKGROUND].mean(1)


lines = {"straight": vividness(straight), "arc": vividness(arc)}
more = (lines["arc"] - lines["straight"])[4].item()
print("half-way, the wall on the arc is more vivid by over 20 grey levels:", more > 20)
print("at both ends the paths meet:", bool((straight[[0, -1]] - arc[[0, -1]]).abs().max() < 1e-3))

# %%
from smis_widgets.plots import axes, shown

figure, (left, right) = axes(1, 2, size=(8, 2.6))
for name, way in (("straight", morph), ("arc", slerp)):
    left.plot(amounts, [way(a, b, t)[0, BACKGROUND].norm() for t in amounts], label=name)
    right.plot(amounts, lines[name], label=name)
left.set(xlabel="t", ylabel="length of the code")
right.set(xlabel="t", ylabel="vividness, grey levels")
left.legend(frameon=False, labelcolor="grey")
shown(figure, alt="Two plots over t. Left, the length of the background's code: the straight line sags first, the arc "
      "rises. Right, the vividness of the wall: the arc lies above the straight line in the middle.")

# %% [markdown]
# The two ends differ in length, so the arc is no circle: its length goes from one to the other, with little of the dip.
# Which one is right? Neither: nobody photographed the middle. The straight line passes through *duller* codes, the arc
# through codes of usual length, and it may overshoot: this wall gets redder than both ends on the way. Try both in the
# morpher below.

# %% [markdown]
# ## 4 Each class at its own pace (6 minutes)
#
# The amount can be a vector, one number a class: $Z_c(t) = Z_{a,c} + t_c\,(Z_{b,c} - Z_{a,c})$. With $t_c$ only 0 or 1
# this is mixing (notebook 07). `morph(a, b, t, classes=[...])` moves some classes and leaves the others.

# %%
a, b = Z[G : G + 1], Z[H : H + 1]
only_hair = draw([morph(a, b, t, [HAIR]) for t in (0, 0.5, 1)], G)
then_top = draw([morph(morph(a, b, 1, [HAIR]), b, t, [TOP]) for t in (0.5, 1)], G)
strip(list(to_uint8(torch.cat([only_hair, then_top]))), ["G", "hair, half", "hair of H", "top, half", "top of H"],
      alt="First G's hair turns blond, then her top turns black; the wall stays lilac.")

# %% [markdown]
# ### Exercise 1: an amount for each class
#
# **Difficulty** ●○○ · **Importance** ●●● · **7 minutes**
#
# `a` and `b` are `(B, C, D, h, w)`, `amounts` is `(C,)`. With `amounts = [0, 0.5, 1]` class 0 stays, class 1 goes
# half-way, class 2 arrives.
#
# <details><summary>Hint 1</summary>
#
# Broadcasting lines axes up from the right. Where must the C numbers stand?
# </details>
#
# <details><summary>Hint 2</summary>
#
# `amounts.view(1, -1, 1, 1, 1)` has its length on the class axis.
# </details>

# %%
def paced(a: Tensor, b: Tensor, amounts: Tensor) -> Tensor:
    """(B, C, D, h, w): each class moved from a towards b by its own amount."""
    raise NotImplementedError("your turn")

check.paced(paced)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# from torch import Tensor
#
#
# def paced(a: Tensor, b: Tensor, amounts: Tensor) -> Tensor:
#     return a + amounts.view(1, -1, 1, 1, 1) * (b - a)
# ```
#
# The class axis is the second of five, so the numbers need one axis before and three behind.
# </details>

# %% [markdown]
# ## 5 Even speed (6 minutes)
#
# Equal steps of $t$ are equal steps of the code. Are they equal steps of the *picture*? Measure the way in pixels
# between neighbouring frames. **Predict:** where is it fastest: at the start, in the middle, at the end?

# %%
a, b = Z[A : A + 1], Z[B : B + 1]
fine = [k / 24 for k in range(25)]
film = draw([morph(a, b, t) for t in fine], A)
speed = 127.5 * (film[1:] - film[:-1]).abs().mean((1, 2, 3))  # (24,) grey levels a step
fastest = int(speed.argmax())
print("fastest in the middle third:", 8 <= fastest < 16)
print("the fastest step is more than 1.4 times the slowest:", bool(speed.max() > 1.4 * speed.min()))

# %% [markdown]
# The decoder is not linear, so equal steps of the code are not equal steps of the picture. To make the film even, add
# up the way, and ask for the amounts at which equal parts of it are done:

# %%
way = torch.cat([torch.zeros(1), speed.cumsum(0)])  # (25,) the way until each frame
wanted = np.linspace(0, float(way[-1]), 9)
even = np.interp(wanted, way.numpy(), fine)  # (9,) amounts
smooth = draw([morph(a, b, float(t)) for t in even], A)


def unevenness(pictures: Tensor) -> float:
    """Largest step over smallest step."""
    steps = (pictures[1:] - pictures[:-1]).abs().mean((1, 2, 3))
    return (steps.max() / steps.min()).item()


print("nine frames at equal t: uneven by more than 1.3:", unevenness(film[::3]) > 1.3)
print("nine frames at even speed: by less than 1.1:", unevenness(smooth) < 1.1)

# %% [markdown]
# ### Exercise 2: even steps
#
# **Difficulty** ●●○ · **Importance** ●●○ · **10 minutes**
#
# `t` holds the amounts of frames, `speed` the pixel distance from each to the next (one fewer). Give `count` amounts,
# the first and last included, between which the way is equal. For `t = [0, 1, 2]` and `speed = [3, 1]` three frames are
# at 0, 2/3 and 2: the whole way is 4, and half of it is done two thirds into the first step.
#
# <details><summary>Hint 1</summary>
#
# `np.cumsum` gives the way; put a 0 before it, since at the first frame nothing has been walked.
# </details>
#
# <details><summary>Hint 2</summary>
#
# `np.interp(x, xp, fp)`: here x is the wanted way, xp the way at the frames, fp their amounts.
# </details>

# %%
def even_steps(t: np.ndarray, speed: np.ndarray, count: int) -> np.ndarray:
    """(count,): amounts between which the pictures move equally far."""
    raise NotImplementedError("your turn")

check.even_steps(even_steps)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# import numpy as np
#
#
# def even_steps(t: np.ndarray, speed: np.ndarray, count: int) -> np.ndarray:
#     way = np.concatenate([[0.0], np.cumsum(speed)])
#     return np.interp(np.linspace(0, way[-1], count), way, t)
# ```
#
# The way grows with t, so it can be read backwards: from way to t.
# </details>

# %% [markdown]
# ## 6 Beyond the ends (5 minutes)
#
# Nothing stops us from $t = 2$. **Predict:** H is dark-skinned, blond and stands before green. What is twice as far
# from G?

# %%
a, b = Z[G : G + 1], Z[H : H + 1]
beyond = (-2, -1, 0, 1, 2, 3)
far = draw([morph(a, b, t) for t in beyond], G)
strip(list(to_uint8(far)), [f"t = {t}" + ("" if 0 <= t <= 1 else ", extrapolated") for t in beyond],
      alt="Person G at t from -2 to 3. At -2 black hair and a blown-out white wall, 0 and 1 natural, at 3 white hair, "
      "a nearly black face and a wall of dark, strong green.", height=150)

# %%
clipped = (far.abs() > 0.98).float().mean((1, 2, 3))  # the share of values at the end of their range
print("more clipped values at -2 and 3 than in between:", bool(clipped[[0, 5]].min() > clipped[[2, 3]].max()))
longest = values[present[:, BACKGROUND], BACKGROUND].flatten(1).norm(dim=1).max().item()
lengths = [morph(a, b, t)[0, BACKGROUND].norm().item() for t in beyond]
print("within 0..1 the background's code is shorter than the longest of the crowd:", max(lengths[2:4]) < longest)
usual = values[present[:, HAIR], HAIR].flatten(1).norm(dim=1)
hair = [morph(a, b, t)[0, HAIR].norm().item() for t in beyond]
print("the hair's code at -2 and at 3 is longer than any of the crowd's:", min(hair[0], hair[5]) > usual.max().item())

# %% [markdown]
# Extrapolation *exaggerates* what differs. It looks reasonable a little beyond, up to about $t = 1.5$; farther out
# codes become longer than those of real pictures, and colours run into black and white. Always mark such frames:
# they are no longer between two things that exist. On the arc, codes beyond the ends stay bounded but turn away to some
# other style.

# %% [markdown]
# ## 7 The mask stays, whatever the pair (4 minutes)
#
# The two people need not have the same shape: the codes are one input, the label map the other. Any label map will do,
# even that of a third person. Shape itself cannot be morphed this way: half-way between two classes there is no class.

# %%
on = [to_uint8(draw([morph(a, b, t) for t in amounts[::2]], shape)) for shape in (G, H, C)]
strip(list(np.concatenate(on, axis=1)), [f"{t:g}" for t in amounts[::2]], height=400,
      alt="The same five steps from the style of G to that of H, on the label maps of G, of H and of C: "
      "in each column the three have the same colours.")

# %%
blue = [frame[2, labels[shape] == TOP].mean().item() for shape in (G, H, C) for frame in draw([a, b], shape)]
print("on all three shapes the top loses blue:", all(blue[k] > blue[k + 1] for k in (0, 2, 4)))

# %% [markdown]
# ## 8 A film (4 minutes)
#
# A time line says which amount is shown when: *keyframes*, and straight lines between them. The film goes to a GIF in a
# temporary folder.

# %%
import tempfile
from pathlib import Path

from PIL import Image

from smis_widgets.morpher import export
from smis_widgets.morpher.timeline import FPS, Keyframe, TimeLine

line = TimeLine((Keyframe(0.0, 0.0), Keyframe(1.0, 1.0), Keyframe(1.5, 1.0), Keyframe(2.5, 0.0)), 2.5)
moments = [k / FPS for k in range(0, 50, 2)]
pictures = to_uint8(draw([morph(a, b, line.amount(moment)) for moment in moments], G))
with tempfile.TemporaryDirectory() as folder:
    target = Path(folder) / "morph.gif"
    target.write_bytes(export.gif(list(pictures), FPS // 2))
    with Image.open(target) as written:
        print("a GIF of", written.size, "pixels; fewer frames than the", len(pictures), "drawn:", written.n_frames < 25)

# %% [markdown]
# While nothing moves, equal frames become one that stays longer: so it has fewer frames than were drawn.

# %% [markdown]
# ## 9 Averages and directions (8 minutes)
#
# The mean of the codes of many people, class by class. **Predict:** is the mean top plain grey?

# %%
mean = torch.stack([values[present[:, c], c].mean(0) for c in range(len(names))])[None]  # (1, C, D, h, w)
nobody = to_uint8(torch.cat([draw([mean], shape) for shape in range(8)]))
strip(list(nobody), list("ABCDEFGH"), height=120,
      alt="The eight shapes in the mean style: brown hair, a grey wall, and a mottled grey top.")

# %%
usual = values[present[:, TOP], TOP].flatten(1).norm(dim=1)
print("the mean top's code is less than half as long as the shortest:", bool(mean[0, TOP].norm() < usual.min() / 2))
grey = torch.from_numpy(nobody[A])[labels[A] == TOP].float()  # (pixels, 3)
print("its pixels differ by more than 15 grey levels from each other:", bool(grey.std(0).mean() > 15))

# %% [markdown]
# Not plain: the mean *code* is not the code of the mean *picture*. No real code is that short, so the decoder was never
# asked for it.
#
# The *difference* of two means is more useful. Split the crowd in two groups by something that one can measure, and
# subtract the means: a **direction** ([latent direction](glossary.md#latent-direction)).

# %%
heads = present[:, HAIR].nonzero()[:, 0]
brightness = torch.stack([crowd_images[n][:, crowd_labels[n] == HAIR].mean() for n in heads.tolist()])
light = brightness > brightness.median()
lighter = values[heads[light], HAIR].mean(0) - values[heads[~light], HAIR].mean(0)  # (D, h, w)


def along(person: int, amounts: list[float]) -> Tensor:
    """The person with her hair's code pushed along the direction: one picture for each amount."""
    path = Z[[person] * len(amounts)].clone()
    path[:, HAIR] += torch.tensor(amounts).view(-1, 1, 1, 1) * lighter
    return draw(list(path.split(1)), person)


pushes = [-2.0, -1.0, 0.0, 1.0, 2.0]
rows = [to_uint8(along(person, pushes)) for person in (A, G, C)]
strip(list(np.concatenate(rows, axis=1)), [f"{p:+g}" if p else "own hair" for p in pushes], height=400,
      alt="Three people, hair from black over their own auburn, brown and pink to blond; all else stays the same.")

# %%
for person in (A, G, C):
    pictures = along(person, pushes)
    grey = 127.5 * (1 + pictures[:, :, labels[person] == HAIR].mean((1, 2)))  # (5,) brightness of the hair
    rest = 127.5 * (pictures[-1] - pictures[2]).abs()[:, labels[person] != HAIR].mean()
    brighter = bool((grey.diff() > 0).all())
    print("ABCDEFGH"[person], "brighter with each step:", brighter, "- the rest moves less than 4:", bool(rest < 4))

# %% [markdown]
# The direction was found from 150 pictures without training anything. It lives in one class, so nothing else follows.
# Note pink C: she gets blond, so pink is lost. A difference of means takes along all that light hair *usually* has.
#
# Directions may also run through all classes. In rooms: warm against cold pictures.

# %%
from smis.datasets.archive import world

room_model = GroupDNet.load(data_file("checkpoints/rooms-128.safetensors"))
rooms = world("rooms", "test").load(indices=range(80))
room_images, room_labels = rooms.tensors()
with torch.inference_mode():
    parts = [room_model.encode(room_images[k : k + 40], room_labels[k : k + 40]) for k in (0, 40)]
R, there = torch.cat([p.values for p in parts]), torch.cat([p.present for p in parts])
red_minus_blue = (room_images[:, 0] - room_images[:, 2]).mean((1, 2))  # (80,)
warm = red_minus_blue > red_minus_blue.median()
warmer = torch.stack([R[warm & there[:, c], c].mean(0) - R[~warm & there[:, c], c].mean(0) for c in range(15)])

# %%
shown_rooms = []
for n in (0, 1, 7):
    with torch.inference_mode():
        path = torch.stack([R[n] + p * warmer for p in pushes])
        shown_rooms.append(room_model.decode(path, room_labels[[n] * 5]))
strip(list(np.concatenate([to_uint8(room) for room in shown_rooms], axis=1)),
      [f"{p:+g}" if p else "as it is" for p in pushes],
      height=400, alt="Three rooms, bluish on the left, as they are in the middle, yellowish and reddish on the right.")

# %%
for room in shown_rooms:
    warmth = 127.5 * (room[:, 0] - room[:, 2]).mean((1, 2))  # (5,)
    print("warmer with each step:", bool((warmth.diff() > 0).all()))

# %% [markdown]
# Careful: this is the *colour* of walls and cloth that is warm in some rooms, not the lamp. The mean cannot tell a
# warm light from an orange wall; groups that differ in one thing only, such as our
# [swap split](glossary.md#swap-split), could.

# %% [markdown]
# ### Exercise 3: a direction for any class
#
# **Difficulty** ●●○ · **Importance** ●●● · **10 minutes**
#
# `score` is `(N,)`, one number a picture. Among the pictures that **show class `c`**, take those whose score is above
# the median *of these pictures*, and the others. Give the mean code of the first minus that of the second.
#
# <details><summary>Hint 1</summary>
#
# First throw away the pictures without the class, from the values and from the scores. Then the median.
# </details>
#
# <details><summary>Hint 2</summary>
#
# `high = score > score.median()` is a bool mask; `~high` the others.
# </details>

# %%
def direction(values: Tensor, present: Tensor, score: Tensor, c: int) -> Tensor:
    """(D, h, w): where the codes of class c go when the score grows."""
    raise NotImplementedError("your turn")

check.direction(direction)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# from torch import Tensor
#
#
# def direction(values: Tensor, present: Tensor, score: Tensor, c: int) -> Tensor:
#     values, score = values[present[:, c], c], score[present[:, c]]
#     high = score > score.median()
#     return values[high].mean(0) - values[~high].mean(0)
# ```
#
# Absent classes have one constant code: in the means they would only pull both groups together.
# </details>

# %% [markdown]
# ## 10 The morpher (5 minutes)

# %%
from smis_widgets import Morpher

morpher = Morpher(model, gallery)
morpher

# %% [markdown]
# **Try this**
#
# 1. Go from G to H, then change the path from *straight* to *arc*. Where do you see a difference?
# 2. Let only the hair move. Then only the top.
# 3. Let all classes move again, and drag beyond H. When does it stop looking like a person?

# %%
morpher.between("G", "H")
morpher.shape("G")
morpher.choose("hair", "top")
morpher.to(0.5)
Picture(morpher.snapshot(), alt="The morpher: from G to H, only hair and top, half-way; below, a filmstrip from before "
        "G to beyond H.")

# %% [markdown]
# ## 11 Break it (5 minutes)
#
# E wears a skirt, D's picture ends above the hips. Morph the skirt of E towards D's, which does not exist.
# **Predict:** will the network refuse, draw skin, or draw some skirt?

# %%
toward_d = draw([morph(Z[E : E + 1], Z[D : D + 1], t, [BOTTOM]) for t in amounts[::2]], E)
toward_g = draw([morph(Z[E : E + 1], Z[G : G + 1], t, [BOTTOM]) for t in amounts[::2]], E)
print("D and G show a bottom:", codes.present[[D, G], BOTTOM].tolist())
print("both walks end at the same picture:", torch.equal(toward_d[-1], toward_g[-1]))
strip(list(to_uint8(toward_d)), [f"{t:g}" for t in amounts[::2]],
      alt="Person E's green skirt fades to a grey one that belongs to nobody.")

# %% [markdown]
# It draws *some* skirt: the one of a class that is not there, the same for everybody who lacks it. Nothing warns us. A
# sound morph checks `present` first: where one of the two lacks the class, it keeps the other's code all the way.

# %% [markdown]
# ### Exercise 4: a morph that checks
#
# **Difficulty** ●●○ · **Importance** ●●● · **8 minutes**
#
# `values` is `(N, C, D, h, w)`, `present` is `(N, C)`, `a` and `b` are image numbers. Morph straight from `a` to `b`;
# where only one of the two shows a class, keep that one's code for every `t`; where neither does, keep the code of `a`.
# The answer is `(1, C, D, h, w)`.
#
# <details><summary>Hint 1</summary>
#
# Choose the two ends first, class by class; then morph between the ends.
# </details>
#
# <details><summary>Hint 2</summary>
#
# `torch.where` needs the condition as `(C, 1, 1, 1)`. The start is `b`'s code only where `a` lacks the class and `b`
# has it.
# </details>

# %%
def careful_morph(values: Tensor, present: Tensor, a: int, b: int, t: float) -> Tensor:
    """(1, C, D, h, w): from image a to image b, without codes of absent classes."""
    raise NotImplementedError("your turn")

check.careful_morph(careful_morph)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# import torch
# from torch import Tensor
#
#
# def careful_morph(values: Tensor, present: Tensor, a: int, b: int, t: float) -> Tensor:
#     has_a, has_b = (present[n].view(-1, 1, 1, 1) for n in (a, b))
#     start = torch.where(~has_a & has_b, values[b], values[a])
#     end = torch.where(has_b, values[b], start)
#     return (start + t * (end - start))[None]
# ```
#
# With equal ends the straight line stands still, so no further case is needed.
# </details>

# %% [markdown]
# ## What you learned
#
# - Morphing is a walk between codes; the label map stays.
# - Codes of different pictures are on average nearly at right angles, so the straight line is shorter half-way: duller
#   pictures. The arc avoids the dip, and may overshoot.
# - Equal steps of $t$ are not equal steps of the picture; `np.interp` makes them even.
# - Beyond the ends differences are exaggerated until codes leave what the decoder knows. Mark such frames.
# - A difference of means is a direction one can push along; it carries everything that the groups differ in.
#
# ## Ask yourself
#
# <details><summary>Why are two random codes nearly at right angles?</summary>
# The cosine is a mean of many independent products of both signs; in 128 dimensions they nearly cancel.</details>
#
# <details><summary>When are arc and straight line the same?</summary>
# When the two codes point the same way, or one of them is zero. The library then takes the straight line, because the
# arc would divide by sin(w), which is 0, or there is no angle w.</details>
#
# <details><summary>Why is the mean code not the code of the mean picture?</summary>
# Encoder and decoder are not linear. The mean of many long arrows in all directions is short, and hardly any real code
# is.</details>
#
# <details><summary>Why can the shape not be morphed by the codes?</summary>
# The shape is in the label map, which holds class numbers. There is no class half-way between hair and wall.</details>
#
# <details><summary>The direction of light hair made pink hair blond. Why?</summary>
# The direction is the mean of all light hair minus the mean of all dark hair; it moves towards the usual light hair,
# which is not pink.</details>
#
# <details><summary>What would differ on photographs?</summary>
# Codes of classes hang together there (skin of face and arms, light on everything). Morphing one class alone can then
# give people that look lit from two sides.</details>

# %% [markdown]
# ## Read on
#
# - Zhu, Xu, You, Bai, "Semantically Multi-modal Image Synthesis", CVPR 2020: figure 6, style morphing. In their issue
#   tracker
#   (number 8) the authors call it interpolation.
# - Shoemake, "Animating Rotation with Quaternion Curves", SIGGRAPH 1985: the arc. White, "Sampling Generative
#   Networks", 2016: the
#   arc for latent codes, and directions as differences of means.
#
# Next: [10 Measuring control](10_measuring_control.ipynb). Does only that class change, in numbers?
