"""The store: what goes in comes out, whole or not at all."""

import errno
import io
import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import mosaic
from mosaic import MosaicError, Reject, Thumbnail, read_store, write_store
from smalti import steps
from smalti.ground.files import atomic

NAMES = st.binary(min_size=1, max_size=30).map(
    lambda name: os.fsdecode(name.replace(b"\0", b"?").replace(b"/", b"?"))
)
LEVELS = st.integers(0, 255)
SIDES = st.integers(1, 2**31 - 1)
THUMBNAILS = st.builds(
    Thumbnail,
    NAMES,
    st.tuples(SIDES, SIDES),
    st.binary(max_size=50),
    st.tuples(LEVELS, LEVELS, LEVELS),
)
REJECTS = st.builds(
    Reject, NAMES, st.text(st.characters(codec="utf-8", exclude_characters="\0"))
)


def jpeg(colour: str, size: tuple[int, int] = (6, 4)) -> bytes:
    """The bytes of a JPEG of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


RGB = {"red": (254, 0, 0), "lime": (0, 255, 1), "blue": (0, 0, 254), "white": (255,) * 3}
FOUR = [Thumbnail(f"{name}.jpg", (60, 40), jpeg(name), RGB[name]) for name in sorted(RGB)]


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store of four thumbnails, blue, lime, red and white, of 6 x 4 pixels."""
    path = str(tmp_path / "four.h5")
    write_store(path, FOUR, (6, 4), "somewhere")
    return path


