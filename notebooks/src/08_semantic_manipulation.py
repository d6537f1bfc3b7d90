# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Semantic manipulation: trees for houses, a bed in the room
#
# ![The painter: on the left a label map under the brush, on the right the picture that the network draws for
# it.](../docs/painter.webp)
#
# In notebook 07 the label map stayed and the codes moved. Now it is the other way round: keep the codes $Z$, edit the
# label map $M$. The paper's figure 6 turns a building into trees and puts a bed into a room. We do both.
#
# **You will be able to**
#
# - edit a label map with three lines of NumPy, and redraw the picture,
# - cut an object from one map and paste it into another,
# - choose a code for a class that the scene did not have,
# - redraw only what changed, and prove that nothing is lost,
# - say what no edit of the map can do.
#
# **You need** notebook 00; notebook 07 helps.
# **Time** 50 minutes to read and do; all cells together run in under a minute on a laptop, no GPU needed.

# %% [markdown]
# ## 1 Trees for houses (6 minutes)
#
# Eight rendered streets, and a network that was trained on others like them.

# %%
import numpy as np
import torch
from torch import Tensor

from smis import GroupDNet
from smis.course import agree
from smis.course import manipulation as check
from smis.datasets.archive import world
from smis.datasets.paths import data_file
from smis.sheets import colour_maps, to_uint8
from smis_widgets import Picture, strip

streets = world("streets", "test").load(indices=(7, 4, 17, 18, 20, 3, 9, 2))
street_model = GroupDNet.load(data_file("checkpoints/streets-128.safetensors"))
street_images, street_labels = streets.tensors()
with torch.inference_mode():
    street_codes = street_model.encode(street_images, street_labels)
    street_rebuilt = street_model.decode(street_codes.values, street_labels)
STREET = {name: number for number, name in enumerate(streets.label_set.classes)}
print(STREET)

# %% [markdown]
# A [label map](glossary.md#label-map) is an array of class numbers, so an edit is NumPy. Houses are three classes:
# walls, windows, roofs. All of them become tree.

# %%
houses = np.isin(streets.labels, [STREET[name] for name in ("building", "window", "roof")])  # (8, H, W) bool
edited = np.where(houses, STREET["tree"], streets.labels)  # a new array: the old one stays
with torch.inference_mode():
    green = street_model.decode(street_codes.values, torch.from_numpy(edited).long())
print("pixels that change class:", int(houses.sum()), "of", houses.size)

# %%
def column(number: int) -> np.ndarray:
    """Map, picture, edited map, edited picture of one street, one below the other."""
    maps = colour_maps(np.stack([streets.labels[number], edited[number]]), streets.label_set)
    return np.concatenate([maps[0], to_uint8(street_rebuilt)[number], maps[1], to_uint8(green)[number]])


strip(
    [column(n) for n in (0, 1, 2, 3)],
    ["street A", "street B", "street C", "street D"],
    alt="Four streets: label map, picture, label map with trees for houses, and its picture. Each street's trees have "
    "the leaves of its own trees: red in A, dark green in B, grey-green in C, bright green in D.",
    height=560,
)

# %% [markdown]
# The new trees take the code of the street's own trees: red ones stay red. And look at the outline: they are
# tree-coloured *houses*. **The shape is in the map.** The network fills what it is given.

# %% [markdown]
# ### Exercise 1: a batch of edits
#
# **Difficulty** ●○○ · **Importance** ●●○ · **5 minutes**
#
# Replace several classes at once, each by its own: `changes` is `{old: new}`. All replacements happen at the same time:
# `{0: 1, 1: 0}` swaps two classes. The map that you are given must stay as it is.
#
# <details><summary>Hint 1</summary>
#
# Always look for `old` in the *original* map, and write into a copy.
# </details>
#
# <details><summary>Hint 2</summary>
#
# `new_map[labels == old] = new`.
# </details>

# %%
def replaced(labels: np.ndarray, changes: dict[int, int]) -> np.ndarray:
    """The label map (H, W) with each class `old` replaced by `new`, all at the same time."""
    raise NotImplementedError("your turn")

