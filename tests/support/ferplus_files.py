"""FERPlus in its two layouts: votes beside fer2013.csv, and folders of images with lists."""

import numpy as np
from image_files import picture

HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
FOLDERS = {"Training": "FER2013Train", "PublicTest": "FER2013Valid", "PrivateTest": "FER2013Test"}


def clear_votes(place: int) -> list[int]:
    """Ten votes, of which eight are for the class of this place and two for the next."""
    votes = [0] * 10
    votes[place], votes[(place + 1) % 10] = 8, 2
    return votes


def ferplus_rows(train: int = 2) -> list[tuple[str, str, list[int]]]:
    """(Usage, image name, votes) of a few images of every class, and one that is excluded."""
    rows = [("Training", "", [0] * 9 + [10])]
    for usage, n in {"Training": train, "PublicTest": 1, "PrivateTest": 1}.items():
        for _ in range(n):
            for place in range(8):
                rows.append((usage, f"fer{len(rows) + 1:07d}.png", clear_votes(place)))
    return rows


def joined_files(rows) -> dict[str, bytes]:
    """fer2013new.csv and fer2013.csv of these rows; the pixels of row n are 255, n, and noise."""
    votes = [HEADER, *(f"{usage},{name},{','.join(map(str, votes))}" for usage, name, votes in rows)]
    pixels = ["emotion,pixels,Usage"]
    for number, (usage, _, _) in enumerate(rows, start=1):
        noise = np.random.RandomState(number).randint(0, 256, 2302)
        pixels.append(f"{number % 7},{' '.join(map(str, [255, number, *noise]))},{usage}")
    return {"fer2013new.csv": "\n".join(votes).encode(), "fer2013.csv": "\n".join(pixels).encode()}


def folder_files(rows) -> dict[str, bytes]:
    """data/FER2013Train and so on, of the rows that have a name."""
    files, lists = {}, {}
    for number, (usage, name, votes) in enumerate(rows):
        if name:
            files[f"data/{FOLDERS[usage]}/{name}"] = picture(number, form="PNG")
            line = f'{name},"(0, 0, 48, 48)",{",".join(map(str, votes))}'
            lists.setdefault(f"data/{FOLDERS[usage]}/label.csv", []).append(line)
    return {**files, **{path: "\n".join(lines).encode() for path, lines in lists.items()}}


def first_values(images) -> np.ndarray:
    """The second pixel of each image: its row's number, where it comes from `joined_files`."""
    return images.pixels[:, 0, 1, 0]
