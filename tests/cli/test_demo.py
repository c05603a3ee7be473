"""`fer-bench demo` on the terminal: what is missing is said in a line before anything is loaded."""

import importlib.metadata
import os
import socket
from contextlib import closing, contextmanager

import pytest
from servers import free_port

from fer_bench.cli import demo
from fer_bench.inference.model_file import open_model
from fer_bench.inference.model_writer import write


def demo_environment() -> tuple[str | None, str | None]:
    return os.environ.get("GRADIO_ANALYTICS_ENABLED"), os.environ.get("GRADIO_TEMP_DIR")


@pytest.fixture
def served(monkeypatch):
    """What is served, and how, in the place of a page that waits for its user to end it."""
    pytest.importorskip("gradio")
    from fer_bench.inference.demo import page

    calls = []

    @contextmanager
    def serving(reader, about, host, port, folder):
        assert demo_environment() == ("False", str(folder))
        calls.append((reader.classes, about, host, port))
        yield

    monkeypatch.setattr(page, "serving", serving)
    monkeypatch.setattr(demo, "_wait", lambda: None)
    return calls


def test_a_model_file_is_served_on_this_machine_alone(served, fer_bench, workplace, model_file):
    port = free_port()
    said = fer_bench("demo", "--model", model_file, "--port", port)
    assert served == [(("angry", "happy", "sad"), "Model faces.keras: angry, happy, sad", "127.0.0.1", port)]
    assert f"http://127.0.0.1:{port}\n" in said
    assert "others" not in said
    assert demo_environment() == (None, None), "as it was"


def test_a_model_that_needs_no_keras_is_served_without_it(
    served, fer_bench, workplace, model_file, monkeypatch
):
    write(open_model(model_file).model, workplace / "faces.onnx", workplace)
    monkeypatch.setattr(demo, "load_keras", lambda: pytest.fail("Keras is loaded"))
    said = fer_bench("demo", "--model", "faces.onnx", "--port", free_port())
    assert served[0][0] == ("angry", "happy", "sad")
    assert said.startswith("loading the model")


def test_whoever_lets_others_in_is_told_to_tell_those_who_are_shown(served, fer_bench, workplace, model_file):
    said = fer_bench("demo", "--model", model_file, "--port", free_port(), "--host", "0.0.0.0")
    assert "others on this network can open it, too: tell whoever is shown" in said
    assert served[0][2] == "0.0.0.0"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--port", "0"], "--port 0: expected a number from 1 to 65535"),
        (["--host", "192.0.2.1"], "--host 192.0.2.1 is no address of this machine: expected 127.0.0.1"),
        (["--host", "no such host"], "--host no such host is no address of this machine"),
        (["--model", "missing.keras"], "missing.keras: there is no such file; fer-bench export makes"),
        (["--model", "notes.txt"], "notes.txt is no model file"),
        ([], "mlruns holds no runs: fer-bench run --study imbalance trains models and keeps"),
    ],
)
def test_what_can_not_be_served_is_said_in_a_line(served, refused, workplace, words, message):
    (workplace / "notes.txt").write_text("no model")
    assert message in refused("demo", "--port", free_port(), *words)
    assert served == []


def test_a_port_that_is_taken_is_said_before_a_model_is_loaded(served, refused, workplace):
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert f"port {port} is taken: --port with another" in refused(
            "demo", "--port", port, "--model", "m.keras"
        )


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (None, "gradio isn't installed"),
        ("5.90.1", "gradio 5.90.1 is here"),
        ("6.2.0", "6.2.0"),
        ("7.0", "7.0"),
    ],
)
def test_without_the_page_s_library_the_command_that_brings_it_is_said(
    refused, workplace, monkeypatch, version, said
):
    def found(name):
        if version is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(demo, "version", found)
    message = refused("demo", "--model", "m.keras")
    assert said in message
    assert 'pip install "gradio>=6.31,<7"' in message
