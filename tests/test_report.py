"""Reports: what goes in comes out, and no damaged one is believed."""

import importlib.metadata
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from msgspec.structs import replace

from mosaic import Array
from smalti import report as reports
from smalti.ground.cache import cache_path
from smalti.ground.errors import MosaicError
from smalti.report import (
    OF_A_MATCH,
    Files,
    Report,
    describe_match,
    forget_match,
    read_report,
    read_rows,
    uses_of,
    with_uses,
    write_report,
    write_rows,
)
from smalti.scores import Scores, Uses

NAMES = st.binary(min_size=1, max_size=20).map(
    lambda name: os.fsdecode(name.replace(b"\0", b"?").replace(b"/", b"?"))
)
PATHS = NAMES.map(lambda name: f"/a/b/_{name}")
TEXT = st.text(st.characters(codec="utf-8"))
COUNTS = st.integers(0, 2**53)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PLAIN = COUNTS | NUMBERS | TEXT | st.booleans() | st.lists(COUNTS)
MATCHES = arrays(
    np.int64, array_shapes(min_dims=2, max_dims=2), elements=st.integers(-1, 10**9 - 1)
)
FILES = st.builds(
    Files,
    store=st.just("") | PATHS,
    table=st.just("") | PATHS,
    target=st.just("") | PATHS,
    mask=st.just("") | PATHS,
    mosaic=st.just("") | PATHS,
    photos=st.lists(PATHS, max_size=3),
)
REPORTS = st.builds(
    Report,
    method=st.sampled_from(["nearest", "unique", "choices"]),
    cells=st.none() | COUNTS,
    cost=st.none() | NUMBERS,
    bound=st.none() | NUMBERS,
    proof=st.none() | TEXT,
    photos=st.none() | COUNTS,
    photos_used=st.none() | COUNTS,
    most_used=st.none() | COUNTS,
    most_used_photo=st.none() | NAMES,
    equal_neighbours=st.none() | COUNTS,
    store=TEXT,
    settings=st.dictionaries(TEXT, PLAIN, max_size=3),
    recolour=st.dictionaries(TEXT, NUMBERS, max_size=1),
    files=FILES,
    score=st.none() | st.builds(Scores, NUMBERS, NUMBERS, NUMBERS, NUMBERS),
    size=st.none() | st.tuples(COUNTS, COUNTS),
    skipped=st.dictionaries(NAMES, TEXT, max_size=3),
    alike=st.lists(TEXT, max_size=3),
    match=MATCHES.map(write_rows),
)
FULL = Report(
    method="unique",
    cells=6,
    cost=12.5,
    levels=1.25,
    proof="6 photos placed, proven optimal",
    photos=9,
    photos_used=6,
    most_used=1,
    most_used_photo="a.jpg",
    equal_neighbours=0,
    store="0123",
    program="mosaic 1.2",
    settings={"target_res": [3, 2]},
    files=Files(store="/a/s.h5", photos=["/photos"]),
    score=Scores(1.0, 2.0, 0.5, 0.25),
    size=(60, 40),
    skipped={"b.jpg": "it is empty"},
    alike=["c.jpg, d.jpg look the same"],
    match=["0 7 2", "-1 3 8"],
)


# To a file and back


@given(REPORTS)
def test_what_is_written_is_read_again(report: Report) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_report(Path(folder, "m.json"), report)
        assert read_report(Path(folder, "m.json")) == report


def test_a_report_is_json_that_a_person_can_read(tmp_path: Path) -> None:
    found = Report(method="nearest", cells=6, files=Files(target=str(tmp_path / "me.jpg")))
    write_report(tmp_path / "m.json", found)
    assert (tmp_path / "m.json").read_bytes() == (
        b'{\n "method": "nearest",\n "cells": 6,\n "files": {\n  "target": "me.jpg"\n }\n}\n'
    )


def test_names_that_are_no_text_are_escapes_in_a_file_of_ascii(tmp_path: Path) -> None:
    found = Report(files=Files(photos=[os.fsdecode(b"/caf\xe9")]), most_used_photo="猫.jpg")
    write_report(tmp_path / "m.json", found)
    assert (tmp_path / "m.json").read_bytes().isascii()
    assert read_report(tmp_path / "m.json") == found


