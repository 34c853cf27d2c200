"""Workers: what one of them breaks costs no more than that."""

import ctypes
import functools
import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, process
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mosaic
from smalti.command import what_happened
from smalti.ground import workers
from smalti.ground.errors import Stopped
from smalti.ground.workers import LOST, map_in_pool

NAMES = [f"{i:03}" for i in range(50)]


def pet(name: str, tigers: tuple[str, ...] = (), traces: str = "") -> str:
    """A task that some names do not survive; leaves a trace of each call in a folder."""
    if traces:
        Path(traces, f"{name}-{os.getpid()}").touch()
    if name in LOST:
        return f"{name} is lost"
    if name in tigers:
        os.kill(os.getpid(), signal.SIGKILL)
    return name


def stare(name: str) -> str:
    """A task that all but never ends for one name, nor lets Python do anything meanwhile."""
    if name == "012" and name not in LOST:
        ctypes.PyDLL(None).sleep(60)
    return "lost" if name in LOST else name


def explode(name: str) -> str:
    """A task with a mistake of ours."""
    raise ZeroDivisionError(name)


def die(name: str) -> str:
    """A task that ends each process, whatever it is told."""
    os._exit(len(name))


def make(name: str, folder: str) -> mosaic.Thumbnail | mosaic.Reject:
    """A thumbnail, made by a decoder that crashes for one photo."""
    crash = functools.partial(os.kill, os.getpid(), signal.SIGKILL)
    if name == "b.jpg" and name not in LOST:
        crash()
    return mosaic.make_thumbnail(name, folder, (5, 5))


@pytest.mark.parametrize("chunksize", [1, 7, 32, 100])
@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_the_order_of_the_names(workers: int, chunksize: int) -> None:
    assert list(map_in_pool(pet, NAMES, workers, chunksize)) == NAMES
    assert list(map_in_pool(pet, [], workers, chunksize)) == []


@pytest.mark.parametrize(
    "tigers", [("000",), ("049",), ("031", "032"), ("003", "004", "040")], ids="-".join
)
@pytest.mark.parametrize("chunksize", [1, 8])
def test_a_name_that_ends_a_process_costs_only_itself(
    tigers: tuple[str, ...], chunksize: int
) -> None:
    task = functools.partial(pet, tigers=tigers)
    expected = [f"{name} is lost" if name in tigers else name for name in NAMES]
    assert list(map_in_pool(task, NAMES, 2, chunksize)) == expected
    assert not LOST


@pytest.mark.long
@pytest.mark.skipif(os.name != "posix", reason="there is only one way elsewhere")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_worker_knows_what_is_lost_in_whatever_way_it_starts(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = multiprocessing.get_context(method)
    pool = functools.partial(ProcessPoolExecutor, mp_context=context)
    monkeypatch.setattr(workers, "ProcessPoolExecutor", pool)
    task = functools.partial(pet, tigers=("001",))
    expected = ["000", "001 is lost", "002"]
    assert list(map_in_pool(task, NAMES[:3], 2, chunksize=3)) == expected


def test_what_was_handed_on_before_is_not_done_again(tmp_path: Path) -> None:
    task = functools.partial(pet, tigers=("049",), traces=str(tmp_path))
    assert list(map_in_pool(task, NAMES, 1, chunksize=10))[-1] == "049 is lost"
    calls = [path.name.partition("-")[0] for path in tmp_path.iterdir()]
    assert all(calls.count(name) == 1 for name in NAMES[:40])


@pytest.mark.long
@pytest.mark.skipif(os.name != "posix", reason="needs a call that never ends")
def test_a_name_for_which_a_task_never_ends_costs_only_itself() -> None:
    names = ["011", "012", "013"]
    found = list(map_in_pool(stare, names, 2, chunksize=3, patience=3))
    assert found == ["011", "lost", "013"]


def test_a_pool_that_breaks_whatever_it_is_told_is_an_error() -> None:
    with pytest.raises(BrokenProcessPool):
        list(map_in_pool(die, NAMES, 2, chunksize=8))


class Disturbed(process._ExecutorManagerThread):
    """The thread of a pool; a signal comes just before it starts."""

    number = signal.SIGINT

    def start(self) -> None:
        signal.raise_signal(self.number)
        super().start()


def test_a_program_that_ignores_ctrl_c_ignores_it_while_a_pool_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "_ExecutorManagerThread", Disturbed)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert list(map_in_pool(pet, NAMES, 2, 8)) == NAMES
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_until_a_pool_has_started_and_then_ends_it(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def stop(*_: object) -> None:
        raise Stopped

    monkeypatch.setattr(Disturbed, "number", number)
    monkeypatch.setattr(process, "_ExecutorManagerThread", Disturbed)
    before = signal.signal(signal.SIGTERM, stop)
    task = functools.partial(pet, traces=str(tmp_path))
    try:
        with pytest.raises((KeyboardInterrupt, Stopped)):
            list(map_in_pool(task, NAMES, 2))
        assert signal.getsignal(signal.SIGTERM) is stop
    finally:
        signal.signal(signal.SIGTERM, before)
    assert len(list(tmp_path.iterdir())) < len(NAMES)


def test_a_pool_starts_in_any_thread() -> None:
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(lambda: list(map_in_pool(pet, NAMES, 2, 8)))
        assert found.result() == NAMES


def test_a_pool_that_breaks_for_good_is_one_line() -> None:
    killed = "a worker was killed, most likely for want of memory; try --workers 1"
    assert what_happened(BrokenProcessPool()) == killed


def test_a_mistake_of_ours_stays_one() -> None:
    with pytest.raises(ZeroDivisionError):
        list(map_in_pool(explode, NAMES, 2, chunksize=8))


def test_a_photo_that_crashes_its_decoder_is_named_and_the_run_goes_on(
    tmp_path: Path,
) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / name)
    task = functools.partial(make, folder=str(tmp_path))
    first, second, third = mosaic.in_parallel(task, ["a.jpg", "b.jpg", "c.jpg"], 2)
    assert isinstance(first, mosaic.Thumbnail)
    assert isinstance(third, mosaic.Thumbnail)
    reason = "its decoder crashed, or did not come to an end"
    assert second == mosaic.Reject("b.jpg", reason)


def test_a_process_that_nobody_has_started_waits_for_no_parent() -> None:
    assert multiprocessing.parent_process() is None
    assert workers.follow_parent() is None  # type: ignore[func-returns-value]
