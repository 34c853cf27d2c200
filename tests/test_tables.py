"""Tables: wishes are read as meant, and a mistake is one clear line."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalti.ground.errors import MosaicError
from smalti.tables import read_budgets, read_choices, read_pins, write_choices

NAMES = st.text(min_size=1).map(lambda text: text.replace("\0", "?"))


@given(st.lists(NAMES, min_size=1, max_size=5, unique=True), st.data())
def test_choices_survive_the_round_trip_whatever_the_names(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("choices") / "choices.csv"
    names = [
        os.fsdecode(name.encode(errors="replace") + b"\xff,\"\n'\r\n") for name in names
    ]
    shape = data.draw(st.tuples(*[st.integers(1, 3)] * 3))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    choices, distances = rng.integers(0, len(names), shape), rng.random(shape) * 1e4
    write_choices(path, choices, distances, names)
    again, far = read_choices(path, names)
    assert (again == choices).all() and (far == distances).all()
    assert again.shape == shape


def test_choices_are_a_table_that_a_person_can_read(tmp_path: Path) -> None:
    write_choices(
        tmp_path / "c.csv", np.array([[[1, 0]]]), np.array([[[0.5, 2]]]), ["a,b", "c"]
    )
    text = (tmp_path / "c.csv").read_text()
    assert text == 'row,col,rank,name,distance\n0,0,0,c,0.5\n0,0,1,"a,b",2.0\n'


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        ("", "0 lines are not the same number"),
        ("0,0,0,a,1\n0,1,0,a,1\n0,1,1,a,1\n", "3 lines are not the same number"),
        ("0,0,0,a,1\n0,0,0,a,1\n", "line 3: row 0, col 0 has rank 0 twice"),
        ("0,0,0,a,far\n", "line 2: distance is 'far', not a number"),
        ("0,x,0,a,1\n", "line 2: col is 'x'"),
        ("0,0,0,b,1\n", "line 2: there is no photo 'b'"),
        ("999999999,999999999,999999999,a,1\n", "1 lines are not the same number"),
    ],
)
def test_a_table_of_choices_with_a_mistake_is_one_clear_line(
    tmp_path: Path, lines: str, match: str
) -> None:
    (tmp_path / "c.csv").write_text("row,col,rank,name,distance\n" + lines)
    with pytest.raises(MosaicError, match=match):
        read_choices(tmp_path / "c.csv", ["a"])


PEOPLE = ["x/grandma.jpg", "x/logo.png", "a.zip!/y/logo.png", "dog.jpg"]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("comma", [",", ";", "\t"])
def test_budgets_are_read_and_the_others_keep_theirs(
    tmp_path: Path, comma: str, mark: bytes
) -> None:
    text = "name,min,max\r\ngrandma.jpg,1,1\r\na.zip!/y/logo.png,,5\r\n\r\n".replace(
        ",", comma
    )
    (tmp_path / "b.csv").write_bytes(mark + text.encode())
    least, most = read_budgets(tmp_path / "b.csv", PEOPLE, 0, 2)
    assert (least.tolist(), most.tolist()) == ([1, 0, 0, 0], [1, 2, 5, 2])


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        (
            "granma.jpg,1,1",
            "line 2: there is no photo 'granma.jpg'; did you mean 'grandma.jpg'?",
        ),
        ("logo.png,1,1", "line 2: 2 photos are called 'logo.png': 'x/logo.png'"),
        ("dog.jpg,2,1", "line 2: min is 2, but max is 1"),
        ("dog.jpg,-1,1", "line 2: min is '-1'; it must be a whole number"),
        ("dog.jpg,1.5,2", "line 2: min is '1.5'"),
        ("dog.jpg,1,²", "line 2: max is '²'"),
        ("dog.jpg,1", "line 2: min is 1, but max is 0"),
        ("dog.jpg,0,1\ndog.jpg,0,2", "line 3: 'dog.jpg' is named twice"),
        ('"dog.jpg', "unexpected end of data"),
    ],
)
def test_budgets_with_a_mistake_are_one_clear_line(
    tmp_path: Path, lines: str, match: str
) -> None:
    (tmp_path / "b.csv").write_text("name,min,max\n" + lines, encoding="utf-8")
    with pytest.raises(MosaicError, match=match):
        read_budgets(tmp_path / "b.csv", PEOPLE, 0, 0)


def test_pins_are_read_with_rows_before_columns(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("name,col,row\ngrandma.jpg,3,1\ndog.jpg,0,0\n")
    pins = read_pins(tmp_path / "p.csv", PEOPLE, (2, 4))
    assert pins.reshape(2, 4).tolist() == [[3, -1, -1, -1], [-1, -1, -1, 0]]


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        ("2,0,dog.jpg", "line 2: row is 2, but they go from 0 to 1"),
        ("0,4,dog.jpg", "line 2: col is 4, but they go from 0 to 3"),
        ("0,,dog.jpg", "line 2: col is ''"),
        (
            "0,1,dog.jpg\n0,1,grandma.jpg",
            "line 3: the cell in row 0 and col 1 is pinned twice",
        ),
        ("0,1,cat", "line 2: there is no photo 'cat'"),
    ],
)
def test_pins_with_a_mistake_are_one_clear_line(
    tmp_path: Path, lines: str, match: str
) -> None:
    (tmp_path / "p.csv").write_text("row,col,name\n" + lines)
    with pytest.raises(MosaicError, match=match):
        read_pins(tmp_path / "p.csv", PEOPLE, (2, 4))


def test_a_table_that_is_missing_or_has_other_columns_is_one_clear_line(
    tmp_path: Path,
) -> None:
    with pytest.raises(MosaicError, match=r"cannot read the table .*no\.csv"):
        read_pins(tmp_path / "no.csv", PEOPLE, (2, 4))
    (tmp_path / "p.csv").write_text("row,name\n0,dog.jpg\n")
    with pytest.raises(
        MosaicError, match="no column col; the first line must be row,col,name"
    ):
        read_pins(tmp_path / "p.csv", PEOPLE, (2, 4))
