"""The cache: where it is, and that it does not grow for ever."""

import os
import time
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from numpy.typing import NDArray

from smalti.ground.cache import (
    DAY,
    HOUR,
    cache_folder,
    cache_path,
    is_cached,
    keep_array,
    use,
)


def put(folder: Path, *ages: float, size: int = 10) -> list[Path]:
    """Files of the cache in a folder, of so many bytes, used so many hours ago."""
    paths = [folder / f"{i:032x}.h5" for i in range(len(ages))]
    for path, age in zip(paths, ages, strict=True):
        path.write_bytes(bytes(size))
        os.utime(path, (time.time() - HOUR * age,) * 2)
    return paths


# Where it is


def test_it_is_where_the_variable_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for own in (str(tmp_path / "here"), "here"):
        monkeypatch.setenv("SMALTI_CACHE", own)
        assert cache_folder() == tmp_path / "here"
    assert list(tmp_path.iterdir()) == []  # nothing is made before it is wanted


def test_without_the_variable_it_is_where_the_system_has_such_folders(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for nothing in (None, ""):
        monkeypatch.delenv("SMALTI_CACHE", raising=False)
        if nothing is not None:
            monkeypatch.setenv("SMALTI_CACHE", nothing)
        assert cache_folder() == Path(platformdirs.user_cache_dir("smalti", False))
        assert cache_folder().name == "smalti"


@pytest.mark.skipif(os.name != "posix", reason="only where there is XDG")
def test_the_variable_of_all_programs_moves_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SMALTI_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "smalti"


def test_a_file_is_of_the_cache_by_its_name_wherever_that_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = cache_path("0123" * 16, ".h5")
    monkeypatch.setenv("SMALTI_CACHE", str(tmp_path))
    assert is_cached(path)
    for name in ("out.h5", "0" * 31 + ".h5", "0" * 32):
        assert not is_cached(tmp_path / name)
    assert not is_cached(path.name)  # beside the mosaic


def test_a_name_is_the_beginning_of_the_digest() -> None:
    assert cache_path("0123456789abcdef" * 4, ".h5").name == "0123456789abcdef" * 2 + ".h5"


# How large it is


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    paths = put(tmp_path, 40, 10, 30, 20)
    use(paths[1], limit=39)
    assert sorted(tmp_path.iterdir()) == paths[1:]
    use(paths[1], limit=20)
    assert sorted(tmp_path.iterdir()) == [paths[1], paths[3]]


def test_what_fits_stays(tmp_path: Path) -> None:
    paths = put(tmp_path, 40, 10, 30, 20)
    use(paths[0], limit=40)
    assert sorted(tmp_path.iterdir()) == paths


def test_to_be_used_is_to_be_the_newest(tmp_path: Path) -> None:
    paths = put(tmp_path, 40, 30, 20)
    use(paths[0], limit=30)
    use(paths[2], limit=20)
    assert sorted(tmp_path.iterdir()) == [paths[0], paths[2]]


def test_what_may_be_in_use_stays_however_large_it_is(tmp_path: Path) -> None:
    paths = put(tmp_path, 20, 10, 0.9, 1.1)
    use(paths[0], limit=0)
    assert sorted(tmp_path.iterdir()) == [paths[0], paths[2]]


def test_files_of_somebody_else_stay_and_are_not_counted(tmp_path: Path) -> None:
    names = ["thesis.h5", "0" * 31 + ".h5", "0" * 32, "x" * 32 + ".h5", ".1.part.thesis.h5"]
    for name in names:
        (tmp_path / name).write_bytes(bytes(99))
        os.utime(tmp_path / name, (0, 0))
    paths = put(tmp_path, 20, 10)
    use(paths[0], limit=20)
    assert {path.name for path in tmp_path.iterdir()} == {
        *names,
        *(path.name for path in paths),
    }


def test_what_another_run_is_writing_stays_but_not_what_was_left_yesterday(
    tmp_path: Path,
) -> None:
    (path,) = put(tmp_path, 10)
    parts = [tmp_path / f".{number}.part.{path.name}" for number in (1, 2)]
    for part, age in zip(parts, (DAY / 2, 2 * DAY), strict=True):
        part.write_bytes(bytes(99))
        os.utime(part, (time.time() - age,) * 2)
    use(path, limit=10)
    assert sorted(tmp_path.iterdir()) == sorted([path, parts[0]])


def test_a_file_that_has_just_gone_is_no_trouble(tmp_path: Path) -> None:
    use(tmp_path / "gone.h5")
    use(tmp_path / "nowhere" / "gone.h5")


# An array that is made once


def test_an_array_is_made_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SMALTI_CACHE", str(tmp_path / "here"))
    made = []

    def make() -> NDArray[np.int64]:
        made.append("")
        return np.array([[1, 2, 3], [4, 5, 6]])

    for about in (b"a", b"a", b"b", b"a"):
        assert keep_array(about, make).tolist() == [[1, 2, 3], [4, 5, 6]]
    assert len(made) == 2


@pytest.mark.parametrize("place", [0, 31, 32, 60, -1])
def test_a_damaged_array_is_made_anew(
    place: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SMALTI_CACHE", str(tmp_path))
    keep_array(b"a", lambda: np.arange(9))
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)
    assert keep_array(b"a", lambda: np.arange(9)).tolist() == list(range(9))
    path.write_bytes(content[:20])
    assert keep_array(b"a", lambda: np.arange(9)).tolist() == list(range(9))
    assert len(list(tmp_path.iterdir())) == 1


def test_without_a_cache_an_array_is_made_each_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SMALTI_CACHE", str(tmp_path / "file"))
    assert [keep_array(b"a", lambda: np.arange(3)).sum() for _ in range(2)] == [3, 3]
