"""Frames of videos: taken at their times, upright, in bounded memory, and what is broken said in a phrase."""

import math
import re

import numpy as np
import pytest
from clips import cut, shades, turned, with_steps, write_clip

from fer_bench.inference.pictures import Unreadable
from fer_bench.inference.video import NO_FRAMES, Frame, Sampling, is_video, sampled_frames


def read(path, **sampling) -> tuple[list[Frame], list[str]]:
    """The frames of a video, and why others can't be read."""
    found = list(sampled_frames(path, Sampling(**sampling)))
    frames = [each for each in found if isinstance(each, Frame)]
    return frames, [each.reason for each in found if isinstance(each, Unreadable)]


def times(frames) -> list[float]:
    return [round(frame.moment.seconds, 3) for frame in frames]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Four seconds of ten frames each."""
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.avi", shades(40))


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        ({}, [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]),
        ({"every": 1.25}, [0, 1.3, 2.5, 3.8]),
        ({"every": 1.0, "start": 0.25, "end": 2.3}, [0.3, 1.3]),
        ({"every": 0.0, "start": 3.6}, [3.6, 3.7, 3.8, 3.9]),
        ({"every": 100.0}, [0]),
    ],
)
def test_the_first_frame_of_each_so_many_seconds_is_taken(clip, sampling, expected):
    frames, problems = read(clip, **sampling)
    assert times(frames) == expected
    assert problems == []
    for frame, seconds in zip(frames, expected, strict=True):
        assert frame.moment.number == round(10 * seconds)
        assert frame.moment.length == pytest.approx(4)
        assert abs(int(frame.pixels[-8, -8, 1]) - 20 * seconds) <= 4
        assert frame.pixels[8, 8, 0] > 200 > 60 > frame.pixels[8, 8, 2]  # red: RGB, not BGR


def test_times_of_a_variable_frame_rate_are_the_files_own(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", shades(20), rate=10, codec="mp4v")
    ticks = 1024  # of a tenth of a second, in files that OpenCV writes
    frames, problems = read(with_steps(path, (10, ticks // 2), (10, ticks * 3 // 2)), every=0)
    expected = [*(0.05 * i for i in range(10)), *(0.5 + 0.15 * i for i in range(10))]
    assert times(frames) == pytest.approx(expected)
    assert problems == []


def test_frames_of_a_phone_held_upright_are_turned(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", shades(3, (96, 64)), codec="mp4v")
    [frame, *_] = read(turned(path))[0]
    assert frame.pixels.shape == (96, 64, 3)
    assert frame.pixels[8, -8, 0] > 200 > frame.pixels[-8, 8, 0]  # what was left at the top is right


def test_large_frames_are_shrunk_and_a_single_one_is_read(tmp_path):
    path = write_clip(tmp_path / "one.avi", shades(1, (4096, 64)))
    frames, problems = read(path)
    assert [frame.pixels.shape for frame in frames] == [(32, 2048, 3)]
    assert problems == []


def test_a_video_that_breaks_off_gives_what_there_is(tmp_path):
    path = cut(write_clip(tmp_path / "clip.avi", shades(40)), 0.6)
    frames, [problem] = read(path)
    assert 3 <= len(frames) <= 6
    assert re.fullmatch(r"breaks off at second [12]\.\d of 4\.0", problem)


def test_without_a_frame_rate_time_still_goes_on(tmp_path):
    path = write_clip(tmp_path / "clip.avi", shades(20))
    data = bytearray(path.read_bytes())
    rate = data.index(b"strh") + 28
    data[rate : rate + 8] = bytes(8)
    path.write_bytes(data)
    seconds = times(read(path, every=0)[0])
    assert len(seconds) == 20
    assert all(np.diff(seconds) > 0)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty file"),
        (b"some words\n" * 99, NO_FRAMES),
        (b"\0\0\0\x18ftypmp42" + bytes(99), NO_FRAMES),
        (b"#EXTM3U\n#EXTINF:10,\n/etc/hostname\n#EXT-X-ENDLIST\n", NO_FRAMES),
    ],
)
def test_what_is_no_video_is_said_in_a_phrase_and_nothing_else_printed(tmp_path, capfd, content, problem):
    (tmp_path / "clip.mp4").write_bytes(content)
    assert read(tmp_path / "clip.mp4") == ([], [problem])
    assert read(tmp_path / "gone.mp4") == ([], ["No such file or directory"])
    assert capfd.readouterr() == ("", "")


def test_a_list_of_other_files_opens_none_of_them(clip):
    listing = clip.with_name("list.mp4")
    listing.write_text(f"ffconcat version 1.0\nfile {clip.name}\n")
    assert read(listing) == ([], [NO_FRAMES])


def test_a_start_behind_the_end_is_said(clip):
    assert read(clip, start=9.0) == ([], ["ends at second 4.0: nothing from second 9 on"])
    assert read(clip, end=0.4, every=0.0)[1] == []


def test_a_video_is_told_by_its_suffix_or_its_first_bytes(clip, tmp_path):
    assert is_video(tmp_path / "gone.MP4")
    assert not is_video(tmp_path / "gone.png") and not is_video(tmp_path / "gone")
    for name, start, expected in [
        ("avi", clip.read_bytes(), True),
        ("mp4", b"\0\0\0\x20ftypisom", True),
        ("heic", b"\0\0\0\x20ftypheic", False),
        ("mkv", b"\x1a\x45\xdf\xa3" + bytes(9), True),
        ("ts", (b"\x47" + bytes(187)) * 2, True),
        ("webp", b"RIFF\0\0\0\0WEBP", False),
        ("words", b"Good morning", False),
    ]:
        (tmp_path / f"of-{name}").write_bytes(start)
        assert is_video(tmp_path / f"of-{name}") == expected, name


def test_the_next_frame_is_due_on_a_grid():
    assert Sampling(0.5).after(0.52) == 1.0
    assert Sampling(0.5).after(0.4995) == 1.0
    assert Sampling(0.5, start=0.2, end=math.inf).after(0.2) == pytest.approx(0.7)
    assert Sampling(0.0).after(0.3) == 0.3
