"""The page of MLflow's server that opens on the cells."""

import asyncio
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

from fer_bench.cli.mlflow_ui import APP
from fer_bench.storage.mlflow_pages import PAGE, WithCells
from fer_bench.storage.mlflow_view import VIEW


def answers(kind: str, path: str) -> list[Any]:
    sent: list[Any] = []

    async def other(scope, receive, send):
        await send(f"the other's answer to {scope['path']}")

    async def send(message):
        sent.append(message)

    async def receive():
        return {}

    asyncio.run(WithCells(other)({"type": kind, "path": path}, receive, send))
    return sent


def test_one_page_is_ours_and_the_rest_mlflows():
    start, body = answers("http", "/cells/1")
    assert start["status"] == 200 and body["body"].decode() == PAGE
    for kind, path in (("http", "/"), ("http", "/ajax-api/cells/1"), ("websocket", "/cells/1")):
        assert answers(kind, path) == [f"the other's answer to {path}"]


def test_the_page_asks_for_the_view_that_is_logged_and_for_nothing_elsewhere():
    assert f'"mlflow.sharedViewState.{VIEW}"' in PAGE
    assert "//" not in PAGE.replace("<!--", "")


def test_mlflow_finds_it_by_an_entry_point():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    module, _, name = project["project"]["entry-points"]["mlflow.app"][APP].partition(":")
    assert isinstance(getattr(import_module(module), name), WithCells)