check.replaced(replaced)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# import numpy as np
#
#
# def replaced(labels: np.ndarray, changes: dict[int, int]) -> np.ndarray:
#     result = labels.copy()
#     for old, new in changes.items():
#         result[labels == old] = new
#     return result
# ```
#
# Reading from the original keeps the replacements from catching each other's results.
# </details>

# %% [markdown]
# ## 2 How far does an edit reach? (5 minutes)
#
# The codes are the same. So does the picture stay the same outside the edit? **Predict:** at 10 pixels from the nearest
# edited pixel, is the change exactly zero, below a tenth of the change inside, or about as large?

# %%
import torch.nn.functional as F

change = 127.5 * (green - street_rebuilt).abs().mean(1)  # (8, H, W), grey levels
inside = torch.from_numpy(houses)[:, None].float()
amounts, area = [change[houses].mean().item()], inside
for reach in (1, 2, 4, 8, 16, 32):
    larger = F.max_pool2d(inside, 2 * reach + 1, stride=1, padding=reach)  # everything within `reach` pixels
    amounts.append(change[(larger > area)[:, 0]].mean().item())  # the ring that is new
    area = larger
print("each ring changes less than the one before:", all(a > b for a, b in zip(amounts, amounts[1:], strict=False)))
print("9 to 16 pixels away, below a tenth of the inside:", amounts[5] < amounts[0] / 10)
print("... and exactly zero:", amounts[5] == 0)

# %%
from smis_widgets.plots import axes, shown

figure, axis = axes(size=(6, 2.6))
axis.bar(["inside", "1", "2", "3-4", "5-8", "9-16", "17-32"], amounts)
axis.set_xlabel("distance from the edit, pixels")
axis.set_ylabel("mean change, grey levels")
shown(figure, alt="Bars: the change is about 49 grey levels inside the edit, 17 beside it, and falls to nearly zero "
      "beyond 16 pixels.")

# %% [markdown]
# Not zero, but it falls fast. Each [CG-Norm](glossary.md#cg-norm) looks at a 5 x 5 neighbourhood of the map at its own
# resolution, and in the first layers one step is many pixels. That is useful, too: the network blends the new thing in
# at its edge.

# %% [markdown]
# ## 3 A bed in the room (8 minutes)
#
# A bed has a shape that one does not want to paint by hand. So we **cut** it from another room's map and **paste** it.
# First by hand: the mask of the bed and what lies on it, its [bounding box](glossary.md#bounding-box), a shift.

# %%
rooms = world("rooms", "test").load(indices=(11, 5, 9, 13, 14, 6, 3, 20))
room_model = GroupDNet.load(data_file("checkpoints/rooms-128.safetensors"))
room_images, room_labels = rooms.tensors()
with torch.inference_mode():
    room_codes = room_model.encode(room_images, room_labels)
ROOM = {name: number for number, name in enumerate(rooms.label_set.classes)}
A, B, C, D = range(4)
print("who has a bed:", room_codes.present[:, ROOM["bed"]].int().tolist())

# %%
donor = rooms.labels[C]
piece = np.isin(donor, [ROOM["bed"], ROOM["pillow"]])  # (H, W) bool: what to take
rows, columns = np.flatnonzero(piece.any(1)), np.flatnonzero(piece.any(0))
print(f"box: rows {rows[0]} to {rows[-1]}, columns {columns[0]} to {columns[-1]}")

shift = -18  # pixels to the left
mask, source = np.roll(piece, shift, axis=1), np.roll(donor, shift, axis=1)
furnished = np.where(mask, source, rooms.labels[A])
print("bed pixels in the new map:", int((furnished == ROOM["bed"]).sum()))

# %% [markdown]
# Then the code. Room A has no bed, so its code of the class bed carries no style (notebook 07, section 6). Three
# choices: the empty code, the code of the room that the bed was cut from, or of the room that is most like A.
# **Predict:** what does a bed with an empty code look like?

