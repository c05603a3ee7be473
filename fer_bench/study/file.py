"""Study files: where they lie, and how they are read, as plain YAML."""

from __future__ import annotations

import os
from collections.abc import Hashable
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from fer_bench.errors import UserError, check_name, phrase
from fer_bench.registry import unknown

LARGEST_FILE = 100_000  # bytes; a study is a page of text


def study_files() -> dict[str, Path]:
    """Studies by name: in ./experiments, then those that come with fer-bench."""
    packaged = Path(str(files("fer_bench"))) / "experiments"
    in_checkout = Path(str(files("fer_bench"))).parent / "experiments"
    paths: dict[str, Path] = {}
    for folder in (Path("experiments"), packaged, in_checkout):
        for path in sorted(folder.glob("*.yaml")):
            if path.is_file():
                paths.setdefault(path.stem, path)
    return paths


def study_name(name_or_path: str) -> str:
    """Name of a study, from that or from the path of its YAML file."""
    return Path(name_or_path).name.removesuffix(".yaml").removesuffix(".yml")


class _Loader(yaml.SafeLoader):
    """Plain YAML that refuses a key given twice, of which the last would win, and aliases.

    Aliases let a page of text stand for gigabytes.
    """

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.composer.ComposerError(
                None, None, f"alias *{event.anchor}: aliases are not read, write it out", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in keys:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key.value!r} is there twice, keep one", key.start_mark
                )
            if isinstance(key, yaml.ScalarNode):
                keys.add(key.value)
        return super().construct_mapping(node, deep)


def read_study(name: str) -> tuple[str, dict[str, Any]]:
    """Short name and unchecked content of a study, by path or by name.

    Raises UserError for a study that isn't there, a name that no MLflow experiment can have, and a file that
    is no YAML mapping of a page or two.
    """
    path = Path(name)
    if not (path.suffix in (".yaml", ".yml") and os.path.isfile(name)):
        known, wanted = study_files(), name.removesuffix(".yaml").removesuffix(".yml")
        if wanted not in known:
            raise UserError(unknown("study", name, known) + " (or give the path of a .yaml file)")
        path = known[wanted]
    check_name("study file", path.stem)
    try:
        if (size := path.stat().st_size) > LARGEST_FILE:
            raise UserError(f"{path}: {size:,} bytes are no study; expected a page of YAML")
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}") from None
    # PyYAML's constructors let errors of Python through, as for a month 13 or for `!!bool maybe`.
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise UserError(f"{path} is not plain YAML: {_reason(error)}") from None
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        got = "nothing" if content is None else "keys that are no words" if isinstance(content, dict) else ""
        got = got or f"a {type(content).__name__}"
        raise UserError(f"{path}: expected keys and values (dataset: ..., backbones: [...]), got {got}")
    return path.stem, content


def _reason(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return phrase(error)
