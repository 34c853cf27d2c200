"""The reader's own timings: kept with their circumstances, and compared in words."""

import dataclasses
import doctest
import json
import math
import os
from pathlib import Path

import matplotlib as mpl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course import checks, timings, workbook
from course.timings import (
    Timing,
    amdahl,
    compare,
    in_words,
    plot,
    record,
    recorded,
    serial_part,
    speedups,
)

CALM = Timing("cats", 3.4, 1, 2, 1.0, "fork", "3.11.7", "2026-01-01T12:00:00+00:00")


@pytest.mark.parametrize("module", [checks, timings, workbook], ids=lambda m: m.__name__)
def test_the_examples_in_the_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


def test_a_timing_is_appended_with_its_circumstances(tmp_path: Path) -> None:
    path = str(tmp_path / "data" / "timings.jsonl")
    one, other = record("cats", 1.23456, path=path), record("dogs", 2, workers=4, path=path)
    lines = Path(path).read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        dataclasses.asdict(one),
        dataclasses.asdict(other),
    ]
    assert set(json.loads(lines[0])) == {
        *("what", "seconds", "workers", "cores", "load", "method", "python", "date")
    }
    assert (one.seconds, one.workers, other.workers) == (1.2346, 1, 4)
    assert one.method in ("fork", "spawn", "forkserver")


def test_timings_are_read_back_all_or_those_of_one_thing(tmp_path: Path) -> None:
    path = str(tmp_path / "timings.jsonl")
    made = [record(what, 1, path=path) for what in ("cats", "dogs", "cats")]
    assert recorded(path=path) == made
    assert recorded("cats", path) == made[::2]
    assert recorded(path=str(tmp_path / "none")) == []


def test_the_jobs_of_a_rule_are_added_up(tmp_path: Path) -> None:
    for job, seconds in (("thumbnails-000", 2.5), ("thumbnails-001", 1.5), ("store", 0.5)):
        head, row = "s\th:m:s\tmax_rss", f"{seconds}\t0:00:02\t70.5"
        (tmp_path / f"{job}.tsv").write_text(f"{head}\n{row}\n")
    assert timings.benchmarks(str(tmp_path)) == {"thumbnails": 4.0, "store": 0.5}
    assert timings.benchmarks(str(tmp_path / "none")) == {}


def test_a_system_that_tells_no_load_is_never_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "getloadavg")
    made = record("cats", 1, path=str(tmp_path / "timings.jsonl"))
    assert made.load is None
    assert not made.busy


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(2.0, "1.7 times faster"), (4.0, "1.2 times slower"), (3.5, "as fast")],
)
def test_what_takes_longer_is_slower_and_never_0_85_times_faster(
    seconds: float, words: str
) -> None:
    other = dataclasses.replace(CALM, seconds=seconds, workers=2)
    assert compare(CALM, other) == f"2 workers: {words}"


@given(st.floats(0.001, 1000))
def test_there_are_never_less_than_one_times(factor: float) -> None:
    words = in_words(factor)
    assert words == "as fast" or float(words.split()[0]) >= 1
    opposite = {"faster": "slower", "slower": "faster", "fast": "fast"}
    assert in_words(1 / factor).split()[-1] == opposite[words.split()[-1]]


def test_what_differs_is_named() -> None:
    dogs = dataclasses.replace(CALM, what="dogs", seconds=6.8)
    assert compare(CALM, dogs) == "dogs: 2.0 times slower"
    two = dataclasses.replace(dogs, workers=2)
    assert compare(CALM, two) == "dogs, 2 workers: 2.0 times slower"
    assert compare(two, dogs) == "1 worker: as fast"


def test_a_busy_machine_is_said_to_be_busy() -> None:
    busy = dataclasses.replace(CALM, load=3.4)
    warning = "the machine was busy (load 3.4 on 2 cores), so do not trust this"
    assert compare(CALM, busy).endswith(f"; {warning}")
    assert compare(busy, CALM).endswith(f"; {warning}")
    assert "busy" not in compare(CALM, dataclasses.replace(CALM, load=2.2))


def test_the_least_of_several_timings_counts() -> None:
    made = [
        dataclasses.replace(CALM, seconds=s, workers=w) for s, w in [(4, 1), (3, 1), (2, 2)]
    ]
    assert speedups(made) == {1: 1.0, 2: 1.5}


def test_without_one_worker_there_is_no_speed_up() -> None:
    with pytest.raises(ValueError, match="nothing was measured with one worker"):
        speedups([dataclasses.replace(CALM, workers=2)])


@given(st.floats(0, 1), st.sets(st.integers(2, 64), min_size=1))
def test_the_serial_part_is_found_again(part: float, workers: set[int]) -> None:
    assert serial_part({n: amdahl(part, n) for n in workers}) == pytest.approx(
        part, abs=1e-9
    )


def test_endless_cores_are_as_many_times_faster_as_the_serial_part_goes_into_one() -> None:
    assert amdahl(0.2, math.inf) == pytest.approx(5)
    assert serial_part({1: 1.0}) == 0
    assert serial_part({2: 0.5}) == 1  # slower than one worker


def test_the_plot_has_the_points_the_ideal_and_amdahls_line() -> None:
    with mpl.rc_context({"backend": "agg"}):
        mpl.use("agg")
        made = [dataclasses.replace(CALM, seconds=2 + 8 / n, workers=n) for n in (1, 2, 4)]
        axes = plot(made)
        ideal, law, points = axes.get_lines()
        assert ideal.get_xydata().tolist() == [[1, 1], [4, 4]]  # type: ignore[union-attr]
        assert law.get_label() == "Amdahl, 20% alone"
        assert points.get_ydata() == pytest.approx([1, 10 / 6, 2.5])
        assert axes.get_title() == "cats"
        busy = plot([*made, dataclasses.replace(CALM, load=9.0)])
        assert busy.get_title() == "cats (the machine was busy)"