# %%
def with_code(lender: int | None) -> Tensor:
    """The codes of room A, the bed's and the pillows' from the lender; None: A's own empty ones."""
    values = room_codes.values[A : A + 1].clone()
    for c in (ROOM["bed"], ROOM["pillow"]):
        if lender is not None:
            values[0, c] = room_codes.values[lender, c]
    return values


new_map = torch.from_numpy(furnished).long()[None]
with torch.inference_mode():
    before = room_model.decode(with_code(None), room_labels[A : A + 1])
    beds = torch.cat([room_model.decode(with_code(lender), new_map) for lender in (None, C, D)])
strip(
    [to_uint8(before)[0], colour_maps(furnished[None], rooms.label_set)[0], *to_uint8(beds)],
    ["room A", "new map", "empty code", "code of C", "code of D"],
    alt="A green room with an armchair; its label map with a bed; the bed drawn from an empty code; yellowish as in "
    "room C; white as in room D.",
)

# %%
on_bed = torch.from_numpy(furnished == ROOM["bed"])
means = 127.5 * (1 + torch.stack([bed[:, on_bed].mean(1) for bed in beds]))  # (3, 3) RGB
print("the three beds differ by over 10 grey levels:", bool(F.pdist(means, p=1).min() / 3 > 10))

# %% [markdown]
# An empty code draws *some* bed, always the same. It is no crash and no style. The painter of this project takes the
# code of the example that is most like the scene; a pasted object brings its own.

# %% [markdown]
# ### Exercise 2: who lends the code?
#
# **Difficulty** ●●○ · **Importance** ●●● · **12 minutes**
#
# How unlike are two rooms? Take the mean squared difference of the codes, over the classes that **both** show. `lender`
# gives the room that is most like `scene` among those that show class `c`; `None` if there is none. `values` is `(N, C,
# D, h, w)`, `present` is `(N, C)` bool. If room 0 needs a bed, only rooms with a bed are asked, and the curtains of two
# rooms count only if both have curtains.
#
# <details><summary>Hint 1</summary>
#
# First a number for each class: the mean over D, h and w of the squared difference. Then the mean over common classes.
# </details>
#
# <details><summary>Hint 2</summary>
#
# Leave out rooms with no common class, the scene itself, and rooms without `c`; `min(..., key=...)` does the rest.
# </details>

# %%
def lender(values: Tensor, present: Tensor, scene: int, c: int) -> int | None:
    """The example most like the scene among those that show class c."""
    raise NotImplementedError("your turn")

check.lender(lender)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# from torch import Tensor
#
#
# def lender(values: Tensor, present: Tensor, scene: int, c: int) -> int | None:
#     unlike = {}
#     for n in range(len(values)):
#         both = present[n] & present[scene]  # (C,)
#         if n != scene and present[n, c] and both.any():
#             unlike[n] = (values[n, both] - values[scene, both]).square().mean().item()
#     return min(unlike, key=unlike.get) if unlike else None
# ```
#
# All classes have codes of one length, so the mean over everything is the mean of the classes' means.
# </details>

# %% [markdown]
# The library computes all pairs at once. By hand for one pair, then the table:

# %%
from smis_widgets.painter.atelier import distances

common = room_codes.present[A] & room_codes.present[C]
squares = (room_codes.values[A, common] - room_codes.values[C, common]).square()
table = distances(room_codes)  # (8, 8)
agree(squares.mean(), table[A, C])
order = table[A].argsort().tolist()
print("most like room A:", " ".join("ABCDEFGH"[n] for n in order[1:]))

# %% [markdown]
# ## 4 Cut and paste with the library, as a script (6 minutes)
#
# `smis_widgets.brushes` has these pixel operations: `cut` takes the largest region with all that it surrounds, a
# `Piece` can be `resized` and `stamped`. And every edit can be written as a line of text. So a session is a **script**
# that can be read, changed and played again:

# %%
from smis_widgets.painter import brushes
from smis_widgets.painter.actions import Action
from smis_widgets.painter.state import PainterState, Scenes

bed = brushes.cut(rooms.labels[D], ROOM["bed"])
print("cut:", bed.mask.shape, "pixels with something:", int(bed.mask.sum()))
by_hand = bed.resized(60).stamped(rooms.labels[A], (60, 75))