def files(folder: Path) -> list[str]:
    """The names of all files in a folder, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


def refusal(path: object) -> str:
    """The one line with which a file is refused as a store."""
    with pytest.raises(MosaicError) as caught:
        read_store(str(path))
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


# Round trips


@given(st.lists(THUMBNAILS | REJECTS, max_size=12), st.integers(1, 4))
@settings(deadline=None, max_examples=30)
def test_what_is_written_is_read_again(made: list[Thumbnail | Reject], batch: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(mosaic, "BATCH", batch)
        path = f"{folder}/s.h5"
        write_store(path, made, (7, 5), "somewhere")
        again = list(steps.iterate_store(path))
        found = read_store(path)
    good = [one for one in made if isinstance(one, Thumbnail)]
    assert again == good + [one for one in made if isinstance(one, Reject)]
    assert found.names == [one.name for one in good]
    assert found.mean.tolist() == [list(one.mean) for one in good]
    assert (found.thumb_res, found.origin) == ((7, 5), "somewhere")


def test_the_layout_is_the_documented_one(store: str) -> None:
    with h5py.File(store) as file:
        assert sorted(file) == [
            "jpeg",
            "mean",
            "name",
            "rejects",
            "size",
            "starts",
            "variant",
        ]
        kinds = {
            name: (file[name].shape, file[name].dtype.name)
            for name in file["rejects"].parent
            if name != "rejects"
        }
        starts, blob = file["starts"][:], file["jpeg"][:].tobytes()
        assert kinds == {
            "jpeg": ((len(blob),), "uint8"),
            "starts": ((5,), "int64"),
            "name": ((4,), "object"),
            "variant": ((4,), "object"),
            "size": ((4, 2), "int32"),
            "mean": ((4, 3), "uint8"),
        }
        assert [blob[a:b] for a, b in itertools.pairwise(starts)] == [
            one.jpeg for one in FOUR
        ]
        assert file["name"][0] == b"blue.jpg"
        assert file["rejects/name"].shape == file["rejects/reason"].shape == (0,)
        assert sorted(file.attrs) == [
            "complete", "digest", "format", "origin", "thumb_res", "version",
        ]  # fmt: skip
        assert file.attrs["thumb_res"].tolist() == [6, 4]


def test_the_digest_tells_names_and_thumbnails_apart(tmp_path: Path) -> None:
    def digest(*made: Thumbnail) -> str:
        write_store(str(tmp_path / "s.h5"), made, (6, 4))
        return read_store(str(tmp_path / "s.h5")).digest

    def thumbnail(name: str, blob: bytes) -> Thumbnail:
        return Thumbnail(name, (1, 1), blob, (0, 0, 0))

    usual = digest(thumbnail("a", b"1"), thumbnail("b", b"2"))
    assert usual == digest(thumbnail("a", b"1"), thumbnail("b", b"2"))
    assert usual != digest(thumbnail("b", b"1"), thumbnail("a", b"2"))
    assert usual != digest(thumbnail("a", b"1"), thumbnail("b", b"3"))
    assert usual != digest(thumbnail("a", b"1"))


def test_two_stores_of_the_same_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.h5", "two.h5"):
        write_store(str(tmp_path / name), FOUR, (6, 4))
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()


def test_thumbnails_are_decoded_in_any_order_and_repeated(store: str) -> None:
    found = mosaic.read_thumbnails(store, [2, 0, 0, 3], (6, 4))
    assert found.shape == (4, 4, 6, 3)
    expected = np.array([RGB[name] for name in ("red", "blue", "blue", "white")])
    assert np.abs(found.astype(int) - expected[:, None, None]).max() <= 2


@pytest.mark.parametrize("size", [(6, 4), (1, 1), (30, 7), (2, 50), (3, 2)])
def test_thumbnails_are_decoded_at_any_size(store: str, size: tuple[int, int]) -> None:
    found = mosaic.read_thumbnails(store, [1], size)
    assert found.shape == (1, size[1], size[0], 3)
    assert np.abs(found.astype(int) - RGB["lime"]).max() <= 2


# Merging


@given(
    st.lists(
        st.tuples(THUMBNAILS | REJECTS, st.integers(0, 2)),
        max_size=12,
        unique_by=lambda one: one[0].name,
    )
)
@settings(deadline=None, max_examples=15)
def test_merged_parts_are_the_store_of_the_whole(
    made: list[tuple[Thumbnail | Reject, int]],
) -> None:
    made.sort(key=lambda one: one[0].name)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(mosaic, "BATCH", 2)
        parts = [f"{folder}/{part}.h5" for part in range(3)]
        for number, part in enumerate(parts):
            write_store(part, [one for one, at in made if at == number], (7, 5))
        steps.merge_stores(f"{folder}/merged.h5", parts)
        write_store(f"{folder}/whole.h5", [one for one, _ in made], (7, 5))
        merged, whole = (f"{folder}/{name}.h5" for name in ("merged", "whole"))
        assert list(steps.iterate_store(merged)) == list(steps.iterate_store(whole))
        assert read_store(merged).digest == read_store(whole).digest


def test_parts_of_different_sizes_are_not_merged(store: str, tmp_path: Path) -> None:
    other = str(tmp_path / "other.h5")
    write_store(other, [], (4, 6))
    with pytest.raises(MosaicError, match="4 x 6"):
        steps.merge_stores(str(tmp_path / "all.h5"), [store, other])


def test_a_missing_part_is_an_error_and_nothing_is_written(
    store: str, tmp_path: Path
) -> None:
    with pytest.raises(MosaicError, match=r"there is no store .*gone\.h5"):
        steps.merge_stores(str(tmp_path / "all.h5"), [store, str(tmp_path / "gone.h5")])
    assert files(tmp_path) == ["four.h5"]


# Whole or not at all


def test_an_interrupted_writing_leaves_the_old_file_and_nothing_else(
    store: str, tmp_path: Path
) -> None:
    def interrupted() -> Iterator[Thumbnail]:
        yield FOUR[0]
        raise KeyboardInterrupt

    before = Path(store).read_bytes()
    with pytest.raises(KeyboardInterrupt):
        write_store(store, interrupted(), (6, 4))
    assert Path(store).read_bytes() == before
    assert files(tmp_path) == ["four.h5"]


def test_while_a_store_is_written_there_is_none_under_its_name(tmp_path: Path) -> None:
    path, seen = tmp_path / "s.h5", []

    def watched() -> Iterator[Thumbnail]:
        seen.append((path.exists(), files(tmp_path)))
        yield FOUR[0]

    write_store(str(path), watched(), (6, 4))
    ((exists, found),) = seen
    assert not exists
    assert [name.startswith(".") for name in found] == [True]
    assert files(tmp_path) == ["s.h5"]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = Path(store).read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_store(store, FOUR[:2], (6, 4))
    assert Path(store).read_bytes() == before
    assert files(tmp_path) == ["four.h5"]


def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    replace, fsync = Path.replace, os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (order.append("fsync"), fsync(fd))[1])
    monkeypatch.setattr(
        Path, "replace", lambda old, new: (order.append("replace"), replace(old, new))[1]
    )
    with atomic(tmp_path / "new" / "a.txt") as part:
        part.write_text("hello")
    assert order == ["fsync", "replace"]
    assert (tmp_path / "new" / "a.txt").read_text() == "hello"


def test_a_missing_store_is_refused(tmp_path: Path) -> None:
    assert "there is no store" in refusal(tmp_path / "gone.h5")


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    assert "there is no store" in refusal(tmp_path)


@pytest.mark.parametrize("part", [0.0, 0.001, 0.5, 0.9, 0.99])
def test_a_truncated_store_is_refused(store: str, part: float) -> None:
    whole = Path(store).read_bytes()
    Path(store).write_bytes(whole[: int(len(whole) * part)])
    assert refusal(store).endswith("is not a store of thumbnails; make it anew")


def test_a_text_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.h5").write_text("not a store")
    assert refusal(tmp_path / "s.h5").endswith("is not a store of thumbnails; make it anew")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda file: file.attrs.pop("complete"), "not a finished store"),
        (lambda file: file.attrs.update(complete=False), "not a finished store"),
        (lambda file: file.attrs.pop("format"), "not a finished store"),
        (lambda file: file.attrs.update(format="pictures"), "not a finished store"),
        (lambda file: file.attrs.update(version=99), "has version 99, not 1"),
        (lambda file: file.attrs.pop("version"), "make it anew"),
        (lambda file: file.pop("mean"), "make it anew"),
        (lambda file: file.attrs.pop("thumb_res"), "make it anew"),
    ],
)
def test_a_store_that_lacks_something_is_refused(
    store: str, spoil: Callable[[Any], None], said: str
) -> None:
    with h5py.File(store, "r+") as file:
        spoil(file)
    assert said in refusal(store)
    assert refusal(store).endswith("make it anew")


def test_an_hdf5_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["weather"] = [1, 2, 3]
    assert "is not a finished store" in refusal(tmp_path / "s.h5")


def test_a_name_that_breaks_lines_does_not_break_the_line(tmp_path: Path) -> None:
    refusal(tmp_path / "two\nlines.h5")


@pytest.mark.parametrize("reason", ["a\udcffb", "a\tb\nc", ""])
def test_any_reason_can_be_written(tmp_path: Path, reason: str) -> None:
    path = str(tmp_path / "s.h5")
    write_store(path, [Reject("a.jpg", reason)], (6, 4))
    assert [one.name for one in read_store(path).rejects] == ["a.jpg"]
