"""What data sets call the same expression."""

from __future__ import annotations

import re

COMMON = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
"""The seven classes of FER-2013, which nearly all sets have."""
SYNONYMS = {
    "anger": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "happiness": "happy",
    "joy": "happy",
    "neutrality": "neutral",
    "sadness": "sad",
    "surprised": "surprise",
}


def class_name(word: str) -> str:
    """The common name of a class called `Happiness` or `3 happy`; a word that is no synonym as it is.

    What is none of COMMON afterwards is another class, such as contempt.
    """
    bare = re.sub(r"^\d+[\s_.-]+", "", word.strip())
    name = bare.lower()
    name = SYNONYMS.get(name, name)
    return name if name in COMMON else bare