def test_paths_are_as_seen_from_the_report_so_a_folder_may_move(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    inside, outside = str(tmp_path / "here" / "new" / "s.h5"), str(tmp_path / "photos")
    found = Report(files=Files(store=inside, photos=[outside]))
    write_report(tmp_path / "here" / "m.json", found)
    written = json.loads((tmp_path / "here" / "m.json").read_text())["files"]
    assert written == {"store": "new/s.h5", "photos": ["../photos"]}
    (tmp_path / "here").rename(tmp_path / "there")
    moved = read_report(tmp_path / "there" / "m.json").files
    assert moved.store == str(tmp_path / "there" / "new" / "s.h5")
    assert moved.photos == [outside]


def test_a_store_in_the_cache_does_not_move_with_the_folder(tmp_path: Path) -> None:
    store = str(cache_path("0" * 64, ".h5"))
    write_report(tmp_path / "m.json", Report(files=Files(store=store)))
    assert json.loads((tmp_path / "m.json").read_text())["files"] == {"store": store}
    assert read_report(tmp_path / "m.json").files.store == store


@given(MATCHES)
def test_a_match_goes_into_a_report_and_out(match: Array) -> None:
    found = read_rows(Report(match=write_rows(match)), "m.json")
    assert found.shape == match.shape
    assert (found == match).all()


def test_each_row_of_a_match_is_a_line_of_the_file(tmp_path: Path) -> None:
    write_report(
        tmp_path / "m.json", Report(match=write_rows(np.array([[7, -1], [0, 12]])))
    )
    lines = (tmp_path / "m.json").read_text().splitlines()
    assert lines[-5:] == [' "match": [', '  "7 -1",', '  "0 12"', " ]", "}"]


def test_a_match_with_rows_of_several_lengths_is_refused(tmp_path: Path) -> None:
    write_report(tmp_path / "m.json", Report(match=["1 2", "3"]))
    with pytest.raises(MosaicError, match=r"m\.json: its match is no table; make it anew$"):
        read_rows(read_report(tmp_path / "m.json"), "m.json")


def test_without_a_file_there_is_an_empty_report(tmp_path: Path) -> None:
    assert read_report(tmp_path / "gone.json") == Report()


# Damaged ones


def refusal(path: Path) -> str:
    """The one line with which a report is refused."""
    with pytest.raises(MosaicError) as caught:
        read_report(path)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "3",
        '"text"',
        "null",
        "",
        "\xff",
        '{"method": null}',
        '{"cells": "many"}',
        '{"cells": 1.5}',
        '{"cost": "much"}',
        '{"store": 3}',
        '{"settings": []}',
        '{"files": 3}',
        '{"files": {"store": 3}}',
        '{"files": {"photos": "photos"}}',
        '{"files": {"photos": [3]}}',
        '{"score": {"rmse": 1}}',
        '{"size": [1]}',
        '{"size": [1, 2, 3]}',
        '{"among": "few"}',
        '{"match": "1 2"}',
        '{"match": [1, 2]}',
        '{"match": [[1, 2]]}',
        '{"match": [""]}',
        '{"match": ["1  2"]}',
        '{"match": ["1 2 "]}',
        '{"match": ["1 2\\n"]}',
        '{"match": ["1\\t2"]}',
        '{"match": ["1 -2"]}',
        '{"match": ["1 2.5"]}',
        '{"match": ["1 \\u0662"]}',
        '{"match": ["1000000000"]}',
        '{"alike": "a, b"}',
        '{"skipped": ["a.jpg"]}',
    ],
)
def test_a_damaged_report_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text(text, encoding="latin1")
    said = refusal(path)
    assert said.startswith(f"cannot read the report {path}: ")
    assert said.endswith("; match anew")


def test_a_report_that_ends_too_soon_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    write_report(path, FULL)
    whole = path.read_bytes().rstrip()
    for end in [*range(0, len(whole), 9), len(whole) - 1]:
        path.write_bytes(whole[:end])
        refusal(path)


@given(st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_a_report_with_a_spot_on_it_is_read_or_refused_in_one_line(
    at: int, spot: bytes
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "m.json")
        write_report(path, FULL)
        whole = path.read_bytes()
        path.write_bytes(whole[:at] + spot + whole[at + len(spot) :])
        try:
            assert isinstance(read_report(path), Report)
        except MosaicError as error:
            assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize("command", ["paste", "page", "zoom", "score"])
def test_every_command_refuses_a_damaged_report(
    command: str, tmp_path: Path, target: Path, refusal: Callable[..., str]
) -> None:
    (tmp_path / "m.json").write_text('{"cells": "many"}')
    more: dict[str, list[object]] = {
        "paste": ["s.h5", tmp_path / "m.tab", tmp_path / "o.png"],
        "page": [tmp_path / "m.png"],
        "zoom": [tmp_path / "m.png", tmp_path / "o.gif"],
        "score": [tmp_path / "m.png", target],
    }
    assert "cannot read the report" in refusal(command, *more[command])


# What is said


def test_uses_go_in_and_out_as_one_thing() -> None:
    uses = Uses(photos=9, photos_used=4, most_used=2, equal_neighbours=1)
    assert uses_of(with_uses(Report(), uses)) == uses
    assert uses_of(Report()) is None
    assert uses_of(replace(with_uses(Report(), uses), most_used=None)) is None


def test_of_a_choice_from_a_list_nothing_is_said_that_is_true_of_the_match_only() -> None:
    found = forget_match(FULL)
    assert all(getattr(found, name) is None for name in OF_A_MATCH)
    assert (found.cells, found.store, found.files) == (6, "0123", FULL.files)


def test_a_match_in_words() -> None:
    assert list(describe_match(FULL, {"metric": "cosine", "spacing": 2})) == [
        "match    unique, 6 cells (metric cosine, spacing 2)",
        "used     6 of 9 photos, none more than once; 0 equal neighbours",
        "cost     12.5, root mean square 1.25 levels a cell",
        "proof    6 photos placed, proven optimal",
    ]


def test_what_is_not_known_is_not_said() -> None:
    assert list(describe_match(Report(method="nearest", cells=6), {})) == [
        "match    nearest, 6 cells"
    ]
    stopped = Report(method="unique", cells=6, stopped="time", too_near=3)
    assert list(describe_match(stopped, {}))[1:] == [
        "stopped  time; this is the best match so far",
        "spacing  3 pairs of equal photos are too near",
    ]
    assert len(list(describe_match(replace(stopped, stopped="optimal"), {}))) == 2


def test_a_program_that_is_only_copied_has_a_name_and_no_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    found = reports.program.__wrapped__
    assert found() == f"mosaic {importlib.metadata.version('mosaic-book')}"
    monkeypatch.setattr(importlib.metadata, "version", unknown)
    assert found() == "mosaic"
