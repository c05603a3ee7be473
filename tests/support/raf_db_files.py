"""RAF-DB in its two layouts."""

from image_files import picture

NUMBERS = {
    "1": "surprise",
    "2": "fear",
    "3": "disgust",
    "4": "happy",
    "5": "sad",
    "6": "angry",
    "7": "neutral",
}
LIST = "basic/EmoLabel/list_patition_label.txt"
IMAGES = {"train": 3, "test": 2}


def labelled() -> list[tuple[str, str]]:
    """(name, number of the class) of a few images of every class, as the authors' list has them."""
    names = []
    for subset, n in IMAGES.items():
        for i in range(n * 7):
            names.append((f"{subset}_{i + 1:0{5 if subset == 'train' else 4}d}.jpg", str(i % 7 + 1)))
    return names


def author_files(aligned: bool = True, attributes: bool = True) -> dict[str, bytes]:
    """The folder basic/; original images are 60x50, their faces 24x24 at 10, 20."""
    files = {LIST: "".join(f"{name} {label}\n" for name, label in labelled()).encode()}
    for seed, (name, _) in enumerate(labelled()):
        stem = name.removesuffix(".jpg")
        if aligned:
            files[f"basic/Image/aligned/{stem}_aligned.jpg"] = picture(seed, (100, 100), "RGB")
        else:
            files[f"basic/Image/original/{name}"] = picture(seed, (60, 50), "RGB")
            box = "10.000000 20.200000 33.700000 44.000000\n"
            files[f"basic/Annotation/boundingbox/{stem}_boundingbox.txt"] = box.encode()
        if attributes:
            text = "31.5\t40.2\n" * 5 + f"{seed % 3}\n{seed % 3}\n{seed % 5}\n"
            files[f"basic/Annotation/manual/{stem}_manu_attri.txt"] = text.encode()
    return files


def kaggle_files(folders: bool = True, column: str = "image") -> dict[str, bytes]:
    """DATASET/train/5/train_00001_aligned.jpg and so on, or without the class folders, and the tables."""
    files, tables = {}, {subset: [f"{column},label"] for subset in IMAGES}
    for seed, (name, label) in enumerate(labelled()):
        subset, file = name.split("_")[0], name.replace(".jpg", "_aligned.jpg")
        tables[subset].append(f"{file},{label}")
        files[f"DATASET/{subset}/{f'{label}/' if folders else ''}{file}"] = picture(seed, (100, 100), "RGB")
    return {**files, **{f"{s}_labels.csv": "\n".join(lines).encode() for s, lines in tables.items()}}
