"""The lessons on cores and on sharing: what their cells take from modules of the course."""

import io
import pickle
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from bench.cores import Report
from course import cores, sharing
from data import cats

ROOT = Path(__file__).parents[1]


def count_two(lock: AbstractContextManager[object], patience: float) -> int:
    """Let two threads count one photo each; give what they have counted."""
    box, meet = {"photos": 0}, sharing.Meeting(patience)
    with ThreadPoolExecutor(2) as pool:
        for one in [pool.submit(sharing.add_one, box, lock, meet) for _ in range(2)]:
            one.result()
    return box["photos"]


def take(orders: list[tuple[threading.Lock, threading.Lock]], patience: float) -> list[str]:
    """Let two threads take two locks each, in some orders."""
    meet = sharing.Meeting(patience)
    with ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(sharing.take_both, *order, meet) for order in orders]
        return [task.result() for task in tasks]


def test_of_two_threads_that_both_read_before_they_write_one_update_is_lost() -> None:
    assert count_two(nullcontext(), patience=20) == 1


def test_with_a_lock_no_update_is_lost() -> None:
    assert count_two(threading.Lock(), patience=0.2) == 2


def test_locks_in_opposite_order_wait_in_vain_and_in_one_order_do_not() -> None:
    store, report = threading.Lock(), threading.Lock()
    assert take([(store, report), (report, store)], 20) == ["waited in vain"] * 2
    assert take([(store, report), (store, report)], 0.2) == ["had both"] * 2
    assert not store.locked() and not report.locked()


def test_a_parcel_counts_how_often_it_is_pickled_and_arrives_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cores.Parcel, "sent", 0)
    parcel = cores.Parcel("cats")
    copies = [pickle.loads(pickle.dumps(parcel)) for _ in range(3)]
    assert [copy.content for copy in copies] == ["cats"] * 3
    assert cores.Parcel.sent == 3


def test_rows_in_shared_memory_have_the_mean_of_their_copies() -> None:
    array = np.arange(24, dtype=np.uint8).reshape(4, 2, 3)
    memory = SharedMemory(create=True, size=array.nbytes)
    try:
        np.ndarray(array.shape, np.uint8, memory.buf)[:] = array
        mean = sharing.mean_of_rows((2, 4), memory.name, array.shape)
    finally:
        memory.close()
        memory.unlink()
    assert mean == sharing.mean_of(array[2:4]) == 17.5


def test_plain_python_lets_no_other_thread_in_and_sleep_does() -> None:
    usual = sys.getswitchinterval()
    if getattr(sys, "_is_gil_enabled", lambda: True)():
        assert cores.count_ticks(lambda: sum(i * i for i in range(300_000))) == 0
    assert cores.count_ticks(lambda: time.sleep(0.5)) > 0
    assert sys.getswitchinterval() == usual


def test_a_step_that_fails_leaves_the_interpreter_as_it_was() -> None:
    usual, threads = sys.getswitchinterval(), threading.active_count()
    with pytest.raises(ZeroDivisionError):
        cores.count_ticks(lambda: 1 // 0)
    assert (sys.getswitchinterval(), threading.active_count()) == (usual, threads)


def test_every_step_of_a_mosaic_can_be_done_by_two_threads_at_once() -> None:
    jpeg = io.BytesIO()
    Image.new("RGB", (640, 480), "tomato").save(jpeg, "JPEG")
    steps = cores.steps_of_a_mosaic(jpeg.getvalue())
    with ThreadPoolExecutor(2) as pool:
        for step in steps.values():
            for one in [pool.submit(step) for _ in range(2)]:
                one.result()
    assert len(steps) == 6


def test_the_naive_way_gives_a_thumbnail_of_50_by_50(tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), "navy").save(tmp_path / "a.png")
    assert cores.shrink_naively("a.png", str(tmp_path)) == bytes((0, 0, 128)) * 2500


def test_the_photos_of_a_class_are_painted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[Path] = []

    def paint(folder: Path) -> None:
        folder.mkdir(parents=True)
        for name in ("b.jpg", "a.jpg"):
            (folder / name).touch()
        painted.append(folder)

    monkeypatch.setattr(cores, "ROOT", tmp_path)
    monkeypatch.setattr(cats, "paint_class", paint)
    folder = tmp_path / "data" / "class"
    assert [cores.class_photos() for _ in range(2)] == [
        (str(folder), ["a.jpg", "b.jpg"])
    ] * 2
    assert painted == [folder]


def test_of_the_tables_in_the_book_that_of_the_steps_is_read() -> None:
    book = """| store | 9.0 | 9 |
<!-- table: steps -->

| step | CPU seconds | memory |
| --- | --: | --: |
| paint | 87.0 | 82 |
| match, unique | 4.4 | 181 |
| **the workflow** | **19.1** | **247** |

<!-- end -->
| store | 9.0 | 9 |
"""
    assert cores.cpu_of_steps(book) == {"paint": 87.0, "match, unique": 4.4}


def test_the_figures_that_the_lesson_shows_are_those_of_the_bench() -> None:
    kept = (ROOT / "bench" / "cores.json").read_bytes()
    report = msgspec.json.decode(kept, type=Report)
    costs = {way.name: way for way in report.ways}
    assert costs["draft, one process"].photos == costs["naive, one process"].photos == 320


def test_the_shortest_of_several_runs_counts() -> None:
    rests = iter([0.3, 0.0, 0.0])
    assert cores.seconds(lambda: time.sleep(next(rests)), 3) < 0.3


def test_seconds_of_the_cpu_leave_out_what_a_process_waits_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    computed, asked = iter([2.0, 5.0]), list[str]()
    monkeypatch.setattr(time, "process_time", lambda: next(computed))
    assert cores.cpu_seconds(lambda: asked.append("work")) == 3.0
    assert asked == ["work"]
    monkeypatch.undo()
    assert cores.cpu_seconds(lambda: time.sleep(0.3)) < 0.3


@pytest.mark.parametrize(("ticks", "share"), [(500.0, 0.5), (0.0, 0.0), (1200.0, 1.0)])
def test_the_free_share_of_a_step_compares_its_ticks_with_those_of_sleep(
    ticks: float, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = list[str]()
    given = iter([1000.0, ticks])

    def count(work: Callable[[], object]) -> float:
        work()
        return next(given)

    monkeypatch.setattr(cores, "count_ticks", count)
    assert cores.free_share(lambda: done.append("step")) == share
    assert done == ["step"] * 4


def test_where_nobody_ticks_no_share_is_more_than_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cores, "count_ticks", lambda work: 0.0)
    assert cores.free_share(str) == 0.0


@pytest.mark.parametrize(("threads", "at_once"), [(1, 1), (2, 2)])
def test_a_step_is_done_twice_in_each_round_by_as_many_threads_as_there_are(
    threads: int, at_once: int
) -> None:
    lock, now, most, steps = threading.Lock(), 0, 0, 0

    def step() -> None:
        nonlocal now, most, steps
        with lock:
            now, steps = now + 1, steps + 1
            most = max(most, now)
        time.sleep(0.05)
        with lock:
            now -= 1

    assert cores.time_twice(step, threads) > 0
    assert (most, steps) == (at_once, 10)


def test_a_parcel_is_pickled_for_each_task_and_its_task_knows_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cores.Parcel, "sent", 0)
    parcel = cores.Parcel(bytes(1000))
    with ProcessPoolExecutor(1) as pool:
        assert list(pool.map(partial(cores.weigh, parcel=parcel), range(3))) == [0, 1, 2]
    assert cores.Parcel.sent == 3
