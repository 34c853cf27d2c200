"""A dive: where the camera is, what it sees, and the film on the disk."""

import doctest
import importlib.util
import itertools
import os
import weakref
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mosaic import Array
from smalti import animation, output
from smalti.ground.errors import MosaicError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def flat_tiles(which: Array, size: tuple[int, int]) -> Array:
    """Draw tiles of one colour each: 0 red, 1 green, 2 blue."""
    colours = np.array([RED, GREEN, BLUE], np.uint8)[which]
    return np.broadcast_to(colours[:, None, None], (len(which), size[1], size[0], 3))


def test_the_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(animation).failed == 0
    assert doctest.testmod(animation).attempted > 3


@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_boxes_lead_from_the_whole_to_the_tile_and_never_outside(
    rows: int, cols: int, data: st.DataObject
) -> None:
    cell = (data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, cols - 1)))
    last = animation.last_box((rows, cols), cell)
    boxes = animation.zoom_boxes((0, 0, cols, rows), last, 50)
    assert len(boxes) == 50
    assert boxes[0] == (0, 0, cols, rows)
    assert boxes[-1] == pytest.approx(last)
    assert last[0] <= cell[1] + 1e-9 and cell[1] + 1 <= last[2] + 1e-9
    assert last[1] <= cell[0] + 1e-9 and cell[0] + 1 <= last[3] + 1e-9
    for outer, inner in itertools.pairwise(boxes):
        assert all(inner[i] >= outer[i] - 1e-9 for i in (0, 1))
        assert all(inner[i] <= outer[i] + 1e-9 for i in (2, 3))
        assert (inner[2] - inner[0]) * rows == pytest.approx((inner[3] - inner[1]) * cols)


def test_the_perceived_speed_is_constant_in_the_middle_and_eased_at_the_ends() -> None:
    boxes = animation.zoom_boxes((0, 0, 64, 64), (30, 30, 31, 31), 101)
    ratio = np.diff([np.log(box[2] - box[0]) for box in boxes])
    assert np.ptp(ratio[25:75]) < 1e-9
    assert abs(ratio[0]) < abs(ratio[50]) / 50
    assert abs(ratio[-1]) < abs(ratio[50]) / 50


def test_the_first_frame_is_the_mosaic_and_the_last_the_tile() -> None:
    match = np.array([[0, 1, 0, 1], [1, 2, 1, 0]])
    frames = list(animation.zoom_frames(flat_tiles, match, (1, 1), (8, 8), (64, 64), 20))
    assert {frame.size for frame in frames} == {(64, 32)}
    assert [frames[0].getpixel((8 + 16 * x, 24)) for x in range(4)] == [
        GREEN,
        BLUE,
        GREEN,
        RED,
    ]
    assert frames[-1].getpixel((32, 16)) == BLUE


def test_frames_are_made_of_thumbnails_of_their_own_scale_and_few_in_all() -> None:
    match = np.arange(1200).reshape(30, 40) % 3
    asked: list[tuple[int, int]] = []

    def draw(which: Array, size: tuple[int, int]) -> Array:
        asked.append(size)
        return flat_tiles(which, size)

    list(animation.zoom_frames(draw, match, (11, 29), (16, 12), (320, 240), 60))
    sizes = list(dict.fromkeys(asked))
    assert sizes == [(8, 6), (16, 12), (32, 24), (64, 48), (128, 96), (256, 192)]
    assert len(asked) < 30 + 30 + 16 + 9 + 6 + 4 + 3


def test_a_frame_equals_the_whole_mosaic_cut_and_resized() -> None:
    tiles = np.random.default_rng(3).integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)

    def draw(which: Array, size: tuple[int, int]) -> Array:
        return np.stack(
            [np.asarray(Image.fromarray(tiles[i]).resize(size, 0)) for i in which]
        )

    match = np.arange(24).reshape(4, 6) % 6
    whole = Image.fromarray(
        np.vstack(list(output.paste_exact(draw, match, (6 * 32, 4 * 32))))
    )
    boxes = animation.zoom_boxes((0, 0, 6, 4), animation.last_box((4, 6), (2, 1)), 30)
    frames = list(animation.zoom_frames(draw, match, (2, 1), (8, 8), (48, 32), 30))
    left, top, right, bottom = (32 * side for side in boxes[-1])
    box = (left, top, right, bottom)
    reference = whole.resize((48, 32), Image.Resampling.LANCZOS, box=box)
    assert np.abs(np.asarray(frames[-1], int) - np.asarray(reference)).max() <= 1


