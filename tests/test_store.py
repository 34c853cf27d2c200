"""The store: what goes in comes out, whole or not at all."""

import contextlib
import errno
import io
import itertools
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest
from damage import change_store, is_open
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import mosaic
from mosaic import ANEW, Reject, Store, Thumbnail, open_store, read_thumbnails, write_store
from smalti.ground.errors import MosaicError
from smalti.ground.files import Disk
from smalti.ground.seals import SealedFile, sealing

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

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
def path(tmp_path: Path) -> str:
    """A store of four thumbnails, blue, lime, red and white, of 6 x 4 pixels."""
    path = str(tmp_path / "four.h5")
    write_store(path, FOUR, (6, 4), "somewhere")
    return path


@pytest.fixture
def store(path: str) -> Iterator[Store]:
    """The same store, open."""
    with open_store(path) as store:
        yield store


def files(folder: Path) -> list[str]:
    """The names of all files in a folder, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


def refusal(path: object) -> str:
    """The one line with which a file is refused as a store."""
    with pytest.raises(MosaicError) as caught:
        open_store(str(path))
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


# Round trips


@given(st.lists(THUMBNAILS | REJECTS, max_size=12), st.integers(1, 4))
@settings(max_examples=30)
def test_what_is_written_is_read_again(made: list[Thumbnail | Reject], batch: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(mosaic, "BATCH", batch)
        write_store(f"{folder}/s.h5", made, (7, 5), "somewhere")
        with open_store(f"{folder}/s.h5") as found:
            blob, at = found.file["jpeg"][:].tobytes(), found.starts.tolist()
            sizes = found.file["size"][:].tolist()
    good = [one for one in made if isinstance(one, Thumbnail)]
    assert found.names == [one.name for one in good]
    assert found.variants == [one.variant for one in good]
    assert [blob[a:b] for a, b in itertools.pairwise(at)] == [one.jpeg for one in good]
    assert sizes == [list(one.size) for one in good]
    assert found.mean.tolist() == [list(one.mean) for one in good]
    assert found.rejects == [one for one in made if isinstance(one, Reject)]
    assert (found.thumb_res, found.origin) == ((7, 5), "somewhere")


def test_the_layout_is_the_documented_one(path: str) -> None:
    with h5py.File(path) as file:
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
            "digest", "format", "origin", "thumb_res", "version",
        ]  # fmt: skip
        assert file.attrs["thumb_res"].tolist() == [6, 4]


def test_the_digest_tells_names_and_thumbnails_apart(tmp_path: Path) -> None:
    def digest(*made: Thumbnail) -> str:
        write_store(str(tmp_path / "s.h5"), made, (6, 4))
        with open_store(str(tmp_path / "s.h5")) as store:
            return store.digest

    def thumbnail(name: str, blob: bytes) -> Thumbnail:
        return Thumbnail(name, (1, 1), blob, (0, 0, 0))

    first = digest(thumbnail("a", b"1"), thumbnail("b", b"2"))
    assert first == digest(thumbnail("a", b"1"), thumbnail("b", b"2"))
    assert first != digest(thumbnail("b", b"1"), thumbnail("a", b"2"))
    assert first != digest(thumbnail("a", b"1"), thumbnail("b", b"3"))
    assert first != digest(thumbnail("a", b"1"))


def test_two_stores_of_the_same_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.h5", "two.h5"):
        write_store(str(tmp_path / name), FOUR, (6, 4))
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()


def test_thumbnails_are_decoded_in_any_order_and_repeated(store: Store) -> None:
    found = read_thumbnails(store, [2, 0, 0, 3], (6, 4))
    assert found.shape == (4, 4, 6, 3)
    expected = np.array([RGB[name] for name in ("red", "blue", "blue", "white")])
    assert np.abs(found.astype(int) - expected[:, None, None]).max() <= 2


@pytest.mark.parametrize("size", [(6, 4), (1, 1), (30, 7), (2, 50), (3, 2)])
def test_thumbnails_are_decoded_at_any_size(store: Store, size: tuple[int, int]) -> None:
    found = read_thumbnails(store, [1], size)
    assert found.shape == (1, size[1], size[0], 3)
    assert np.abs(found.astype(int) - RGB["lime"]).max() <= 2


def test_to_read_a_thumbnail_is_not_to_read_its_neighbours(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    take = SealedFile.take

    def count(file: SealedFile, start: int, stop: int) -> bytes:
        taken.append(stop - start)
        return take(file, start, stop)

    with open_store(path) as store:
        read_thumbnails(store, [0], (50, 50))  # and where HDF5 keeps them
        monkeypatch.setattr(SealedFile, "take", count)
        read_thumbnails(store, [2], (50, 50))
        assert taken == [store.starts[3] - store.starts[2]]


def test_no_thumbnails_are_an_array_of_none(store: Store) -> None:
    assert read_thumbnails(store, [], (6, 4)).shape == (0, 4, 6, 3)


# Open and closed


def test_a_store_says_what_it_is(store: Store) -> None:
    assert repr(store) == f"<{store.path}: 4 thumbnails of 6 x 4>"


def test_a_store_is_open_until_the_end_of_the_block(path: str) -> None:
    with open_store(path) as store:
        assert store.file
        assert len(read_thumbnails(store, [0], (6, 4))) == 1
    assert not store.file
    assert store.names == ["blue.jpg", "lime.jpg", "red.jpg", "white.jpg"]


def test_a_store_is_closed_when_the_block_fails(path: str) -> None:
    with pytest.raises(ZeroDivisionError), open_store(path) as store:
        _ = 1 // 0
    assert not store.file


def test_a_store_may_be_replaced_while_it_is_open(store: Store) -> None:
    write_store(store.path, FOUR[:1], (6, 4))
    assert len(read_thumbnails(store, range(4), (6, 4))) == 4
    with open_store(store.path) as new:
        assert new.names == ["blue.jpg"]


@pytest.mark.parametrize("attribute", ["format", "version", "digest"])
def test_a_file_that_is_refused_is_not_left_open(path: str, attribute: str) -> None:
    with open_store(path):
        assert is_open(path)
    assert not is_open(path)
    change_store(path, lambda file: file.attrs.pop(attribute))
    with pytest.raises(MosaicError) as caught:
        open_store(path)
    assert caught.value
    assert not is_open(path)


# Whole or not at all


def test_an_interrupted_writing_leaves_the_old_file_and_nothing_else(
    path: str, tmp_path: Path
) -> None:
    def interrupted() -> Iterator[Thumbnail]:
        yield FOUR[0]
        raise KeyboardInterrupt

    before = Path(path).read_bytes()
    with pytest.raises(KeyboardInterrupt):
        write_store(path, interrupted(), (6, 4))
    assert Path(path).read_bytes() == before
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
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = Path(path).read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_store(path, FOUR[:2], (6, 4))
    assert Path(path).read_bytes() == before
    assert files(tmp_path) == ["four.h5"]


class Failing(Disk):
    """A disk that fails when it is asked to write for the `at`-th time, and later works again."""

    at, count = -1, 0

    def write(self, data: "ReadableBuffer") -> int:
        Failing.count += 1
        if Failing.count - 1 == Failing.at:
            with self.patience():
                raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> type[Failing]:
    """Let stores be written to such a disk."""
    monkeypatch.setattr(mosaic, "Disk", Failing)
    monkeypatch.setattr(Failing, "at", -1)
    monkeypatch.setattr(Failing, "count", 0)
    return Failing


def test_no_failure_of_the_disk_goes_unnoticed_not_even_of_the_last_write(
    path: str, tmp_path: Path, failing: type[Failing]
) -> None:
    before = Path(path).read_bytes()
    write_store(path, FOUR, (6, 4), "somewhere")
    assert Path(path).read_bytes() == before
    writes = failing.count
    assert writes > 5
    for failing.at in range(writes):
        failing.count = 0
        with pytest.raises(OSError, match="No space left"):
            write_store(path, FOUR[:2], (6, 4))
            pytest.fail(f"write {failing.at} of {writes} failed, and nobody said so")
        assert Path(path).read_bytes() == before
    assert files(tmp_path) == ["four.h5"]


class Pressed(Disk):
    """A disk during whose `at`-th write somebody presses Ctrl-C."""

    at, count = 0, 0

    @contextlib.contextmanager
    def patience(self) -> Iterator[None]:
        Pressed.count += 1
        with super().patience():
            if Pressed.count == Pressed.at:
                signal.raise_signal(signal.SIGINT)
            yield


@pytest.fixture
def pythons_ctrl_c() -> Iterator[None]:
    """Python's own Ctrl-C, whatever was tested before."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("pythons_ctrl_c")
