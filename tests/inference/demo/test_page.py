"""The demo in a browser whose camera shows a portrait: what is seen, saved, refused, stored and asked for."""

import csv
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from browser import chromium
from pictures import bomb
from PIL import Image
from portrait import astronaut
from servers import free_port
from stub_models import StubModel

from fer_bench.errors import UserError
from fer_bench.inference.demo.private_gradio import private_gradio
from fer_bench.inference.face_detector import FaceDetector
from fer_bench.inference.face_reader import FaceReader

pytest.importorskip("gradio")
pytest.importorskip("skimage")
pytestmark = pytest.mark.browser

START = "#camera .icon-with-text"
# Each frame that is sent has its number written into its upper edge, in 12 squares, black or white, of which
# that of the frame that is shown can be read again.
NUMBERED = """
window.sent = 0;
const written = HTMLCanvasElement.prototype.toDataURL;
HTMLCanvasElement.prototype.toDataURL = function (...options) {
  window.sent += 1;
  const pen = this.getContext("2d");
  pen.setTransform(1, 0, 0, 1, 0, 0);
  for (let bit = 0; bit < 12; bit++) {
    pen.fillStyle = (window.sent >> bit) & 1 ? "#fff" : "#000";
    pen.fillRect(bit * 20, 0, 20, 20);
  }
  return written.apply(this, options);
};
window.shown = () => {
  const image = document.querySelector("#camera img");
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [240, 20];
  const pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0);
  let number = 0;
  for (let bit = 0; bit < 12; bit++) {
    if (pen.getImageData(bit * 20 + 10, 10, 1, 1).data[0] > 127) number |= 1 << bit;
  }
  return number;
};
"""
NO_CAMERA = (
    "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotFoundError'); };"
)


@dataclass
class Site:
    """A demo that is served: its address, the model behind it, the folder of uploads, all requests."""

    address: str
    model: StubModel
    uploads: Path
    browser: Any
    asked: list[str]
    complaints: list[str]

    def open(self, tab: str, script: str = "", width: int = 1400) -> Any:
        """The page in a new window, at a tab."""
        page = self.browser.new_page(viewport={"width": width, "height": 800})
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.add_init_script(script)
        page.goto(self.address)
        page.get_by_role("tab", name=tab).click()
        return page


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    video, scene = tmp_path_factory.mktemp("camera") / "portrait.mjpeg", Image.new("RGB", (640, 480), "gray")
    scene.paste(astronaut().resize((480, 480)), (80, 0))
    with video.open("wb") as file:
        for _ in range(5):
            scene.save(file, "JPEG")
    arguments = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={video}",
    ]
    model, port = StubModel(0.2, 0.7, 0.1), free_port()
    with pytest.MonkeyPatch.context() as patch, private_gradio("127.0.0.1") as uploads:
        patch.setenv("http_proxy", "http://127.0.0.1:9")  # where nobody is
        from fer_bench.inference.demo.page import serving

        reader = FaceReader(model, FaceDetector())
        with serving(reader, "Model stub", "127.0.0.1", port, uploads), chromium(*arguments) as browser:
            yield Site(f"http://127.0.0.1:{port}/", model, uploads, browser, [], [])
    assert not uploads.exists()


@pytest.fixture(scope="module")
def pictures(site):
    """The page where there is no camera."""
    page = site.open("Picture", NO_CAMERA)
    yield page
    page.close()


def upload(page, name: str, content: bytes, awaited: str) -> None:
    page.set_input_files("input[type=file]", {"name": name, "mimeType": "image/png", "buffer": content})
    page.get_by_text(awaited).wait_for()


def left(uploads: Path) -> list[Path]:
    """What is in the folder but for what Gradio made at its start."""
    return [path for path in uploads.rglob("*") if path.name != "vibe_edit_history"]


def two_faces(folder: Path) -> bytes:
    scene = Image.new("RGB", (1060, 520), "white")
    for left in (10, 540):
        scene.paste(astronaut(), (left, 4))
    scene.save(folder / "two.png")
    return (folder / "two.png").read_bytes()


def test_two_faces_in_a_picture_each_get_a_box_and_bars_and_no_file_is_left(site, pictures, tmp_path):
    upload(pictures, "two.png", two_faces(tmp_path), "2 faces")
    assert pictures.locator(".fb-face h2").all_inner_texts() == ["Face 1: happy", "Face 2: happy"]
    assert pictures.locator(".fb-share").all_inner_texts() == ["20%", "70%", "10%"] * 2
    assert pictures.locator(".fb-result img").get_attribute("src").startswith("data:image/jpeg;base64,")
    assert left(site.uploads) == []


