"""The demo's page, by Gradio: one tab for pictures, one for the camera; nothing is stored, nothing leaves.

Gradio keeps of a camera that is faster than we are the newest frame only, which is read next: a queue can't
grow. What a visitor uploads it writes to a file, which is read and removed at once.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from fer_bench.data.decode import MAX_BYTES
from fer_bench.errors import UserError
from fer_bench.inference.demo import view
from fer_bench.inference.demo.upload import Folder, read_picture
from fer_bench.inference.face_reader import FaceReader
from fer_bench.inference.live import MOST_CAMERAS, LiveViews

TITLE = "Facial expressions"
NOTICE = (
    "<b>An expression is not a feeling.</b> The labels are guesses about a face in a picture, often wrong "
    "ones. Inferring emotions at work or in schools is prohibited in the EU (AI Act, Art. 5(1)(f)). Nothing "
    "that you show is stored."
)
HOW = "Click the camera and allow it, then start. Frames are read on this machine, and then forgotten."
NO_FACE = "No face was found: the whole picture was read as one"
FRAME_SECONDS = 1 / 15  # between frames that the browser sends
CURVE_SECONDS = 0.5  # between drawings of the curves
CAMERA = {"video": {"width": {"ideal": 640}, "height": {"ideal": 480}}}
AT_ONCE = MOST_CAMERAS  # visitors whose cameras are read in turns; more wait until one of these goes
HERE = Path(__file__).parent


def taken_frame(value: Any) -> Image.Image | None:
    """A frame of the camera, which Gradio gives as an address that holds it; None where there is none."""
    kind, _, content = str((value or {}).get("url", "")).partition(",")
    try:
        return read_picture(base64.b64decode(content)) if kind.startswith("data:image/") else None
    except (UserError, ValueError):
        return None


def build(reader: FaceReader, about: str, uploads: Folder) -> gr.Blocks:
    """The page for a model; `about` says which one it is."""
    cameras = LiveViews(reader)
    with gr.Blocks(title=f"{TITLE} · fer-bench", analytics_enabled=False) as page:
        gr.HTML(
            f'<header class="fb-head"><h1>{TITLE}</h1><p>{escape(about)}</p>'
            f'<p class="fb-notice" role="note">{NOTICE}</p></header>'
        )
        with gr.Tab("Picture"):
            _picture_tab(reader, uploads)
        with gr.Tab("Webcam"):
            _camera_tab(cameras, reader.classes)
        page.load(None, js=(HERE / "page.js").read_text(encoding="utf-8"))
        page.unload(_forgetting(cameras))
    return page


def _picture_tab(reader: FaceReader, uploads: Folder) -> None:
    upload = gr.File(label="A picture with one or more faces", file_types=["image"], height=140)
    result = gr.HTML()

    def read(uploaded: Any) -> tuple[None, str]:
        return None, read_upload(reader, uploads.take(uploaded))

    # Gradio's own reading, left out, would keep the file.
    upload.upload(
        read, upload, [upload, result], concurrency_limit=1, preprocess=False, api_visibility="private",
        show_progress="minimal", show_progress_on=result,
    )  # fmt: skip


def read_upload(reader: FaceReader, content: bytes | None) -> str:
    """What the page shows of an uploaded file: its faces, or why it can't be read."""
    if content is None:
        return view.message("Not read: the file didn't come through. Try again")
    try:
        image = read_picture(content)
    except UserError as error:
        return view.message(str(error))
    pixels = np.asarray(image)
    faces = reader(pixels)
    said = {0: NO_FACE, 1: "1 face"}.get(len(faces), f"{len(faces)} faces")
    return view.picture(image, faces or [reader.read_whole(pixels)], reader.classes, said)


def _camera_tab(cameras: LiveViews, classes: tuple[str, ...]) -> None:
    gr.HTML(f'<p class="fb-line">{HOW}</p><p class="fb-trouble" id="camera-trouble" role="alert"></p>')
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            camera = gr.Image(
                sources=["webcam"], streaming=True, label="Camera", elem_id="camera", buttons=[],
                webcam_options=gr.WebcamOptions(mirror=True, constraints=CAMERA),
            )  # fmt: skip
        with gr.Column(scale=2, min_width=280):
            readings = gr.HTML(view.waiting(classes))
            curves = gr.HTML(view.curves((), classes))
            save = gr.Button("Save the curves as CSV", elem_id="save", size="sm")
    table = gr.Textbox(visible="hidden")
    # Gradio's own conversions, left out, would write each frame to a file.
    camera.stream(
        _on_frame(cameras, classes), camera, [camera, readings, curves], stream_every=FRAME_SECONDS,
        concurrency_limit=AT_ONCE, time_limit=None, preprocess=False, postprocess=False,
        show_progress="hidden", api_visibility="private",
    )  # fmt: skip

    def rows(request: gr.Request) -> str:
        return cameras.of(str(request.session_hash)).history.csv()

    script = (HERE / "save.js").read_text(encoding="utf-8")
    save.click(rows, None, table, show_progress="hidden", api_visibility="private").then(
        None, table, js=script
    )


def _on_frame(cameras: LiveViews, classes: tuple[str, ...]) -> Callable[..., tuple[Any, Any, Any]]:
    def read(value: Any, request: gr.Request) -> tuple[Any, Any, Any]:
        """A frame with its boxes, what was read, and now and then the curves."""
        frame = taken_frame(value)
        if frame is None:
            return gr.skip(), gr.skip(), gr.skip()
        live = cameras.of(str(request.session_hash))
        seen = live(np.asarray(frame))
        shown = view.with_boxes(frame, seen.faces, [face.number for face in seen.faces], classes)
        curves: Any = gr.skip()
        if seen.seconds >= live.curves_drawn + CURVE_SECONDS:
            live.curves_drawn = seen.seconds
            curves = view.curves(live.history.of_largest_face(view.CURVE_SECONDS), classes)
        return {"url": view.data_address(shown)}, view.live(seen, classes), curves

    return read


def _forgetting(cameras: LiveViews) -> Callable[[gr.Request], None]:
    def forget(request: gr.Request) -> None:
        cameras.forget(str(request.session_hash))

    return forget


@contextmanager
def serving(reader: FaceReader, about: str, host: str, port: int, folder: Path) -> Iterator[None]:
    """Serve the page meanwhile; `folder` is that of `private_gradio`.

    Raises UserError where the port can't be had.
    """
    uploads = Folder(folder)
    page = build(reader, about, uploads)
    try:
        page.launch(
            server_name=host, server_port=port, prevent_thread_lock=True, quiet=True, share=False,
            inline=False, footer_links=[], run_history=False, enable_monitoring=False, mcp_server=False,
            ssr_mode=False, pwa=False, max_file_size=MAX_BYTES, css_paths=[HERE / "page.css"],
            theme=gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace"]),
        )  # fmt: skip
    except OSError as error:
        raise UserError(f"can't listen on {host}, port {port} ({error}): choose another --port") from None
    try:
        with uploads.cleaned():
            yield
    finally:
        _close(page)


def _close(page: gr.Blocks) -> None:
    """Stop serving, without waiting for pages that are open: a camera's frames would come for ever."""
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # which it would say
    page.server.config.timeout_graceful_shutdown = 1
    page.server.force_exit = True
    page.close(verbose=False)
