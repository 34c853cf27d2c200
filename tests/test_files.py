"""Files: whole or not there at all, the same on every system, and calm on a full disk."""

import contextlib
import importlib
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalti.ground import files
from smalti.ground.files import Disk, atomic, find_left, write_text


def left_in(folder: Path) -> list[str]:
    """Names of everything below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(KeyError), atomic(tmp_path / "a.txt") as part:
        part.write_text("half")
        raise KeyError
    assert left_in(tmp_path) == []
    with atomic(tmp_path / "new" / "deep" / "a.txt") as part:
        part.write_text("whole")
    assert (tmp_path / "new/deep/a.txt").read_text() == "whole"
    assert left_in(tmp_path) == ["new", "new/deep", "new/deep/a.txt"]


def test_an_older_file_stays_as_it_was_when_the_new_one_fails(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(KeyboardInterrupt), atomic(tmp_path / "a.txt") as part:
        part.write_text("ne")
        raise KeyboardInterrupt
    assert (tmp_path / "a.txt").read_text() == "old"
    assert left_in(tmp_path) == ["a.txt"]


def test_a_folder_replaces_an_older_one_only_when_it_is_finished(tmp_path: Path) -> None:
    for word in ("old", "new"):
        with atomic(tmp_path / "f") as part:
            part.mkdir()
            (part / word).write_text(word)
    with pytest.raises(KeyError), atomic(tmp_path / "f") as part:
        part.mkdir()
        raise KeyError
    assert left_in(tmp_path) == ["f", "f/new"]


def test_a_folder_that_cannot_get_its_name_gives_it_back_to_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def refuse_parts(old: Path, new: Path) -> Path:
        if ".part." in old.name:
            raise PermissionError
        return rename(old, new)

    (tmp_path / "f" / "old").mkdir(parents=True)
    monkeypatch.setattr(Path, "rename", refuse_parts)
    with pytest.raises(PermissionError), atomic(tmp_path / "f") as part:
        part.mkdir()
    assert left_in(tmp_path) == ["f", "f/old"]


def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    replace, fsync = Path.replace, os.fsync

    def noted_fsync(file: int) -> None:
        order.append("fsync")
        fsync(file)

    def noted_replace(old: Path, new: Path) -> Path:
        order.append("replace")
        return replace(old, new)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    write_text(tmp_path / "new" / "a.txt", "hello")
    assert order == ["fsync", "replace"]
    assert (tmp_path / "new" / "a.txt").read_text() == "hello"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_is_utf8_with_plain_line_ends_on_every_system(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "text.txt"
    write_text(path, text)
    assert path.read_bytes() == text.encode("utf-8")


def test_text_does_not_depend_on_the_encoding_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_python = importlib.import_module("_pyio").open  # which asks for both of these
    monkeypatch.setattr("io.open", by_python)
    monkeypatch.setattr("locale.getencoding", lambda: "cp1252")
    monkeypatch.setattr(os, "linesep", "\r\n")
    write_text(tmp_path / "a.txt", "猫.jpg\ncaf\udce9.jpg\n")
    assert (tmp_path / "a.txt").read_bytes() == "猫.jpg\ncaf".encode() + b"\xe9.jpg\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_a_full_disk_is_reported_when_asked_and_not_before() -> None:
    with Disk("/dev/full", "w") as disk:
        assert disk.write(b"a cat") == 5
        assert disk.write(b"another") == 7
        with pytest.raises(OSError, match="No space left"):
            disk.check()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_of_several_errors_the_first_is_reported() -> None:
    with Disk("/dev/full", "w") as disk:
        disk.truncate(4)  # no device has a size
        disk.write(b"a cat")
        with pytest.raises(OSError, match="Invalid argument"):
            disk.check()


def test_a_disk_with_room_has_nothing_to_say(tmp_path: Path) -> None:
    with Disk(tmp_path / "a", "w") as disk:
        disk.write(memoryview(b"cats and dogs"))
        assert disk.truncate(4) == 4
        disk.check()
    assert (tmp_path / "a").read_bytes() == b"cats"


def test_a_disk_is_cut_where_it_stands_like_any_file(tmp_path: Path) -> None:
    for kind in (Disk, io.FileIO):
        with kind(tmp_path / "a", "w") as file:
            file.write(b"cats and dogs")
            file.seek(4)
            assert file.truncate() == 4
        assert (tmp_path / "a").read_bytes() == b"cats"


class Ended(BaseException):
    """What a signal raises in these tests."""


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM])
def number(request: pytest.FixtureRequest) -> Iterator[int]:
    """A signal that raises `Ended`."""

    def end(*_: object) -> None:
        raise Ended

    before = signal.signal(request.param, end)
    yield request.param
    signal.signal(request.param, before)


@pytest.mark.parametrize("cut", [False, True])
def test_a_signal_waits_until_what_hdf5_calls_has_returned(
    number: int, cut: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = list[str]()

    @contextlib.contextmanager
    def disturbed(_: Disk) -> Iterator[None]:
        signal.raise_signal(number)
        yield
        told.append("done")

    monkeypatch.setattr(Disk, "patience", disturbed)
    with Disk(tmp_path / "a", "w") as disk, pytest.raises(Ended):
        if cut:
            disk.truncate(4)
        else:
            disk.write(b"cats")
        told.append("returned")
        disk.check()
        told.append("deaf")
    assert told == ["done", "returned"]
    assert (tmp_path / "a").stat().st_size == 4


def test_a_signal_that_nobody_asked_for_is_passed_on_at_the_end(
    number: int, tmp_path: Path
) -> None:
    told = list[str]()
    with pytest.raises(Ended), Disk(tmp_path / "a", "w") as disk:
        disk.kept = number
        told.append("going on")
    assert told == ["going on"]
    assert disk.closed


def test_a_signal_is_heard_at_once_where_hdf5_does_not_call(
    number: int, tmp_path: Path
) -> None:
    before = signal.getsignal(number)
    with Disk(tmp_path / "a", "w"), pytest.raises(Ended):
        signal.raise_signal(number)
    assert signal.getsignal(number) == before


def test_a_disk_of_another_thread_leaves_the_signals_alone(tmp_path: Path) -> None:
    def write() -> None:
        with Disk(tmp_path / "a", "w") as disk:
            disk.write(b"cats")
            heard.append(signal.getsignal(signal.SIGINT))

    heard, before = list[object](), signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    assert heard == [before]
    assert (tmp_path / "a").read_bytes() == b"cats"


def draft(
    folder: Path, name: str, process: int, word: str = "part", host: str = ""
) -> Path:
    """The path of a draft of a file, of a process on this machine or another."""
    return folder / f".{process}-{host or files.HOST}.{word}.{name}"


@pytest.fixture
def ended() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def test_the_draft_of_a_killed_process_goes_when_the_file_is_written_again(
    tmp_path: Path, ended: int
) -> None:
    draft(tmp_path, "a.txt", ended).touch()
    write_text(tmp_path / "a.txt", "whole")
    assert left_in(tmp_path) == ["a.txt"]


def test_no_other_draft_is_touched(tmp_path: Path, ended: int) -> None:
    others = [
        draft(tmp_path, "a.txt", os.getppid()),  # it still runs
        draft(tmp_path, "a.txt", 1),
        draft(tmp_path, "a.txt", ended, host="0" * 8),  # on another machine
        draft(tmp_path, "b.txt", ended),  # another file
        tmp_path / f".{ended}.part.a.txt",  # a name of somebody else
        tmp_path / f"{ended}-{files.HOST}.part.a.txt",
    ]
    for path in others:
        path.touch()
    write_text(tmp_path / "a.txt", "whole")
    assert left_in(tmp_path) == sorted([path.name for path in others] + ["a.txt"])
    assert find_left(tmp_path) == ([others[3]], [others[2]])


def test_a_process_of_somebody_else_is_running(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(process: int, signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert files.is_running(4711)


def test_where_to_ask_for_a_process_is_to_end_it_nobody_asks(
    monkeypatch: pytest.MonkeyPatch, ended: int
) -> None:
    monkeypatch.setattr(os, "name", "another")
    monkeypatch.delattr(os, "kill")
    assert files.is_running(ended)


def test_a_number_that_no_process_can_have_is_of_none(tmp_path: Path) -> None:
    draft(tmp_path, "a", 10**30).touch()
    write_text(tmp_path / "a", "whole")
    assert left_in(tmp_path) == ["a"]


def test_a_killed_replacement_of_a_folder_keeps_the_old_one(
    tmp_path: Path, ended: int
) -> None:
    draft(tmp_path, "f", ended, "old").mkdir()
    (draft(tmp_path, "f", ended, "old") / "old").touch()
    draft(tmp_path, "f", ended).mkdir()
    with pytest.raises(KeyError), atomic(tmp_path / "f"):
        raise KeyError
    assert left_in(tmp_path) == ["f", "f/old"]


def test_a_replacement_that_was_killed_as_it_cleared_up_keeps_the_new_folder(
    tmp_path: Path, ended: int
) -> None:
    (tmp_path / "f" / "new").mkdir(parents=True)
    (draft(tmp_path, "f", ended, "old") / "old").mkdir(parents=True)
    with pytest.raises(KeyError), atomic(tmp_path / "f"):
        raise KeyError
    assert left_in(tmp_path) == ["f", "f/new"]


def test_half_a_file_never_gets_its_name(tmp_path: Path, ended: int) -> None:
    draft(tmp_path, "a.old.txt", ended).touch()
    with pytest.raises(KeyError), atomic(tmp_path / "a.old.txt"):
        raise KeyError
    assert left_in(tmp_path) == []


def test_a_draft_of_a_process_of_our_number_was_before_us(tmp_path: Path) -> None:
    draft(tmp_path, "f", os.getpid()).mkdir()
    with atomic(tmp_path / "f") as part:
        part.mkdir()
    assert left_in(tmp_path) == ["f"]