def test_what_is_no_picture_gets_a_line_and_the_next_one_is_read(site, pictures, tmp_path):
    upload(pictures, "bomb.png", bomb(30_000, 30_000), "Not read: too many pixels")
    upload(pictures, "model.png", b"PK\3\4 a model", "Not read: not an image")
    Image.new("RGB", (64, 64), "gray").save(tmp_path / "grey.png")
    upload(pictures, "grey.png", (tmp_path / "grey.png").read_bytes(), "No face was found")
    assert pictures.locator(".fb-face h2").all_inner_texts() == ["happy"]
    assert left(site.uploads) == []


@pytest.mark.parametrize("width", [1400, 400])
def test_the_notice_is_seen_without_scrolling(pictures, width):
    pictures.set_viewport_size({"width": width, "height": 800})
    notice = pictures.get_by_role("note")
    assert "An expression is not a feeling" in notice.inner_text()
    assert "prohibited in the EU (AI Act, Art. 5(1)(f))" in notice.inner_text()
    box = notice.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width and box["y"] + box["height"] < 500
    assert pictures.evaluate("document.documentElement.scrollWidth") <= width


def test_a_portrait_before_the_camera_is_read_live_and_saved_and_late_frames_are_dropped(site, tmp_path):
    page = site.open("Webcam", NUMBERED)
    page.get_by_title("grant webcam access").click()
    page.locator(START).click()
    page.locator(".fb-rate").wait_for()
    assert "1 face" in page.locator(".fb-line", has_text="frames per second").inner_text()
    assert page.locator(".fb-face h2").last.inner_text() == "happy"
    assert page.locator(".fb-share").all_inner_texts() == ["20%", "70%", "10%"]
    page.wait_for_function("document.querySelectorAll('.fb-curve').length === 3")
    with page.expect_download() as saved:
        page.locator("#save").click()
    assert saved.value.suggested_filename == "expressions.csv"
    rows = list(csv.DictReader(saved.value.path().read_text().splitlines()))
    assert list(rows[0]) == ["seconds", "face", "angry", "happy", "sad"]
    assert {row["face"] for row in rows} == {"1"} and rows[-1]["happy"] == "0.7000"

    site.model.delay = 0.3  # three frames a second, of fifteen
    read, sent = len(site.model.batches), page.evaluate("window.sent")
    page.wait_for_timeout(3000)
    read, sent = len(site.model.batches) - read, page.evaluate("window.sent") - sent
    behind = page.evaluate("window.sent - window.shown()")
    assert read <= 11
    assert sent >= 2 * read
    # First come, first served would show the frame whose number is that of frames read.
    assert 0 <= behind <= 3 * sent / read + 3
    site.model.delay = 0.0
    assert np.all(np.diff([float(row["seconds"]) for row in rows]) > 0)
    page.close()
    assert left(site.uploads) == []


def test_without_a_camera_a_line_says_so(site, pictures):
    pictures.get_by_role("tab", name="Webcam").click()
    pictures.get_by_title("grant webcam access").click()
    pictures.get_by_role("alert").get_by_text("No camera was found: connect one").wait_for()
    assert [complaint for complaint in site.complaints if "NotFound" not in complaint] == []


def test_a_port_that_is_taken_is_said(site):
    from fer_bench.inference.demo.page import serving

    reader = FaceReader(site.model, FaceDetector())
    with (
        pytest.raises(UserError, match="choose another --port"),
        serving(reader, "", "127.0.0.1", urlsplit(site.address).port, site.uploads),
    ):
        pass


def test_serving_ends_at_once_with_a_page_open(site):
    from fer_bench.inference.demo.page import serving

    port, reader = free_port(), FaceReader(site.model, FaceDetector())
    with serving(reader, "", "127.0.0.1", port, site.uploads):
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/gradio_api/heartbeat/open", timeout=5)
        page.readline()
        ending = time.monotonic()
    assert time.monotonic() - ending < 2
    page.close()


def test_nothing_was_asked_of_another_host(site):
    hosts = {urlsplit(url).netloc for url in site.asked if not url.startswith(("data:", "blob:"))}
    assert len(site.asked) > 30
    assert hosts == {urlsplit(site.address).netloc}