state = PainterState.start(Scenes(rooms.label_set, rooms.labels), scene=A)
state = state.do(Action.parse("stamp bed D 60 60,75"))  # class, example, height, place of its middle: x,y
print("script and calls give the same map:", np.array_equal(by_hand, state.labels))

# %%
script = """replace rug floor
stamp bed D 60 60,75
rectangle picture 16,28 28,44
brush plant 9 118,84 118,66 113,56
move 47,40 76,36"""
pictures, captions = [to_uint8(before)[0]], ["room A"]
state = PainterState.start(Scenes(rooms.label_set, rooms.labels), scene=A)
for line in script.splitlines():
    state = state.do(Action.parse(line))
    present = torch.from_numpy(np.isin(np.arange(15), state.labels))
    codes = room_codes.values[A : A + 1].clone()
    for c in (present & ~room_codes.present[A]).nonzero()[:, 0].tolist():
        codes[0, c] = room_codes.values[next(n for n in order if room_codes.present[n, c]), c]
    with torch.inference_mode():
        image = room_model.decode(codes, torch.from_numpy(state.labels.astype(np.int64))[None])
    pictures.append(to_uint8(image)[0])
    captions.append(" ".join(line.split()[:2]))
print(len(state.done), "edits, and the map still has", len(np.unique(state.labels)), "classes")
strip(pictures, captions, alt="Room A after each line of the script: no rug, a bed, a second picture, a plant, and the "
      "first picture moved to the right.", height=150)

# %% [markdown]
# A script can also be undone line by line: each edit keeps the pixels that were there before.

# %%
undone = state
for _ in range(len(state.done)):
    undone = undone.undo()
print("back at the start:", np.array_equal(undone.labels, rooms.labels[A]))
again = undone
for line in state.script:
    again = again.do(Action.parse(line))
print("played again, the same map:", np.array_equal(again.labels, state.labels))

# %% [markdown]
# ### Exercise 3: paste, also over the edge
#
# **Difficulty** ●●○ · **Importance** ●●○ · **12 minutes**
#
# Write `paste`: the piece's top left corner goes to row `top`, column `left` of the map; pixels outside its mask change
# nothing; what sticks out is cut off. `top` and `left` may be negative. A 2 x 2 piece at (-1, 3) on a map of 4 x 4
# leaves only its lower left pixel, in the upper right corner.
#
# <details><summary>Hint 1</summary>
#
# `labels[-1:1]` does not mean what you want. Compute where the piece starts and ends **inside** the map.
# </details>
#
# <details><summary>Hint 2</summary>
#
# A loop over the piece's pixels with `if 0 <= row < H and 0 <= column < W` is right. Slices are faster.
# </details>

# %%
def paste(labels: np.ndarray, piece: np.ndarray, mask: np.ndarray, top: int, left: int) -> np.ndarray:
    """The map (H, W) with the piece (h, w) on it, where its mask (h, w) is True."""
    raise NotImplementedError("your turn")

check.paste(paste)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# import numpy as np
#
#
# def paste(labels: np.ndarray, piece: np.ndarray, mask: np.ndarray, top: int, left: int) -> np.ndarray:
#     result = labels.copy()
#     rows, columns = np.nonzero(mask)  # in the piece
#     inside = (rows + top >= 0) & (rows + top < labels.shape[0])
#     inside &= (columns + left >= 0) & (columns + left < labels.shape[1])
#     rows, columns = rows[inside], columns[inside]
#     result[rows + top, columns + left] = piece[rows, columns]
#     return result
# ```
#
# Working with the places of the masked pixels makes the edges one comparison each.
# </details>

# %% [markdown]
# ## 5 Redraw only what changed (5 minutes)
#
# While one paints, a whole picture for each stroke is a waste. The **renderer** keeps each layer's output, finds the
# rectangle that changed, and draws that first: exact inside the rectangle, as before elsewhere. Then it completes the
# rest. (Codes must be the same; otherwise everything changes.)

