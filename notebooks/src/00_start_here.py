# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Start here: the hair of one person, the clothes of another
#
# ![Rows of rendered people: the label map, the original, and the same person after the network has taken the style of
# one class from somebody else.](../docs/hero.webp)
#
# A label map says where the hair is, where the top is, where the shoes are. It does not say what they look like.
# The network of this course, GroupDNet, draws a picture for a label map, and it has **one latent code for each class**:
# change the code of the top, and the top changes; the rest stays.
#
# **You will be able to**
#
# - say what *semantically multi-modal image synthesis* is,
# - load a trained network, and encode people into one code per class,
# - mix people by hand, and measure what changed and what did not,
# - mix people with the mouse, and read what the mixer tells you,
# - tell what is built into the network from what it had to learn.
#
# **You need** some Python and NumPy. No GPU, no network connection.
# **Time** 15 minutes to read and play; all cells together run in well under a minute on a laptop.
#
# *To begin: in the menu Run, choose Run All Cells. Then read from the top.*

# %% [markdown]
# ## 1 The task (3 minutes)
#
# Eight people from the test set: the network has never seen them. They are rendered by this project, so we know the
# class of every pixel. In this course the people are called A to H.

# %%
import numpy as np
import torch

from smis import people
from smis_widgets import strip

GALLERY = (10, 24, 40, 37, 118, 65, 132, 77)  # chosen by eye, to be varied
test = people("test")
gallery = test.load(indices=GALLERY)
print("images", gallery.images.shape, gallery.images.dtype)
print("labels", gallery.labels.shape, gallery.labels.dtype)
print("classes", ", ".join(gallery.label_set.classes))

# %%
from smis.sheets import colour_maps, to_uint8

strip(
    np.concatenate([gallery.images, colour_maps(gallery.labels, gallery.label_set)], axis=1),
    list("ABCDEFGH"),
    alt="Eight rendered people, A to H, and below each the label map: one flat colour for each class.",
    height=200,
)

# %% [markdown]
# Going from the picture to the label map is *segmentation*. We go the other way: from a label map to a picture.
# There are many right answers: a top can be red or striped. A network that gives only one of them is of little use,
# and one that changes everything at once is hard to steer. *Semantically multi-modal* means: many answers, **for each
# class on its own**.

# %% [markdown]
# ## 2 Load the network (1 minute)
#
# A checkpoint holds the weights and the config. This one was trained for a quarter of an hour on one GPU.

# %%
from smis import GroupDNet
from smis.datasets.paths import data_file

model = GroupDNet.load(data_file("checkpoints/people-128.safetensors"))
config = model.config
print("pictures of", *config.image_size, "pixels (height, width)")
print("classes", len(config.labels))
print("code of one class", (config.latent_dim, *config.latent_size))
print("groups in the decoder", *config.decoder_groups)
print("parameters", f"{sum(p.numel() for p in model.parameters()):,}")

# %% [markdown]
# Read the line with the groups: the first layers of the decoder work with 8 groups, one small network for each class.
# Then the groups merge, until one network draws the last layer. That is the idea of the paper, and notebook 03 is
# about it.

# %% [markdown]
# ## 3 From a person to codes, and back (3 minutes)
#
# The encoder looks at each class alone: it gets the pixels of the hair, and nothing else, for the code of the hair.

# %%
images, labels = gallery.tensors()  # (8, 3, 128, 128) in [-1, 1] and (8, 128, 128)
with torch.inference_mode():
    codes = model.encode(images, labels)
    rebuilt = model.decode(codes.values, labels)
print("codes  ", tuple(codes.values.shape), "people, classes, code")
print("present", tuple(codes.present.shape))
print("rebuilt", tuple(rebuilt.shape))

# %%
strip(
    np.concatenate([gallery.images, to_uint8(rebuilt)], axis=1),
    list("ABCDEFGH"),
    alt="The eight people above, and below each what the decoder draws from the eight codes: softer, but the same "
    "colours in the same places.",
    height=200,
)

# %%
error = (images - rebuilt).abs().mean().item() * 127.5
print("mean error below 20 of 255 grey levels:", error < 20)
for name, there in zip(gallery.label_set.classes, codes.present.T, strict=True):
    print(f"{name:10s}", " ".join(letter if t else "-" for letter, t in zip("ABCDEFGH", there, strict=True)))

# %% [markdown]
# The table says who has which class. Not everybody shows socks or shoes: then there is no style to take.

# %% [markdown]
# ## 4 Mix by hand (3 minutes)
#
# To mix, take the code of each class from whom you like, and keep the label map of one person. Before you run the next
# cell, guess: how much will the picture change outside the hair and the top?

# %%
from smis import mix

A, B, D = 0, 1, 3
hair, top = gallery.label_set.index("hair"), gallery.label_set.index("top")
sources = [A] * len(gallery.label_set)
sources[hair], sources[top] = B, D

before = labels[A].clone()
with torch.inference_mode():
    mixed = model.decode(mix(codes, sources), labels[A : A + 1])[0]
assert torch.equal(before, labels[A]), "mixing styles must leave the label map alone"
print("mixed", tuple(mixed.shape), "- hair and top are taken, the label map is untouched")

