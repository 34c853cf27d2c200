"""Seals: nobody reads a byte that is not as it was written."""

import errno
import io
import os
import struct
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from damage import flip, is_open
from hypothesis import given, settings
from hypothesis import strategies as st

from smalti.ground import seals
from smalti.ground.errors import MosaicError
from smalti.ground.seals import SealedFile, SealedHDF5, is_sealed, prove, sealing

CONTENT = bytes(range(1, 21))
BLOCK = seals.BLOCK


def write(path: Path, content: bytes) -> bytes:
    """Write a sealed file; return all of its bytes."""
    with sealing(path) as part:
        part.write_bytes(content)
    return path.read_bytes()


@pytest.fixture(autouse=True)
def small_blocks() -> Iterator[None]:
    """Blocks of 8 bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seals, "BLOCK", 8)
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A sealed file of 20 bytes, in three blocks."""
    write(tmp_path / "a", CONTENT)
    return tmp_path / "a"


def refusal(path: Path) -> str:
    """The one line with which a file is refused when all of it is looked at."""
    with pytest.raises(MosaicError) as caught:
        prove(path, "make it anew")
    assert str(caught.value).startswith(f"{path} ")
    assert str(caught.value).endswith("; make it anew")
    return str(caught.value)


# Whole


@given(
    st.binary(max_size=40),
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=8),
)
@settings(max_examples=60)
def test_a_sealed_file_reads_like_its_content(
    content: bytes, reads: list[tuple[int, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder, "a"), content)
        prove(Path(folder, "a"), "")
        plain = io.BytesIO(content)
        with SealedFile(Path(folder, "a"), "") as file:
            assert file.seek(0, os.SEEK_END) == file.length == len(content)
            for start, size in reads:
                assert file.seek(start) == plain.seek(start)
                assert file.read(size) == plain.read(size)
                assert file.seek(1, os.SEEK_CUR) == plain.seek(1, os.SEEK_CUR)


def test_a_sealed_file_is_a_file_to_whoever_reads_files(path: Path) -> None:
    write(path, b"two lines\nof text")
    with io.BufferedReader(SealedFile(path, "")) as file:
        assert file.readlines() == [b"two lines\n", b"of text"]
        file.seek(4)
        assert file.readline() == b"lines\n"
    assert file.raw.closed
    assert not is_open(path)


def test_the_content_comes_first_and_the_mark_last(path: Path) -> None:
    assert path.read_bytes().startswith(CONTENT)
    assert path.read_bytes().endswith(seals.MARK)
    assert len(path.read_bytes()) == 20 + 3 * 4 + seals.TAIL.size


def test_what_was_sealed_before_can_be_read_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seals, "BLOCK", BLOCK)
    content = os.urandom(40_000)
    parts = content[:16_384], content[16_384:32_768], content[32_768:]
    checks = struct.pack("<3I", *map(zlib.crc32, parts))
    tail = struct.pack("<QI", len(content), zlib.crc32(checks)) + b"\rsmalti\n"
    (tmp_path / "a").write_bytes(content + checks + tail)
    with SealedFile(tmp_path / "a", "") as file:
        assert file.read() == content
    for bit in (0, 200_000, 319_999):
        (tmp_path / "a").write_bytes(flip(content, bit) + checks + tail)
        assert "is damaged" in refusal(tmp_path / "a")


def test_the_bytes_of_a_seal_are_as_the_document_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seals, "BLOCK", BLOCK)
    content = os.urandom(9_000)
    parts = content[:4_096], content[4_096:8_192], content[8_192:]
    checks = struct.pack("<3I", *map(zlib.crc32, parts))
    tail = struct.pack("<QI", len(content), zlib.crc32(checks)) + b"\rsmalti\n"
    assert write(tmp_path / "a", content) == content + checks + tail


def test_a_file_is_sealed_only_if_nothing_fails(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt), sealing(path) as part:
        part.write_bytes(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == ["a"]


def test_a_system_that_cannot_read_without_moving_reads_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seals, "HAS_PREAD", False)
    with SealedFile(path, "") as file:
        assert (file.seek(5), file.read(9)) == (5, CONTENT[5:14])
        assert (file.seek(1), file.read(4)) == (1, CONTENT[1:5])


@pytest.mark.skipif(not hasattr(os, "pread"), reason="this system cannot do that")
def test_reading_does_not_move_what_forks_of_a_process_share(path: Path) -> None:
    with SealedFile(path, "") as file:
        before = os.lseek(file.file.fileno(), 0, os.SEEK_CUR)
        file.seek(3)
        assert file.read(4) == CONTENT[3:7]
        assert os.lseek(file.file.fileno(), 0, os.SEEK_CUR) == before


# Damaged


def test_any_flipped_bit_is_found(path: Path) -> None:
    whole = path.read_bytes()
    for bit in range(len(whole) * 8):
        path.write_bytes(flip(whole, bit))
        assert "is damaged" in refusal(path)


def test_any_shorter_or_longer_file_is_found(path: Path) -> None:
    whole = path.read_bytes()
    shorter = [part for n in range(len(whole)) for part in (whole[:n], whole[n + 1 :])]
    for other in [*shorter, whole + b"\0", whole + whole]:
        path.write_bytes(other)
        assert "is damaged" in refusal(path)


