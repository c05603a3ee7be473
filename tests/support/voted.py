"""A data set whose images have the votes of raters, imported as a reader's draft is."""

import numpy as np
from faces import CLASSES, draw_faces

from fer_bench.data import cache
from fer_bench.data.draft import Draft, ImageRecord
from fer_bench.data.images import SUBSETS, FaceImages

RATERS = 10


def voted(name: str = "voted", images: int = 300, agreeing: int = 7) -> FaceImages:
    """Drawn faces under `name`, of each image `agreeing` votes for its label and the rest for the next."""
    faces = draw_faces(images)
    records = []
    for place, label in enumerate(faces.labels):
        votes = np.zeros(len(CLASSES))
        votes[label] += agreeing
        votes[(label + 1) % len(CLASSES)] += RATERS - agreeing
        subset = SUBSETS[faces.subsets[place]]
        records.append(ImageRecord(faces.ids[place], CLASSES[label], subset, votes=tuple(votes)))
    draft = Draft(CLASSES, faces.pixels.shape[1:], records, lambda: iter(faces.pixels), "drawn in a test")
    return cache.save(name, draft)
