"""Files between the steps: lists of photos, parts of a store, tables of matches."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaic import ANEW, Reject, Store, Thumbnail, open_store, write_store
from smalti import steps
from smalti.ground.errors import MosaicError
from smalti.steps import read_match, write_match

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
    st.sampled_from(["", "mirror", "first"]),
)
REJECTS = st.builds(
    Reject, NAMES, st.text(st.characters(codec="utf-8", exclude_characters="\0"))
)
MATCH = np.array([[3, 2, 1], [4, 0, 3]])


def thumbnail(name: str, jpeg: bytes = b"") -> Thumbnail:
    """A thumbnail of no content."""
    return Thumbnail(name, (60, 40), jpeg, (0, 0, 0))


def refusal(function: Callable[..., object], *arguments: object) -> str:
    """Call a function that must refuse; return the one line that it says."""
    with pytest.raises(MosaicError) as caught:
        function(*arguments)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


# Lists of photos


def about(*names: str) -> list[str]:
    """Lines about photos of these names."""
    return [json.dumps([name, 1000 + i, i]) for i, name in enumerate(names)]


def lists(folder: Path, count: int) -> list[str]:
    """The paths of some lists."""
    return [str(folder / f"{i}.jsonl") for i in range(count)]


def listed(paths: list[str]) -> list[list[str]]:
    """The names in each of some lists."""
    return [[json.loads(line)[0] for line in steps.read_list(path)] for path in paths]


def test_photos_are_described_by_name_bytes_and_time(photos: Path) -> None:
    first = json.loads(steps.describe_photos([str(photos)])[0])
    stat = (photos / "00.jpg").stat()
    assert first == ["00.jpg", stat.st_size, stat.st_mtime_ns]


def test_the_mosaic_that_is_written_among_the_photos_is_no_photo(photos: Path) -> None:
    every = steps.describe_photos([str(photos)])
    rest = steps.describe_photos([str(photos)], str(photos / ".." / "photos" / "07.jpg"))
    assert [line for line in every if line not in rest] == [every[7]]
    assert steps.describe_photos([str(photos)], str(photos.parent / "07.jpg")) == every


@given(st.lists(NAMES, unique=True, max_size=20), st.integers(1, 4))
@settings(max_examples=50)
def test_every_photo_is_in_one_list_in_its_order(names: list[str], count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = lists(Path(folder), count)
        steps.write_lists(about(*names), paths)
        found = listed([path for path in paths if Path(path).exists()])
    assert sorted(name for part in found for name in part) == sorted(names)
    for part in found:
        assert part == [name for name in names if name in part]


@given(st.lists(NAMES, unique=True, min_size=1, max_size=20), st.data())
@settings(max_examples=50)
def test_a_photo_more_leaves_all_lists_but_one_untouched(
    names: list[str], data: st.DataObject
) -> None:
    lines, gone = about(*names), data.draw(st.integers(0, len(names) - 1))
    with tempfile.TemporaryDirectory() as folder:
        paths = lists(Path(folder), 3)
        steps.write_lists(lines[:gone] + lines[gone + 1 :], paths)
        for path in filter(os.path.exists, paths):
            os.utime(path, ns=(0, 0))
        before = [Path(path).read_bytes() for path in paths if Path(path).exists()]
        steps.write_lists(lines, paths)
        fresh = [
            path for path in filter(os.path.exists, paths) if Path(path).stat().st_mtime
        ]
        assert len(fresh) == 1
        assert lines[gone] in steps.read_list(fresh[0])
        after = [Path(path).read_bytes() for path in paths if Path(path).exists()]
    assert len(set(after) - set(before)) == 1


def test_lists_are_the_same_on_every_machine(tmp_path: Path) -> None:
    paths = lists(tmp_path, 3)
    steps.write_lists(about(*(f"{i}.jpg" for i in range(7))), paths)
    found = ["".join(name[0] for name in names) for names in listed(paths)]
    assert found == ["56", "4", "0123"]


def test_an_empty_collection_makes_empty_lists(tmp_path: Path) -> None:
    paths = lists(tmp_path, 2)
    steps.write_lists(about("a.jpg", "b.jpg"), paths)
    steps.write_lists([], paths)
    assert listed(paths) == [[], []]


def test_a_file_of_somebody_else_is_not_replaced_by_a_list(tmp_path: Path) -> None:
    paths = lists(tmp_path, 2)
    Path(paths[1]).write_text("Dear diary,", encoding="utf-8")
    assert "is no list of photos" in refusal(steps.write_lists, about("a.jpg"), paths)
    assert not Path(paths[0]).exists()
    assert Path(paths[1]).read_text(encoding="utf-8") == "Dear diary,"


@pytest.mark.parametrize(
    "text", ["{", "3", "[]", "[3, 4, 5]", '{"name": 1}', "null", "\xff", "[\x85]"]
)
def test_a_list_that_is_none_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "a").write_text(text, encoding="latin1")
    assert "list anew" in refusal(steps.read_list, str(tmp_path / "a"))


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    assert "gone" in refusal(steps.read_list, str(tmp_path / "gone"))


# Parts of a store


def content(path: str) -> list[Thumbnail | Reject]:
    """Everything in a store."""
    with open_store(path) as store:
        return list(steps.iterate_store(store))


@given(st.lists(THUMBNAILS | REJECTS, max_size=12), st.integers(1, 4))
@settings(max_examples=30)
def test_a_store_is_read_in_batches_of_any_size(
    made: list[Thumbnail | Reject], batch: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "BATCH", batch)
        write_store(f"{folder}/s.h5", made, (7, 5))
        found = content(f"{folder}/s.h5")
    good = [one for one in made if isinstance(one, Thumbnail)]
    assert found == good + [one for one in made if isinstance(one, Reject)]


@given(
    st.lists(
        st.tuples(THUMBNAILS | REJECTS, st.integers(0, 2)),
        max_size=12,
        unique_by=lambda one: one[0].name,
    )
)
@settings(max_examples=15)
def test_merged_parts_are_the_store_of_the_whole(
    made: list[tuple[Thumbnail | Reject, int]],
) -> None:
    made.sort(key=lambda one: one[0].name)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "BATCH", 2)
        parts = [f"{folder}/{part}.h5" for part in range(3)]
        for number, part in enumerate(parts):
            write_store(part, [one for one, at in made if at == number], (7, 5))
        steps.merge_stores(f"{folder}/merged.h5", parts)
        write_store(f"{folder}/whole.h5", [one for one, _ in made], (7, 5))
        merged, whole = (f"{folder}/{name}.h5" for name in ("merged", "whole"))
        assert content(merged) == content(whole)
        assert Path(merged).read_bytes() == Path(whole).read_bytes()


def test_variants_of_a_photo_stay_side_by_side_and_in_their_order(tmp_path: Path) -> None:
    def variant(name: str, word: str) -> Thumbnail:
        return Thumbnail(name, (1, 1), b"", (0, 0, 0), word)

    words = ["", "first", "last", "mirror"]
    parts = [str(tmp_path / "one.h5"), str(tmp_path / "two.h5")]
    write_store(parts[0], [variant(name, word) for name in "ac" for word in words], (6, 4))
    write_store(parts[1], [variant("b", word) for word in words], (6, 4))
    steps.merge_stores(str(tmp_path / "all.h5"), parts[::-1])
    with open_store(str(tmp_path / "all.h5")) as store:
        assert "".join(store.names) == "aaaabbbbcccc"
        assert store.variants == words * 3


def test_parts_of_different_sizes_are_not_merged(tmp_path: Path) -> None:
    parts = [str(tmp_path / "one.h5"), str(tmp_path / "two.h5")]
    write_store(parts[0], [], (6, 4))
    write_store(parts[1], [], (4, 6))
    said = refusal(steps.merge_stores, str(tmp_path / "all.h5"), parts)
    assert "4 x 6, 6 x 4" in said
    assert not (tmp_path / "all.h5").exists()


def test_a_missing_part_is_an_error_and_nothing_is_written(tmp_path: Path) -> None:
    write_store(str(tmp_path / "one.h5"), [thumbnail("a")], (6, 4))
    parts = [str(tmp_path / "one.h5"), str(tmp_path / "gone.h5")]
    said = refusal(steps.merge_stores, str(tmp_path / "all.h5"), parts)
    assert said.startswith("there is no store")
    assert "gone.h5" in said
    assert [path.name for path in tmp_path.iterdir()] == ["one.h5"]


def test_a_part_that_is_not_sorted_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    parts = [str(tmp_path / "one.h5"), str(tmp_path / "two.h5")]
    write_store(parts[0], [thumbnail("a"), thumbnail("c"), thumbnail("c")], (6, 4))
    write_store(parts[1], [thumbnail("d"), thumbnail("b")], (6, 4))
    said = refusal(steps.merge_stores, str(tmp_path / "all.h5"), parts)
    assert said == f"{parts[1]} is not sorted by name; make it of a sorted list"
    assert not (tmp_path / "all.h5").exists()


@pytest.mark.parametrize("which", [0, 1])
def test_a_damaged_part_is_named_with_what_to_do_and_nothing_is_written(
    which: int, tmp_path: Path
) -> None:
    parts = [str(tmp_path / "one.h5"), str(tmp_path / "two.h5")]
    write_store(parts[0], [thumbnail("a", b"cat" * 9000)], (6, 4))
    write_store(parts[1], [thumbnail("b", b"cat" * 9000)], (6, 4))
    damaged = Path(parts[which])
    damaged.write_bytes(damaged.read_bytes().replace(b"catcat", b"catcar"))
    said = refusal(steps.merge_stores, str(tmp_path / "all.h5"), parts)
    assert said == f"{damaged} is damaged; {ANEW}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.h5", "two.h5"]


# The table of a match


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store of five thumbnails, which are not looked at."""
    path = str(tmp_path / "s.h5")
    write_store(path, [thumbnail(name) for name in "abcde"], (8, 4))
    with open_store(path) as store:
        yield store


