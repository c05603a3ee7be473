"""Make the file by which FER-2013's images are recognised; FER-2013 must be imported, with its own split.

python tests/support/fer2013_hashes.py
"""

import numpy as np

from fer_bench.data.known_images import FER2013, hashes
from fer_bench.data.thumbnails import thumbnails
from fer_bench.datasets.base import open_dataset

if __name__ == "__main__":
    images = open_dataset("fer2013")
    found = hashes(thumbnails(images.pixels))
    order = np.lexsort([images.subsets, found])
    np.savez_compressed(FER2013, hashes=found[order], subsets=images.subsets[order])