def test_ctrl_c_while_hdf5_writes_leaves_no_hole(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Path(path).read_bytes()
    monkeypatch.setattr(mosaic, "Disk", Pressed)
    write_store(path, FOUR, (6, 4), "somewhere")
    assert Path(path).read_bytes() == before
    writes = Pressed.count
    assert writes > 5
    for Pressed.at in range(1, writes + 1):
        Pressed.count = 0
        with pytest.raises(KeyboardInterrupt):
            write_store(path, FOUR[:2], (6, 4))
            pytest.fail(f"Ctrl-C in write {Pressed.at} of {writes} was not heard")
        assert Path(path).read_bytes() == before
    assert files(tmp_path) == ["four.h5"]


def test_who_makes_thumbnails_for_a_full_disk_is_soon_stopped(
    path: str, failing: type[Failing], monkeypatch: pytest.MonkeyPatch
) -> None:
    def made() -> Iterator[Thumbnail]:
        for i in range(100):
            taken.append(i)
            yield FOUR[i % 4]

    taken: list[int] = []
    failing.at = 0
    monkeypatch.setattr(mosaic, "BATCH", 2)
    with pytest.raises(OSError, match="No space left"):
        write_store(path, made(), (6, 4))
    assert len(taken) < 10


# Other files


def test_a_missing_store_is_refused(tmp_path: Path) -> None:
    assert "there is no store" in refusal(tmp_path / "gone.h5")


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    assert "there is no store" in refusal(tmp_path)


@pytest.mark.parametrize("part", [0.0, 0.001, 0.5, 0.9, 0.99])
def test_a_truncated_store_is_refused(path: str, part: float) -> None:
    whole = Path(path).read_bytes()
    Path(path).write_bytes(whole[: int(len(whole) * part)])
    assert refusal(path).endswith(f"is damaged, unfinished, or not of this version; {ANEW}")


def test_a_text_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.h5").write_text("not a store")
    assert "or not of this version" in refusal(tmp_path / "s.h5")


def test_a_store_of_the_first_version_is_refused(path: str) -> None:
    with SealedFile(path, "") as file:  # which had no seal
        content = file.read()
    Path(path).write_bytes(content or b"")
    assert "or not of this version" in refusal(path)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda file: file.attrs.pop("format"), "is not a store"),
        (lambda file: file.attrs.update(format="pictures"), "is not a store"),
        (lambda file: file.attrs.update(version=99), "has version 99, not 2"),
        (lambda file: file.attrs.pop("version"), "has version None, not 2"),
        (lambda file: file.pop("mean"), "lacks mean"),
        (lambda file: file.attrs.pop("thumb_res"), "lacks thumb_res"),
    ],
)
def test_a_store_that_lacks_something_is_refused(
    path: str, spoil: Callable[[h5py.File], None], said: str
) -> None:
    change_store(path, spoil)
    assert said in refusal(path)
    assert refusal(path).endswith("makes it anew")