# %%
from smis.rendering import Renderer

renderer = Renderer(room_model)
renderer.set_mask(room_labels[A : A + 1])
renderer(with_code(None))  # the picture before the edit
small = rooms.labels[A].copy()
small[84:100, 60:84] = ROOM["rug"]  # a little more rug
small_map = torch.from_numpy(small).long()[None]
renderer.set_mask(small_map)
steps = list(renderer.progressive(with_code(None)))
print("steps:", len(steps), "complete:", [complete for _, complete in steps])
with torch.inference_mode():
    full = room_model.decode(with_code(None), small_map)
agree(full, steps[-1][0], tolerance=1e-4)

# %%
first = steps[0][0]
painted = torch.from_numpy(small != rooms.labels[A])  # (H, W)
agree(full[..., painted], first[..., painted], tolerance=1e-4)
later = (first - full).abs().amax((0, 1)) > 1e-3
print("pixels painted:", int(painted.sum()))
print("some pixels are right only after the second step:", bool(later.any()))
print("... of which painted:", int(later[painted].sum()))

# %% [markdown]
# So it is no approximation: where one looks first it is right at once, and after the second step all of it is. The
# proof is that a 3 x 3 convolution sees one pixel further: a rectangle with a *halo* has all that it needs.

# %% [markdown]
# ## 6 Jagged edges (4 minutes)
#
# A map that was painted coarsely, or enlarged, has stairs. The network draws them faithfully. A cure is a **vote**:
# each pixel takes the class that is most frequent around it. With the [one-hot mask](glossary.md#one-hot-mask) a vote
# is a box filter and an argmax.