def test_a_mosaic_of_one_cell_is_a_still_film() -> None:
    frames = list(
        animation.zoom_frames(flat_tiles, np.array([[2]]), (0, 0), (6, 4), (12, 12), 3)
    )
    assert [frame.getpixel((5, 5)) for frame in frames] == [BLUE] * 3
    assert frames[0].size == (12, 8)


@pytest.mark.parametrize("ending", [".gif", ".webp"])
def test_an_animation_reads_back_with_its_times(tmp_path: Path, ending: str) -> None:
    frames = [Image.new("RGB", (24, 16), colour) for colour in (RED, GREEN, BLUE, WHITE)]
    animation.save_animation(tmp_path / f"a{ending}", iter(frames), fps=20, hold=0.5)
    with Image.open(tmp_path / f"a{ending}") as film:
        assert (film.size, film.info["loop"]) == ((24, 16), 0)
        times = []
        for i, frame in enumerate(frames):
            film.seek(i)
            shown = np.asarray(film.convert("RGB"), int)
            times.append(film.info["duration"])
            assert np.abs(shown - np.asarray(frame)).max() < 12
        with pytest.raises(EOFError):
            film.seek(4)
    assert times == [500, 50, 50, 500]
    assert [path.name for path in tmp_path.iterdir()] == [f"a{ending}"]


def test_a_gif_keeps_the_colours_of_its_frames(tmp_path: Path) -> None:
    y, x = np.mgrid[:120, :160]
    noise = np.random.default_rng(1).integers(0, 9, (120, 160, 1))
    planes = np.stack([x * 240 // 160, y * 2, (x + y) % 240], axis=2)
    frame = Image.fromarray((planes + noise).astype(np.uint8))
    shown = (
        animation.to_palette(frame).convert("RGB").resize((16, 12), Image.Resampling.BOX)
    )
    expected = frame.resize((16, 12), Image.Resampling.BOX)
    assert np.abs(np.asarray(shown, int) - np.asarray(expected)).max() < 12


def test_a_film_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MosaicError, match=r"must end in \.mp4, \.webm, \.webp, \.gif"):
        animation.save_animation(tmp_path / "a.avi", [])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("size", "count"), [((16_384, 10), 2), ((4000, 4000), 64)])
def test_a_film_that_does_not_fit_is_refused_before_it_is_drawn(
    tmp_path: Path, size: tuple[int, int], count: int
) -> None:
    with pytest.raises(MosaicError, match="set a smaller size or fewer seconds") as refused:
        animation.check_animation(tmp_path / "a.webp", size, count)
    assert ("write a .mp4, or" in str(refused.value)) == (max(size) <= 4096)


def test_tiles_of_a_dive_are_recoloured_knowing_their_cells_in_the_whole() -> None:
    match, places = np.zeros((4, 6), int), set()

    def note(tiles: Array, where: Array) -> Array:
        places.update(where.tolist())
        return tiles

    cut, corner = animation.paste_part(flat_tiles, match, (1, 2, 3, 4), (8, 6), note)
    assert (cut.size, corner) == ((16, 12), (1, 2))
    assert places == {13, 14, 19, 20}


# Videos


def read_video(path: Path) -> list[np.ndarray]:
    """All frames of a video as (rows, cols, 3) levels, its colours read as high definition."""
    with av.open(path) as file:
        return [
            frame.reformat(
                format="rgb24",
                src_colorspace="ITU709",
                src_color_range="MPEG",
                dst_color_range="JPEG",
            )
            .to_ndarray()
            .astype(int)
            for frame in file.decode(video=0)
        ]


def plain(*colours: tuple[int, int, int]) -> list[Image.Image]:
    """Frames of 48 x 32 pixels of one colour each."""
    return [Image.new("RGB", (48, 32), colour) for colour in colours]


VIDEO = pytest.mark.parametrize("ending", list(animation.VIDEOS))


@VIDEO
def test_a_video_reads_back_with_its_ends_held(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending.upper()}"
    animation.save_animation(path, iter(plain(RED, GREEN, BLUE, WHITE)), fps=20, hold=0.25)
    shown = read_video(path)
    expected = [RED] * 5 + [GREEN, BLUE] + [WHITE] * 5
    assert [frame.shape for frame in shown] == [(32, 48, 3)] * 12
    assert np.abs(np.array(shown) - np.array(expected)[:, None, None]).max() < 6
    with av.open(path) as file:
        assert file.duration == 12 * 1_000_000 // 20
        assert file.streams.video[0].average_rate == 20
    assert [path.name for path in tmp_path.iterdir()] == [f"a{ending.upper()}"]