@pytest.mark.parametrize("blob", [b"", b"no JPEG at all", jpeg("red", (60, 40))])
def test_a_thumbnail_that_is_none_is_one_line_with_the_repair(
    tmp_path: Path, blob: bytes
) -> None:
    path = str(tmp_path / "s.h5")
    write_store(path, [FOUR[0], Thumbnail("bad.jpg", (60, 40), blob, (0, 0, 0))], (6, 4))
    with open_store(path) as store:
        assert len(read_thumbnails(store, [0], (6, 4))) == 1
        with pytest.raises(MosaicError) as caught:
            read_thumbnails(store, [0, 1], (6, 4))
    assert str(caught.value) == f"{path} is damaged; {ANEW}"


def test_an_hdf5_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["weather"] = [1, 2, 3]
    assert "or not of this version" in refusal(tmp_path / "s.h5")
    with sealing(tmp_path / "s.h5") as part, h5py.File(part, "w") as file:
        file["weather"] = [1, 2, 3]
    assert "is not a store" in refusal(tmp_path / "s.h5")


def test_a_name_that_breaks_lines_does_not_break_the_line(tmp_path: Path) -> None:
    refusal(tmp_path / "two\nlines.h5")


@pytest.mark.parametrize("reason", ["a\udcffb", "a\tb\nc", ""])
def test_any_reason_can_be_written(tmp_path: Path, reason: str) -> None:
    path = str(tmp_path / "s.h5")
    write_store(path, [Reject("a.jpg", reason)], (6, 4))
    with open_store(path) as store:
        assert [one.name for one in store.rejects] == ["a.jpg"]