# %%
def voted(labels: Tensor, size: int) -> Tensor:
    """Labels (B, H, W): the most frequent class within size x size pixels."""
    one_hot = F.one_hot(labels, len(STREET)).permute(0, 3, 1, 2).float()  # (B, C, H, W)
    votes = F.avg_pool2d(one_hot, size, stride=1, padding=size // 2, count_include_pad=False)
    return votes.argmax(1)


coarse = street_labels[:, 2::4, 2::4].repeat_interleave(4, 1).repeat_interleave(4, 2)
smooth = voted(coarse, 5)
wrong = [(labels != street_labels).float().mean().item() for labels in (coarse, smooth)]
print("the vote makes fewer pixels wrong:", wrong[1] < wrong[0])

# %%
with torch.inference_mode():
    drawn = [to_uint8(street_model.decode(street_codes.values, labels)) for labels in (coarse, smooth)]
tiles = [np.concatenate([colour_maps(labels.numpy(), streets.label_set)[4], picture[4]], axis=0)
         for labels, picture in zip((coarse, smooth), drawn, strict=True)]
truth = np.concatenate([colour_maps(streets.labels, streets.label_set)[4], to_uint8(street_rebuilt)[4]])
strip([*tiles, truth], ["coarse", "voted", "true map"], height=380,
      alt="A street's label map in coarse blocks, after the vote, and the true one, each above its picture: the blocks "
      "have stairs, the vote rounds them; the fence and the far posts are missing in both.")

# %% [markdown]
# The vote rounds stairs. It cannot bring back the fence and the far posts, which the coarse map lost, and it eats thin
# things itself: use it on large shapes only.

# %% [markdown]
# ### Exercise 4: a vote that keeps what it can
#
# **Difficulty** ●●● · **Importance** ●○○ · **12 minutes**
#
# Write the 3 x 3 vote in NumPy for one map, with two rules: beyond the edge of the map there are no voters, and a pixel
# **keeps its class when that is among the most frequent** (ties are no reason to change). Another tie goes to the
# smallest class. A lone pixel in the middle of another class vanishes; a straight edge stays.
#
# <details><summary>Hint 1</summary>
#
# Count for each class: pad its mask with zeros and add the nine shifted copies.
# </details>
#
# <details><summary>Hint 2</summary>
#
# Half a vote more for the pixel's own class decides its ties and nothing else. `argmax` takes the smallest of equals.
# </details>

# %%
def vote(labels: np.ndarray, classes: int) -> np.ndarray:
    """The map (H, W) after one vote of 3 x 3 pixels."""
    raise NotImplementedError("your turn")

check.vote(vote)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# import numpy as np
#
#
# def vote(labels: np.ndarray, classes: int) -> np.ndarray:
#     height, width = labels.shape
#     masks = (labels == np.arange(classes)[:, None, None]).astype(float)  # (C, H, W)
#     padded = np.pad(masks, ((0, 0), (1, 1), (1, 1)))
#     votes = sum(padded[:, y : y + height, x : x + width] for y in range(3) for x in range(3))
#     return (votes + 0.5 * masks).argmax(0).astype(labels.dtype)
# ```
#
# Votes are whole numbers, so half a vote can only break a tie.
# </details>

# %% [markdown]
# ## 7 What no edit can do (5 minutes)
#
# Three limits, all measurable. **The first: layouts that training never showed.** How do we know whether a picture
# shows its map? A [segmenter](glossary.md#segmenter), trained on this world's own pictures, reads the map back off
# the picture. We count the pixels that it reads as painted. **Predict** an order: as it is, mirrored, trees for houses,
# moved down by a quarter.

# %%
from smis.segmenter import Segmenter

segmenter = Segmenter.load(data_file("checkpoints/segmenter-streets-128.safetensors"))


def read_back(labels: Tensor) -> float:
    """The share of the pixels that the segmenter reads as the map says, in the pictures of these maps (8, H, W)."""
    with torch.inference_mode():
        read = segmenter.label_maps(street_model.decode(street_codes.values, labels))
    return (read == labels).float().mean().item()


maps = {
    "as it is": street_labels,
    "mirrored": street_labels.flip(2),
    "trees for houses": torch.from_numpy(edited).long(),
    "moved down": street_labels.roll(32, 1),
}
shares = {name: read_back(labels) for name, labels in maps.items()}
for name, share in shares.items():
    print(f"{name:17s} above 90 %: {share > 0.9}   above 50 %: {share > 0.5}")

# %% [markdown]
# Mirrored is fine, since training flips pictures at random. Trees for houses is fine. Moving the map
# down is not: then road comes in at the top of the picture, where there was never any. The network has learned where in
# the picture things usually are, since zeros at the border tell its convolutions where they are. (The segmenter learned
# on the same pictures, so a part of the loss may be its own.)

# %% [markdown]
# **The second: a class whose code is not listened to.** Signs are small and rare. Give each of twelve streets another
# street's code for a class, and measure how far the pixels of that class move:

# %%
from smis.sheets import next_present

many = world("streets", "test").load(indices=range(60))
many_images, many_labels = many.tensors()
with torch.inference_mode():
    many_codes = street_model.encode(many_images, many_labels)


def restyled(name: str) -> float:
    """The mean change of a class's own pixels when it gets another street's code, in grey levels."""
    c = STREET[name]
    chosen = many_codes.present[:, c].nonzero()[:12, 0]
    own = many_codes.values[chosen]
    other = own.clone()
    other[:, c] = own[next_present(torch.ones(len(chosen))), c]
    with torch.inference_mode():
        one, two = (street_model.decode(codes, many_labels[chosen]) for codes in (own, other))
    return 127.5 * (one - two).abs().mean(1)[many_labels[chosen] == c].mean().item()


for name in ("car", "fence", "lamp", "sign"):
    print(f"{name:6s} moves by more than 10 grey levels: {restyled(name) > 10}")

# %% [markdown]
# The code of the sign has **collapsed**: whatever it says, the decoder draws the same sign. So no mixture and no draw
# can restyle it. On the [swap split](glossary.md#swap-split) the signs' [faithfulness](glossary.md#faithfulness) is
# 0.00, and their change 0.03 times as large as the true one: the rendered sign changes, the network's does not
# (committed results, `data/checkpoints/README.md`).
#
# **The third: anything that is not in the map.** Number plates, the pattern of the bedspread, whether a door is open:
# what has no class has no handle. Objects of one class share one code as well: no car of a street has one of its own.

# %% [markdown]
# ## 8 The painter (6 minutes)

# %%
from smis_widgets import Painter

painter = Painter(room_model, rooms, scene=0)
painter

# %% [markdown]
# **Try this**
#
# 1. Take *bed* and the tool *stamp*, and click into the room. Whose style does it get? The line below says so.
# 2. Paint a window into the wall, then erase half of it.
# 3. Type `replace rug floor` into the field for commands. Undo it.
#
# Everything can be driven from code, too. This is the script of section 4, and the painter as a still picture:

# %%
painter.play(script)
print("the painter's map is that of section 4:", np.array_equal(painter.state.labels, state.labels))
Picture(painter.snapshot(), alt="The painter with the edited room: the label map on the left, the picture with "
        "the bed on the right.")

# %% [markdown]
# ## 9 Break it (4 minutes)
#
# Give the network a map that cannot be: the street upside down, with the sky below. **Predict:** will it draw the
# picture upside down?

# %%
impossible = street_labels.flip(1)
with torch.inference_mode():
    upside_down = to_uint8(street_model.decode(street_codes.values, impossible))
tiles = [np.concatenate([colour_maps(impossible.numpy(), streets.label_set)[n], upside_down[n]]) for n in range(5)]
strip(tiles, list("ABCDE"), height=380,
      alt="Five streets upside down. Houses hang from the road and are still houses; the sky at the bottom is drawn "
      "like water or road, the road at the top like a clouded sky.")

# %%
share = read_back(impossible)
print("read back as painted, below a half:", share < 0.5)
print("... and below 'moved down':", share < shares["moved down"])

# %% [markdown]
# The middle of the picture is drawn well: houses with windows, trees. At the top and the bottom the network does not
# believe the map. It has never seen sky below, so what it knows of that place wins over what the map says. No error is
# raised: a generator always draws something. That is why a tool should tell its user what it was trained on.

# %% [markdown]
# ## What you learned
#
# - Manipulation edits $M$ and keeps $Z$: NumPy on an array of class numbers.
# - A class that is new in the scene needs a code from somebody: the donor's, or that of the most similar example.
# - An edit reaches a little beyond its border, and the change falls fast with distance.
# - Only the changed rectangle needs to be drawn, and it is exact.
# - Unseen layouts, collapsed codes and things without a class are out of reach.
#
# ## Ask yourself
#
# <details><summary>Why do trees in place of a house look like a green house?</summary>
# The outline is that of the house in the label map; the network fills outlines and does not invent them.</details>
#
# <details><summary>Why must replacements read from the original map?</summary>
# Otherwise a pixel that was replaced once can be caught by the next replacement: a swap becomes a merge.</details>
#
# <details><summary>Why does a new bed need a code from another room?</summary>
# The room's own code of an absent class comes from zeros: it is the same for all rooms and carries no style.</details>
#
# <details><summary>Why is the quick rectangle exact and not an approximation?</summary>
# A convolution's output depends on a small window only. Computing the rectangle with a margin as wide as the window
# reaches
# leaves nothing out.</details>
#
# <details><summary>The segmenter reads 93 % of a normal picture right. Where may the rest be lost?</summary>
# At the edges of classes, on thin objects, and in errors of the segmenter itself: it does not read real pictures
# perfectly.</details>
#
# <details><summary>What would differ on photographs?</summary>
# Label maps drawn by hand or by a parser have errors, classes such as "building" are far more varied, and shadows and
# reflections of a removed object lie in the pixels of other classes, so their codes still know of it.</details>

# %% [markdown]
# ## Read on
#
# - Zhu, Xu, You, Bai, "Semantically Multi-modal Image Synthesis", CVPR 2020: figure 6, semantic manipulation.
# - Park, Liu, Wang, Zhu, "Semantic Image Synthesis with Spatially-Adaptive Normalization", CVPR 2019: the painter-like
# demo
#   that made such editing known.
# - `smis/rendering/__init__.py`: five identities that make the renderer fast, each in a module of its own.
#
# Next: [09 Style morphing](09_style_morphing.ipynb). What lies between two styles?