@given(st.integers(0, 19 * 8), st.integers(0, 19), st.integers(1, 20))
@settings(max_examples=60)
def test_what_can_be_read_of_a_damaged_file_is_right(
    bit: int, start: int, size: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a")
        path.write_bytes(flip(write(path, CONTENT), bit))
        blocks = range(start // 8, (min(start + size, 20) - 1) // 8 + 1)
        with SealedFile(path, "delete it") as file:
            file.seek(start)
            if bit // 64 in blocks:
                with pytest.raises(MosaicError, match="is damaged; delete it"):
                    file.read(size)
            else:
                assert file.read(size) == CONTENT[start : start + size]


def test_a_file_that_is_cut_short_while_it_is_open_is_found(path: Path) -> None:
    with SealedFile(path, "") as file:
        assert file.read(2) == CONTENT[:2]
        file.seek(17)
        assert file.read(2) == CONTENT[17:19]
        os.truncate(path, 4)
        assert file.read(1) == CONTENT[19:]  # of the block that was read last
        for start in (4, 9):  # of a block that is proven, and of one that is not
            file.seek(start)
            with pytest.raises(MosaicError, match="is damaged"):
                file.read(2)
        file.seek(2)
        assert file.read(2) == CONTENT[2:4]


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(1, 9)), min_size=2, max_size=6))
@settings(max_examples=60)
def test_each_block_is_compared_however_one_reads_on(reads: list[tuple[int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a")
        path.write_bytes(flip(write(path, CONTENT), 70))  # in the second block of three
        with SealedFile(path, "delete it") as file:
            for start, size in reads:
                file.seek(start)
                if start < 16 and start + size > 8:
                    with pytest.raises(MosaicError, match="is damaged"):
                        file.read(size)
                else:
                    assert file.read(size) == CONTENT[start : start + size]


def test_a_huge_length_costs_neither_time_nor_memory(path: Path) -> None:
    tail = seals.TAIL.pack(1 << 62, 0, seals.MARK)
    path.write_bytes(path.read_bytes()[: -len(tail)] + tail)
    refusal(path)


def test_a_refused_file_is_closed(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9] + path.read_bytes()[-8:])
    with pytest.raises(MosaicError) as caught:
        SealedFile(path, "")
    assert caught.value
    assert not is_open(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(MosaicError, match=r"cannot read .*gone"):
        SealedFile(tmp_path / "gone", "")


def test_a_seal_that_cannot_be_read_is_one_line_with_the_repair(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(file: io.FileIO) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(seals, "read_seal", fail)
    assert "Input/output error" in refusal(path)
    assert not is_open(path)


def test_a_seal_is_known_by_its_mark(path: Path) -> None:
    whole = path.read_bytes()
    assert is_sealed(path)
    for other in (b"", b"text", CONTENT, whole[:-1]):
        path.write_bytes(other)
        assert not is_sealed(path)
    path.write_bytes(b"damaged" + whole[-8:])
    assert is_sealed(path)


# HDF5


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    """A sealed HDF5 file with a dataset of 0 to 99, in chunks of 16 that are not in order."""
    with sealing(tmp_path / "n.h5") as part, h5py.File(part, "w") as file:
        one = file.create_dataset("n", (100,), np.uint8, chunks=(16,))
        for start in (48, 0, 96, 32, 80, 16, 64):
            one[start : start + 16] = range(start, min(start + 16, 100))
            file.flush()
    return tmp_path / "n.h5"


def test_bytes_of_a_dataset_are_those_that_hdf5_reads(numbers: Path) -> None:
    with SealedHDF5(numbers, "") as file:
        found = file.bytes_of("n")
        for start in range(100):
            for stop in range(start, 101):
                assert found.take(start, stop) == bytes(range(start, stop))
        assert file["n"][:].tobytes() == bytes(range(100))


def test_a_damaged_byte_of_a_dataset_is_found_and_its_neighbours_are_right(
    numbers: Path,
) -> None:
    whole = numbers.read_bytes()
    at = whole.index(bytes(range(16, 32)))
    numbers.write_bytes(flip(whole, 8 * (at + 5)))
    begin = 16 + (at + 5) // 8 * 8 - at
    with SealedHDF5(numbers, "make it anew") as file:
        found = file.bytes_of("n")
        with pytest.raises(MosaicError, match=r"n\.h5 is damaged; make it anew"):
            found.take(20, 23)
        with pytest.raises(MosaicError, match="is damaged"):
            found.take(0, 100)
        whole_ones = [i for i in range(100) if not begin <= i < begin + 8]
        assert [found.take(i, i + 1)[0] for i in whole_ones] == whole_ones


def test_a_closed_hdf5_file_is_open_nowhere(numbers: Path) -> None:
    file = SealedHDF5(numbers, "")
    assert file.bytes_of("n").take(3, 5) == b"\3\4"
    assert is_open(numbers)
    file.close()
    assert not is_open(numbers)


def test_a_sealed_file_that_is_not_of_hdf5_is_not_left_open(path: Path) -> None:
    with pytest.raises(OSError, match="signature") as caught:
        SealedHDF5(path, "")
    assert caught.value
    assert not is_open(path)