@VIDEO
def test_every_player_knows_the_colours_of_a_video(tmp_path: Path, ending: str) -> None:
    animation.save_animation(tmp_path / f"a{ending}", plain(RED, GREEN))
    with av.open(tmp_path / f"a{ending}") as file:
        coded = file.streams.video[0].codec_context
        assert coded.pix_fmt == "yuv420p"
        marks = (
            coded.colorspace,
            coded.color_primaries,
            coded.color_trc,
            coded.color_range,
        )
        assert marks == (1, 1, 1, 1)
        first = next(file.decode(video=0)).to_ndarray()
    assert abs(int(first[0, 0]) - 63) <= 1  # by recipe 601 it would be 81


@VIDEO
@pytest.mark.parametrize(("size", "even"), [((61, 35), (60, 34)), ((40, 1), (40, 2))])
def test_an_odd_row_or_column_is_left_out(
    tmp_path: Path, ending: str, size: tuple[int, int], even: tuple[int, int]
) -> None:
    frame = Image.effect_noise(size, 64).convert("RGB")
    animation.save_animation(tmp_path / f"a{ending}", [frame, frame], hold=0)
    (shown, _) = read_video(tmp_path / f"a{ending}")
    assert shown.shape[1::-1] == even
    luma = [np.asarray(one)[: size[1], : even[0]].mean() for one in (shown, frame)]
    assert abs(luma[0] - luma[1]) < 3


@VIDEO
def test_a_video_begins_with_the_mosaic_and_ends_in_the_tile(
    tmp_path: Path, ending: str
) -> None:
    match = np.array([[0, 1, 0, 1], [1, 2, 1, 0]])
    frames = animation.zoom_frames(flat_tiles, match, (1, 1), (8, 8), (128, 128), 20)
    animation.save_animation(tmp_path / f"a{ending}", frames, hold=0.1)
    shown = read_video(tmp_path / f"a{ending}")
    assert len(shown) == 20 + 2 * (2 - 1)
    colours = np.array([RED, GREEN, BLUE])[match]
    assert np.abs(shown[0][16::32, 16::32] - colours).max() < 24
    assert np.abs(shown[-1][8:-8, 40:-40] - BLUE).max() < 12


@VIDEO
def test_the_same_frames_make_the_same_bytes(tmp_path: Path, ending: str) -> None:
    rng = np.random.default_rng(4)
    frames = [
        Image.fromarray(rng.integers(0, 256, (96, 160, 3), np.uint8)) for _ in range(9)
    ]
    for name in "ab":
        animation.save_animation(tmp_path / f"{name}{ending}", frames)
    assert (tmp_path / f"a{ending}").read_bytes() == (tmp_path / f"b{ending}").read_bytes()


@VIDEO
def test_frames_of_a_video_are_asked_for_one_by_one_and_forgotten(
    tmp_path: Path, ending: str
) -> None:
    drawn, most = list[weakref.ref[Image.Image]](), 0

    def draw() -> Iterator[Image.Image]:
        nonlocal most
        for i in range(100):
            frame = Image.new("RGB", (48, 32), (2 * i, 0, 0))
            drawn.append(weakref.ref(frame))
            most = max(most, sum(one() is not None for one in drawn))
            yield frame

    animation.save_animation(tmp_path / f"a{ending}", draw())
    assert 1 <= most <= 3


@VIDEO
def test_a_video_that_fails_leaves_the_older_one_and_nothing_else(
    tmp_path: Path, ending: str
) -> None:
    def break_off() -> Iterator[Image.Image]:
        yield from plain(RED, GREEN)
        raise KeyboardInterrupt

    path = tmp_path / f"a{ending}"
    path.write_text("older")
    with pytest.raises(KeyboardInterrupt):
        animation.save_animation(path, break_off())
    assert path.read_text() == "older"
    assert [path.name for path in tmp_path.iterdir()] == [f"a{ending}"]


def test_an_error_of_the_encoder_is_told_like_any_other_of_the_disk(tmp_path: Path) -> None:
    full = av.FFmpegError(28, os.strerror(28))
    with (
        pytest.raises(OSError, match="No space left") as raised,
        animation.disk_errors("a.mp4"),
    ):
        raise full
    assert (raised.value.errno, raised.value.filename) == (28, "a.mp4")


@VIDEO
def test_a_video_may_be_as_long_as_one_likes_but_not_too_wide(ending: str) -> None:
    animation.check_animation(f"a{ending}", (4096, 2160), 10**6)
    with pytest.raises(MosaicError, match="4098 x 10 pixels, but a video ends at 4096"):
        animation.check_animation(f"a{ending}", (4098, 10))


def test_without_the_package_a_line_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    animation.check_animation("a.webp")
    with pytest.raises(MosaicError) as raised:
        animation.check_animation("a.mp4")
    assert str(raised.value) == (
        "a.mp4: videos need a package: pip install 'mosaic-book[film]', or write a .webp"
    )
