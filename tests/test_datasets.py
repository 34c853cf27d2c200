"""Data sets: fetched by name, checked, and unpacked without harm."""

import errno
import functools
import http.server
import os
import stat
import sys
import tarfile
import threading
import types
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, AnyStr, TypedDict, Unpack
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packing import content, left, listed, pack, records

from smalti import datasets
from smalti.datasets import DATASETS, DataSet, fetch, unpack
from smalti.ground.errors import MosaicError

if TYPE_CHECKING:
    from _typeshed import SupportsRead, SupportsWrite

Server = tuple[Path, str, list[str]]

ENDINGS = ["zip", "tar", "tar.gz", "tgz"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A web server: its folder, its address, and what it was asked for."""
    folder, asked = tmp_path / "served", list[str]()
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            asked.append(self.path)

        def end_headers(self) -> None:
            if "short" in self.path:
                self.send_header("X-Note", "cut")
            super().end_headers()

        def copyfile(
            self, source: "SupportsRead[AnyStr]", outputfile: "SupportsWrite[AnyStr]"
        ) -> None:
            blob = source.read()
            outputfile.write(blob[: len(blob) // 2] if "short" in self.path else blob)

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        httpd.daemon_threads = False  # so that the end waits for all answers
        thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
        thread.start()
        yield folder, f"http://127.0.0.1:{httpd.server_port}", asked
        httpd.shutdown()
        thread.join()


class Facts(TypedDict, total=False):
    """Facts about a data set that are not those of its file."""

    address: str
    size: int
    unpack: bool
    checksum: str


def offer(
    folder: Path, server: str, file: str, **facts: Unpack[Facts]
) -> dict[str, DataSet]:
    """A table of one data set, `tiny`, with the right facts about a served file."""
    import pooch

    path = folder / file
    data = DataSet(
        address=f"{server}/{file}",
        size=path.stat().st_size,
        checksum=f"sha256:{pooch.file_hash(str(path))}",
        unpack=True,
        licence="none",
        what="a test",
    )
    return {"tiny": data._replace(**facts)}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_data_set_is_fetched_checked_unpacked_and_not_fetched_again(
    tmp_path: Path, server: Server, ending: str
) -> None:
    folder, address, asked = server
    pack(folder / f"t.{ending}", {"images/a.png": content("red"), "b.png": content("blue")})
    table, data = offer(folder, address, f"t.{ending}"), tmp_path / "data" / "sets"
    for _ in range(2):
        assert fetch("tiny", data, table=table, quiet=True) == data / "tiny"
    assert (data / "tiny" / "images" / "a.png").read_bytes() == content("red")
    assert (left(data), left(data / "tiny"), len(asked)) == (
        ["tiny"],
        ["b.png", "images"],
        1,
    )


def test_a_data_set_that_is_read_in_place_stays_packed(
    tmp_path: Path, server: Server
) -> None:
    folder, address, asked = server
    pack(folder / "c.tar.gz", {"data_batch_1.bin": records(3, labels=1)})
    table = offer(folder, address, "c.tar.gz", unpack=False)
    for _ in range(2):
        path = fetch("tiny", tmp_path / "data", table=table, quiet=True)
    assert len(listed(path)) == 3
    assert (left(tmp_path / "data"), len(asked)) == (["c.tar.gz"], 1)


def test_a_mirror_serves_as_well(tmp_path: Path, server: Server) -> None:
    folder, address, _ = server
    pack(folder / "t.zip", {"a.png": content("red")})
    table = offer(folder, "http://127.0.0.1:1/elsewhere", "t.zip")
    path = fetch("tiny", tmp_path / "data", table=table, mirror=address, quiet=True)
    assert left(path) == ["a.png"]


def refused(tmp_path: Path, table: dict[str, DataSet], match: str) -> None:
    """See that fetching fails by one clear line, and leaves nothing behind."""
    with pytest.raises(MosaicError, match=match) as caught:
        fetch("tiny", tmp_path / "data", table=table, quiet=True)
    assert "\n" not in str(caught.value)
    port = urlsplit(table["tiny"].address).port
    ours = psutil.Process().net_connections()
    assert not [one for one in ours if one.raddr and one.raddr.port == port]
    assert left(tmp_path / "data") in ([], [table["tiny"].address.rsplit("/", 1)[1]])
    assert not (tmp_path / "data" / "tiny").exists()


def test_a_wrong_checksum_is_one_clear_line_and_leaves_nothing(
    tmp_path: Path, server: Server
) -> None:
    folder, address, _ = server
    pack(folder / "t.zip", {"a.png": content("red")})
    refused(
        tmp_path, offer(folder, address, "t.zip", checksum="md5:" + 32 * "0"), "checksum"
    )
    assert left(tmp_path / "data") == []


def test_a_transfer_that_breaks_leaves_nothing_and_can_be_repeated(
    tmp_path: Path, server: Server
) -> None:
    folder, address, _ = server
    pack(folder / "short.zip", {"a.png": np.random.default_rng(1).bytes(50_000)})
    refused(
        tmp_path, offer(folder, address, "short.zip"), "cannot fetch .* try again later"
    )
    assert left(tmp_path / "data") == []
    (folder / "short.zip").rename(folder / "t.zip")
    assert fetch(
        "tiny", tmp_path / "data", table=offer(folder, address, "t.zip"), quiet=True
    )


def test_a_file_that_is_gone_and_a_server_that_is_off_are_clear_lines(
    tmp_path: Path, server: Server
) -> None:
    folder, address, _ = server
    pack(folder / "t.zip", {"a.png": content("red")})
    table = offer(folder, address, "t.zip", address=f"{address}/gone.zip")
    refused(tmp_path, table, r"gone.zip \(404\)")
    table = offer(folder, "http://127.0.0.1:1", "t.zip")
    refused(tmp_path, table, r"cannot fetch http://127.0.0.1:1/t.zip \(ConnectionError\)")


def test_without_a_checksum_the_size_counts_and_the_checksum_is_told(
    tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, address, _ = server
    pack(folder / "t.zip", {"a.png": content("red")})
    right = offer(folder, address, "t.zip")
    table = offer(folder, address, "t.zip", checksum="")
    assert fetch("tiny", tmp_path / "data", table=table, quiet=True).is_dir()
    assert right["tiny"].checksum in capsys.readouterr().out
    (folder / "sorry.zip").write_text("sorry")
    table = offer(folder, address, "sorry.zip", checksum="", size=1000)
    refused(tmp_path / "again", table, "has 5 bytes, not about 1000")


def test_a_disk_that_is_too_small_is_known_before(tmp_path: Path, server: Server) -> None:
    folder, address, asked = server
    pack(folder / "t.zip", {"a.png": content("red")})
    refused(tmp_path, offer(folder, address, "t.zip", size=1 << 60), "MB are needed")
    assert asked == []


def test_an_unknown_data_set_is_answered_by_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(MosaicError, match=r"no data set 'cifar'; did you mean cifar10?"):
        fetch("cifar", tmp_path)
    with pytest.raises(MosaicError, match=r"there are cifar10, cifar100, pets"):
        fetch("xyz", tmp_path)


def test_a_missing_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(MosaicError, match="pip install pooch"):
        fetch("cifar10", tmp_path)
    with pytest.raises(MosaicError, match="pip install kagglehub"):
        fetch("cats", tmp_path)


def test_kaggle_hands_out_a_folder_or_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class UnauthenticatedError(Exception):
        pass

    errors, kaggle = map(types.ModuleType, ("kagglehub.exceptions", "kagglehub"))
    vars(errors).update(
        CredentialError=type("CredentialError", (Exception,), {}),
        UnauthenticatedError=UnauthenticatedError,
    )
    vars(kaggle).update(dataset_download=lambda handle: str(tmp_path / handle))
    monkeypatch.setitem(sys.modules, "kagglehub", kaggle)
    monkeypatch.setitem(sys.modules, "kagglehub.exceptions", errors)
    assert fetch("cats", tmp_path) == tmp_path / "crawford" / "cat-dataset"

    def refuse(handle: str) -> str:
        raise UnauthenticatedError("User is not authenticated\nsorry")

    vars(kaggle).update(dataset_download=refuse)
    with pytest.raises(
        MosaicError, match=r"\(User is not authenticated\); log in once"
    ) as caught:
        fetch("cats", tmp_path)
    assert "\n" not in str(caught.value)


def test_the_table_of_data_sets_is_complete() -> None:
    for data in DATASETS.values():
        kind, _, digits = data.checksum.partition(":")
        assert (kind, len(digits)) in {("sha256", 64), ("md5", 32), ("", 0)}
        assert (
            data.address.startswith(("https://", "kaggle:")) and data.licence and data.what
        )


# Archives that mean no good


def evil_tar(path: Path, **facts: str | bytes) -> Path:
    """A tar of a good file and of one with these properties."""
    with tarfile.open(path, "w") as tar:
        for name, more in (("good.png", {}), ("bad.png", facts)):
            member = tarfile.TarInfo(name)
            for key, value in more.items():
                setattr(member, key, value)
            tar.addfile(member)
    return path


def evil_zip(path: Path, name: str, mode: int = 0) -> Path:
    """A zip of a good file and of one of this name and mode."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("good.png", b"")
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        archive.writestr(entry, "/etc/passwd")
    return path


EVIL: dict[str, Callable[[Path], Path]] = {
    "tar-above": lambda path: evil_tar(path / "e.tar", name="a/../../evil.png"),
    "tar-absolute": lambda path: evil_tar(path / "e.tar", name=str(path / "evil.png")),
    "tar-drive": lambda path: evil_tar(path / "e.tar", name="C:/evil.png"),
    "tar-backslash": lambda path: evil_tar(path / "e.tar", name="..\\evil.png"),
    "tar-symlink": lambda path: evil_tar(
        path / "e.tar", type=tarfile.SYMTYPE, linkname="../evil.png"
    ),
    "tar-hardlink": lambda path: evil_tar(
        path / "e.tar", type=tarfile.LNKTYPE, linkname="/etc/passwd"
    ),
    "tar-device": lambda path: evil_tar(path / "e.tar", type=tarfile.CHRTYPE),
    "tar-pipe": lambda path: evil_tar(path / "e.tar", type=tarfile.FIFOTYPE),
    "zip-above": lambda path: evil_zip(path / "e.zip", "../evil.png"),
    "zip-absolute": lambda path: evil_zip(path / "e.zip", "/evil.png"),
    "zip-symlink": lambda path: evil_zip(path / "e.zip", "evil.png", stat.S_IFLNK | 0o777),
    "zip-device": lambda path: evil_zip(path / "e.zip", "evil.png", stat.S_IFCHR),
    "zip-bomb": lambda path: pack(path / "e.zip", {"a.png": bytes(2_000_000)}),
    "tar-bomb": lambda path: pack(
        path / "e.tgz", {f"{i}.png": bytes(1000) for i in range(999)}
    ),
    "many-empty": lambda path: pack(path / "e.tgz", {f"{i}.png": b"" for i in range(2500)}),
    "damaged-tgz": lambda path: (
        path / "e.tgz",
        (path / "e.tgz").write_bytes(b"\x1f\x8b?"),
    )[0],
    "no-archive": lambda path: (path / "e.zip", (path / "e.zip").write_bytes(b"sorry"))[0],
}


@pytest.mark.parametrize("evil", EVIL)
def test_an_evil_archive_is_refused_and_writes_nothing_anywhere(
    tmp_path: Path, evil: str
) -> None:
    place = tmp_path / "in"
    place.mkdir()
    archive = EVIL[evil](place)
    with pytest.raises(MosaicError) as caught:
        unpack(archive, place / "out", most=1_000_000)
    assert "\n" not in str(caught.value)
    assert (left(tmp_path), left(place)) == (["in"], [archive.name])


def test_a_truncated_archive_is_not_half_unpacked(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).bytes
    for ending in ("zip", "tgz", "tar"):
        path = pack(
            tmp_path / f"a.{ending}", {"a.png": noise(30_000), "b.png": noise(30_000)}
        )
        path.write_bytes(path.read_bytes()[:40_000])
        with pytest.raises(MosaicError, match=r"cannot read .*a\."):
            unpack(path, tmp_path / "out", most=1_000_000)
        assert left(tmp_path) == [f"a.{ending}"]
        path.unlink()


@settings(max_examples=30)
@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,3}(/[a-z]{4,6}\.png)", fullmatch=True),
        st.binary(max_size=99),
    ),
    st.sampled_from(ENDINGS),
)
def test_what_was_packed_is_unpacked(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], ending: str
) -> None:
    folder = tmp_path_factory.mktemp("unpack")
    archive = pack(folder / f"a.{ending}", files)
    unpack(archive, folder / "out", most=1_000_000)
    found = {
        path.relative_to(folder / "out").as_posix(): path.read_bytes()
        for path in (folder / "out").rglob("*.png")
    }
    assert found == files


def test_a_folder_in_a_zip_is_no_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("cats/", b"")
        file.writestr("cats/a.png", content("red"))
    found = datasets.iterate_zip(tmp_path / "a.zip")
    assert [(name, file.read()) for name, _, file in found] == [
        ("cats/a.png", content("red"))
    ]


def test_an_error_of_the_disk_is_not_taken_for_one_of_the_server() -> None:
    with pytest.raises(OSError, match="No space left"), datasets.downloading("http://a/b"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with (
        pytest.raises(MosaicError, match=r"cannot fetch http://a/b \(TimeoutError\)"),
        datasets.downloading("http://a/b"),
    ):
        raise TimeoutError