# %%
pictures = [gallery.images[A], to_uint8(rebuilt)[A], gallery.images[B], gallery.images[D], to_uint8(mixed[None])[0]]
strip(
    pictures,
    ["A", "A, rebuilt", "hair of B", "top of D", "mixed"],
    alt="Person A, A rebuilt by the network, persons B and D, and the mixture: A's body, the hair of B, "
    "the top of D.",
)

# %%
change = (mixed - rebuilt[A]).abs().mean(0)  # (128, 128): how much each pixel moved
inside = (labels[A] == hair) | (labels[A] == top)
ratio = (change[inside].mean() / change[~inside].mean()).item()
print("changed inside hair and top more than 5 times as much as outside:", ratio > 5)

# %% [markdown]
# ## 5 The mixer (5 minutes)
#
# The same thing with the mouse. Columns are people, rows are classes. The orange frames show who gives what.

# %%
from smis_widgets import Mixer

mixer = Mixer(model, gallery, seed=1)
mixer

# %% [markdown]
# **Try this**
#
# 1. Click another top. Then another. Watch the skin and the background: do they stay?
# 2. Click the mask of somebody else in the row *shape*. The styles stay, the body changes.
# 3. Lock the face, then press *Surprise me* a few times. When you like somebody, press *Save PNG*.
# 4. Take the whole of a person without shoes, on a shape with shoes. What does the line under the picture say?
#
# No mixer above? Run this notebook in JupyterLab or Jupyter Notebook. As a still picture it looks like this:

# %%
from smis_widgets import Picture

mixer.reset()
mixer.pick("hair", "B")
mixer.pick("top", "D")
Picture(
    mixer.snapshot(),
    alt="The mixer: eight people in columns, the classes in rows, orange frames around what was picked, and the mixed "
    "person on the right.",
)

# %% [markdown]
# ## 6 What is built in, and what is learned (2 minutes)
#
# **Built in:** in the encoder, no class sees another. We can test that exactly: paint everything outside the top black,
# and the code of the top stays the same to the last bit.

# %%
only_top = torch.where(labels[:, None] == top, images, -1.0)
with torch.inference_mode():
    again = model.encode(only_top, labels)
print("code of the top unchanged:", torch.equal(again.values[:, top], codes.values[:, top]))
print("code of the hair unchanged:", torch.equal(again.values[:, hair], codes.values[:, hair]))

# %% [markdown]
# **Learned:** that the code of the top moves only the top in the *picture*. In the decoder the groups merge, so every
# code can reach the pixels of other classes. With random weights, a new code for the top changes the whole picture:

# %%
torch.manual_seed(0)
untrained = GroupDNet(config).eval()
with torch.inference_mode():
    both = untrained.decode(torch.cat([mix(codes, [A] * 8), mix(codes, sources)]), labels[[A, A]])
change = (both[1] - both[0]).abs().mean(0)
ratio = (change[inside].mean() / change[~inside].mean()).item()
print("without training, inside more than 5 times as much as outside:", ratio > 5)

# %% [markdown]
# **Be fair to the picture.** These people are rendered, not photographed: one body model, plain light, a few fabrics.
# The network blurs fine patterns and small faces. Rendered data is what lets us *prove* things:
# the same person in another top, and nothing else different, exists in no photo collection.

# %% [markdown]
# ## What you learned
#
# - A label map has many right pictures. GroupDNet picks one by one latent code **per class**.
# - Mixing is indexing: class `c` takes its code from person `sources[c]`. The label map stays.
# - The encoder keeps classes apart by construction; the decoder has to learn it.
#
# **Ask yourself**
#
# <details><summary>Why can the hair of B not bring its shape along?</summary>
# The shape is in the label map, and that is A's. The code holds the look only: colour, light, pattern.</details>
#
# <details><summary>What happens to the code of a class that nobody shows?</summary>
# It is computed from zeros and carries no style. That is why the mixer does not let you pick it.</details>
#
# <details><summary>Why not one code for the whole picture?</summary>
# Then a new code changes everything at once: another top always comes with another face.</details>

# %% [markdown]
# ## Where the course goes
#
# | | notebook | the question |
# |---|---|---|
# | **00** | **Start here** | what is it, and how does it feel? |
# | 01 | [Grouped convolutions](01_grouped_convolutions.ipynb) | how do many small networks fit into one? |
# | 02 | [The encoder](02_encoder.ipynb) | how does each class get its own code? |
# | 03 | [CG-Norm and the decoder](03_cgnorm_and_decoder.ipynb) | how does the label map steer, and why do groups merge? |
# | 04 | [Discriminator and losses](04_discriminator_and_losses.ipynb) | who says what looks right? |
# | 05 | [Training on a laptop](05_training_on_a_laptop.ipynb) | what can a CPU do in two minutes? |
# | 06 | [Full GPU training](06_full_gpu_training.ipynb) | and a GPU, at the paper's sizes? |
# | 07 | [Appearance mixture](07_appearance_mixture.ipynb) | which mixtures work, and which do not? |
# | 08 | [Semantic manipulation](08_semantic_manipulation.ipynb) | what if we edit the label map? |
# | 09 | [Style morphing](09_style_morphing.ipynb) | what lies between two styles? |
# | 10 | [Measuring control](10_measuring_control.ipynb) | does only that class change, in numbers? |
#
# Words and symbols that you meet on the way: [glossary](glossary.md). *Grouped convolution* here means what PyTorch calls `groups=`: channels in separate
# blocks. It has nothing to do with group-equivariant networks.
