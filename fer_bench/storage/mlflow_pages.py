"""MLflow's server with one more page, `/cells/ID`, which opens an experiment's page on its cells.

MLflow keeps a view of an experiment's page in the browser, or shares it by an address; over a shared one it
lays a banner. This page puts our view where the browser keeps its own, and goes on to MLflow's. It also
keeps MLflow's assistant folded. Found by `mlflow server --app-name fer-bench`, by its entry point.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from mlflow.server.fastapi_app import app as mlflow_app

from fer_bench.storage.mlflow_view import VIEW

PATH = "/cells/"
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Cells</title>
<p>Opening the cells in MLflow, which needs JavaScript.</p>
<script>
const id = location.pathname.split("/").pop();
const mode = new URLSearchParams(location.search).get("mode");
const keep = (key, value) => localStorage.setItem(key, value);
fetch(`/ajax-api/2.0/mlflow/experiments/get?experiment_id=${encodeURIComponent(id)}`)
  .then((answer) => answer.json())
  .then(({experiment}) => {
    const view = experiment.tags.find((tag) => tag.key === "mlflow.sharedViewState.VIEW");
    keep(`MLflowLocalStorage-1.1-ExperimentPage-["${id}"]-ReactComponentState`, view.value);
    keep("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
  })
  .finally(() => {
    const shown = mode ? `&compareRunsMode=${encodeURIComponent(mode)}` : "";
    location.replace(`/#/experiments/${id}/runs?workflowType=machine_learning${shown}`);
  });
</script>
</html>
""".replace("VIEW", VIEW)

Message = MutableMapping[str, Any]


class WithCells:
    """An ASGI application that answers `/cells/ID` itself and leaves the rest to another."""

    def __init__(self, other: Callable[..., Awaitable[None]]) -> None:
        self._other = other

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await self._other(scope, receive, send)
            return
        headers = [(b"content-type", b"text/html; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": PAGE.encode()})


app = WithCells(mlflow_app)
