"""Nothing is overwritten that is not of our making."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from mosaic import Thumbnail, write_store
from smalti.ground.errors import MosaicError
from smalti.ours import check_kept, check_ours, is_ours, store_files, table_files
from smalti.report import Files, Report, write_report
from smalti.steps import write_match
from smalti.tables import write_choices

DIARY = b"Dear diary,\n\n"
TEXTS = ["table", "choices", "rejects", "alike", "report", "store"]


def ours(folder: Path) -> dict[str, Path]:
    """A file of each kind, as the program writes it."""
    files = {kind: folder / f"our.{kind}" for kind in TEXTS}
    write_store(str(files["store"]), [Thumbnail("a.jpg", (1, 1), b"", (0, 0, 0))], (6, 4))
    write_match(str(files["table"]), np.array([[3, -1, 0], [0, 12, 7]]))
    write_choices(
        files["choices"], np.zeros((1, 1, 1), int), np.zeros((1, 1, 1)), ["a.jpg"]
    )
    write_report(files["report"], Report(store="0123"))
    files["rejects"].write_text("a.jpg\tit is empty\nb.jpg\tit is too large\n")
    files["alike"].write_text("a.jpg, b.jpg look the same\n")
    return files


@pytest.mark.parametrize("kind", TEXTS)
def test_a_file_that_the_program_wrote_may_be_replaced(kind: str, tmp_path: Path) -> None:
    path = ours(tmp_path)[kind]
    assert is_ours(kind, path)
    check_ours(**{kind: path})


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("other", TEXTS)
def test_a_file_of_ours_of_another_kind_may_not(
    kind: str, other: str, tmp_path: Path
) -> None:
    assert is_ours(kind, ours(tmp_path)[other]) == (kind == other)


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize(
    "content", [DIARY, b"{}", b'{"store": ""}', b"name,price\nbread,3\n", b"\0\x89PNG\r\n"]
)
def test_a_file_of_somebody_else_is_refused_and_stays(
    kind: str, content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "theirs"
    path.write_bytes(content)
    with pytest.raises(MosaicError) as caught:
        check_ours(**{kind: path})
    assert str(caught.value).startswith(
        f"{path} is not of our making, or no {kind}; move it"
    )
    assert path.read_bytes() == content


def test_an_hdf5_file_of_somebody_else_is_no_store(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["weather"] = [1, 2, 3]
    assert not is_ours("store", tmp_path / "s.h5")


def test_a_damaged_store_is_ours_if_its_report_says_so(tmp_path: Path) -> None:
    path = tmp_path / "s.h5"
    path.write_bytes(DIARY)
    write_report(tmp_path / "s.json", Report(files=Files(store=str(path))))
    assert is_ours("store", path)
    (tmp_path / "other.h5").write_bytes(DIARY)
    assert not is_ours("store", tmp_path / "other.h5")


@pytest.mark.parametrize("kind", [kind for kind in TEXTS if kind != "report"])
def test_an_empty_file_holds_nothing_that_could_be_lost(kind: str, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    check_ours(**{kind: tmp_path / "empty"})


def test_where_there_is_no_file_there_is_nothing_to_refuse(tmp_path: Path) -> None:
    check_ours(store=tmp_path / "s.h5", report=tmp_path / "gone" / "m.json")


def test_what_belongs_to_a_store_and_to_a_table() -> None:
    assert store_files("a/s.h5") == {
        "store": Path("a/s.h5"),
        "rejects": Path("a/s.rejects.tsv"),
    }
    names = {kind: path.name for kind, path in table_files(Path("a/m.tab"), True).items()}
    assert names == {
        "table": "m.tab",
        "report": "m.json",
        "alike": "m.alike.txt",
        "choices": "m.csv",
    }
    assert "choices" not in table_files(Path("m.tab"))


# Files that are read


def test_what_is_read_is_not_written_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "me.jpg").touch()
    (tmp_path / "link.jpg").symlink_to("me.jpg")
    for name in ("me.jpg", "link.jpg", "./me.jpg", "new/../me.jpg"):
        with pytest.raises(
            MosaicError, match="is the target; call the output something else"
        ):
            check_kept(str(tmp_path / name), mask="", target=str(tmp_path / "me.jpg"))
    check_kept(str(tmp_path / "you.jpg"), mask="", target=str(tmp_path / "me.jpg"))


def test_a_word_that_was_not_given_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    check_kept(os.curdir, target="")  # of an empty word, the real path is this folder