@pytest.fixture
def table(tmp_path: Path) -> str:
    """The table of MATCH."""
    write_match(str(tmp_path / "m.tab"), MATCH)
    return str(tmp_path / "m.tab")


def test_a_match_is_a_table_of_whole_numbers(table: str, store: Store) -> None:
    assert Path(table).read_bytes() == b"3\t2\t1\n4\t0\t3\n"
    assert read_match(table, store).tolist() == MATCH.tolist()


@given(
    st.integers(1, 5).flatmap(
        lambda cols: st.lists(
            st.lists(st.integers(-1, 4), min_size=cols, max_size=cols),
            min_size=1,
            max_size=5,
        )
    )
)
@settings(max_examples=50)
def test_a_match_of_any_shape_is_read_as_it_was_written(rows: list[list[int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_store(f"{folder}/s.h5", [thumbnail(name) for name in "abcde"], (8, 4))
        write_match(f"{folder}/m.tab", np.array(rows))
        with open_store(f"{folder}/s.h5") as store:
            assert read_match(f"{folder}/m.tab", store).tolist() == rows


def test_minus_one_is_a_cell_that_stays_empty(table: str, store: Store) -> None:
    Path(table).write_text("0\t-1\n4\t2\n")
    assert read_match(table, store).tolist() == [[0, -1], [4, 2]]


def test_a_match_of_this_store_is_taken_by_its_digest(table: str, store: Store) -> None:
    assert read_match(table, store, store.digest).tolist() == MATCH.tolist()


def test_a_match_of_another_store_is_refused(table: str, store: Store) -> None:
    said = refusal(read_match, table, store, "another")
    assert said == f"{table} was made for other thumbnails than {store.path}; match anew"


BROKEN = [
    ("0\t5\n", "other than -1 to 4"),
    ("0\t-2\n", "other than -1 to 4"),
    ("", "match anew"),
    ("0\tone\n", "cannot read"),
    ("0\t1.5\n", "cannot read"),
    ("0\t1\n2\n", "cannot read"),
    ("0\t99999999999999999999\n", "cannot read"),
    ("\0\xff", "cannot read"),
]


@pytest.mark.parametrize(("text", "said"), BROKEN)
def test_a_table_that_is_no_match_is_refused_in_one_line(
    text: str, said: str, table: str, store: Store
) -> None:
    Path(table).write_text(text, encoding="latin1")
    assert said in refusal(read_match, table, store)


@pytest.mark.parametrize(("text", "said"), BROKEN)
def test_the_command_refuses_such_a_table_and_writes_nothing(
    text: str,
    said: str,
    table: str,
    store: Store,
    tmp_path: Path,
    refusal: Callable[..., str],
) -> None:
    Path(table).write_text(text, encoding="latin1")
    assert said in refusal("paste", store.path, table, tmp_path / "a.jpg")
    assert not (tmp_path / "a.jpg").exists()


def test_a_missing_table_is_named(
    store: Store, tmp_path: Path, refusal: Callable[..., str]
) -> None:
    assert "gone.tab" in refusal("paste", store.path, "gone.tab", tmp_path / "a.jpg")


@pytest.mark.parametrize("ending", ["json", "csv"])
def test_a_table_may_not_have_the_name_of_another_file_of_ours(
    ending: str, store: Store, tmp_path: Path, target: Path, refusal: Callable[..., str]
) -> None:
    args = ["match", store.path, tmp_path / f"m.{ending}", "--target", target]
    assert "call the table .tab" in refusal(*args, "--target-res", 2, 1)
    assert not (tmp_path / f"m.{ending}").exists()
