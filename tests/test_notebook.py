"""A mosaic in a notebook shows itself, can be asked, and leaves nothing behind."""

import contextlib
import dataclasses
import gc
import io
import json
import signal
import sys
import tempfile
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import Run
from damage import is_open
from PIL import Image

from smalti import making
from smalti.command import main
from smalti.ground.errors import MosaicError
from smalti.notebook import Mosaic, make_mosaic
from smalti.report import read_report

SMALL: dict[str, object] = {"thumb_res": (6, 4), "workers": 1}
GRID: dict[str, object] = {**SMALL, "target_res": (12, 10)}
PLAIN: dict[str, object] = {**SMALL, "look": "plain", "target_res": (3, 2)}


@pytest.fixture(autouse=True)
def here(spotted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work among spotted photos; files that come and go are in the folder `temporary`."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


def make(**given: object) -> Mosaic:
    """A mosaic of small thumbnails in 12 x 10 cells, if nothing else is given."""
    return make_mosaic("photos", "target.png", **{**GRID, **given})  # type: ignore[arg-type]


def files() -> set[str]:
    """All files and folders that are here."""
    return {str(path) for path in Path().rglob("*")}


def size_of(path: str) -> tuple[int, int]:
    """The size of an image."""
    with Image.open(path) as image:
        return image.size


def primary() -> None:
    """Save three photos of a colour each, and a target of 3 x 2 cells, in the folder `few`."""
    Path("few").mkdir()
    for colour in ("red", "lime", "blue"):
        Image.new("RGB", (6, 4), colour).save(f"few/{colour}.png")
    target = Image.new("RGB", (18, 8), "red")
    target.paste("lime", (6, 0, 12, 4))
    target.paste("blue", (12, 4, 18, 8))
    target.save("few.png")


# What it shows


def test_it_shows_itself_as_a_jpeg() -> None:
    with Image.open(io.BytesIO(make()._repr_jpeg_())) as shown:
        assert (shown.format, shown.size) == ("JPEG", (1200, 670))


@pytest.mark.parametrize(("width", "found"), [(120, 120), (121, 120), (300, 300), (1, 12)])
def test_an_image_is_about_as_wide_as_asked_for(width: int, found: int) -> None:
    assert make().image(width).width == found


def test_what_is_shown_is_the_mosaic() -> None:
    primary()
    mosaic = make_mosaic("few", "few.png", **{**PLAIN, "method": "nearest"})  # type: ignore[arg-type]
    colours = np.asarray(mosaic.image(18)).astype(int)[2::4, 3::6]
    assert colours.shape == (2, 3, 3)
    wanted = np.asarray(Image.open("few.png")).astype(int)[2::4, 3::6]
    assert np.abs(colours - wanted).max() < 6


def test_cells_that_are_empty_are_no_trouble() -> None:
    target = Image.open("target.png").convert("RGBA")
    target.paste((0, 0, 0, 0), (0, 0, 30, 40))
    mosaic = make_mosaic("photos", target, **GRID)  # type: ignore[arg-type]
    assert mosaic.image(120).size == (120, 70)
    assert mosaic.score.ssim > -1
    mosaic.save("out.png")
    with Image.open("out.png") as saved:
        alpha = np.asarray(saved.getchannel("A"))
    assert (alpha[:, :36] == 0).all()
    assert (alpha[:, 36:] == 255).all()


def test_in_words_it_is_one_line() -> None:
    assert repr(make(look="plain")) == "<mosaic of 12 x 10 cells, 60 of 60 photos>"


# What it can be asked


def test_all_cells_of_a_photo_are_found() -> None:
    primary()
    mosaic = make_mosaic("few", "few.png", **{**PLAIN, "method": "nearest"})  # type: ignore[arg-type]
    assert mosaic.where("lime.png") == [(0, 1)]
    assert mosaic.where("blue.png") == [(1, 2)]
    assert mosaic.where("red.png") == [(0, 0), (0, 2), (1, 0), (1, 1)]


def test_a_photo_that_is_in_no_cell_is_nowhere_and_one_that_is_not_there_is_an_error() -> (
    None
):
    primary()
    Image.new("RGB", (6, 4), "white").save("few/white.png")
    mosaic = make_mosaic("few", "few.png", **{**PLAIN, "method": "nearest"})  # type: ignore[arg-type]
    assert mosaic.where("white.png") == []
    with pytest.raises(MosaicError, match=r"^there is no photo 'grandma' in this mosaic$"):
        mosaic.where("grandma")


def test_cells_of_mirrored_photos_are_theirs() -> None:
    mosaic = make(look="plain", variants="mirror", max_uses=2)
    names = [f"{i:02}.png" for i in range(60)]
    cells = [cell for name in names for cell in mosaic.where(name)]
    assert sorted(cells) == [(row, col) for row in range(10) for col in range(12)]


@pytest.mark.parametrize(
    "given",
    [
        {"target_res": (12, 10)},
        {},
        {"look": "once"},
        {"look": "plain"},
        {"max_uses": 2, "look": "plain"},
        {"tint": 0.4, "tile": 5},
        {"size": (200, 150), "target_res": (12, 10)},
        {"seen_from": 2.0, "target_res": (8, 7)},
        {"focus": ("0,0,20,20",), "target_res": (12, 10)},
        {"repeats": "fewest", "look": "once", "target_res": (12, 10)},
    ],
    ids=str,
)
def test_it_is_what_the_command_line_makes_of_the_same_words(
    given: dict[str, object],
) -> None:
    mosaic = make_mosaic("photos", "target.png", **SMALL, **given)  # type: ignore[arg-type]
    mosaic.save("book.png")
    words = ["make", "photos", "target.png", "-o", "out.png"]
    for name, value in {**SMALL, **given}.items():
        several = value if isinstance(value, tuple) else (value,)
        words += [f"--{name.replace('_', '-')}", *map(str, several)]
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(words) == 0
    assert Path("book.png").read_bytes() == Path("out.png").read_bytes()
    found, mine = (read_report(Path(name)) for name in ("out.json", "book.json"))
    assert mosaic.score == found.score == mine.score
    assert (mine.settings, mine.recolour) == (found.settings, found.recolour)


def test_the_score_is_that_of_the_command_score(capsys: pytest.CaptureFixture[str]) -> None:
    mosaic = make(recolour=0)
    mosaic.save("out.png")
    assert main(["score", "out.png", "target.png", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["score"]
    assert found == dataclasses.asdict(mosaic.score)


# What it can be made of


def test_a_target_is_a_path_in_words_or_not_or_an_image() -> None:
    image = Image.open("target.png")
    shown = {
        make_mosaic("photos", target, **GRID).image().tobytes()  # type: ignore[arg-type]
        for target in ("target.png", Path("target.png"), image)
    }
    assert len(shown) == 1


def test_photos_are_a_folder_or_several() -> None:
    Path("more").mkdir()
    for i in range(30):
        Path(f"photos/{i:02}.png").rename(f"more/{i:02}.png")
    for photos, count in [
        (Path("photos"), 30),
        (["photos"], 30),
        (["photos", Path("more")], 60),
        (("more", "photos"), 60),
    ]:
        mosaic = make_mosaic(photos, "target.png", **{**GRID, "look": "plain"})  # type: ignore[arg-type]
        assert repr(mosaic).endswith(f"{count} of {count} photos>")


def test_settings_are_given_by_name_and_win_over_the_look() -> None:
    settings = make(
        look="untouched", spacing=1, recolour=0.2, thumb_res=["9", "6"]
    ).work.settings
    assert (settings.method, settings.spacing, settings.recolour) == ("spread", 1, 0.2)
    assert settings.thumb_res == (9, 6)


@pytest.mark.parametrize(
    ("given", "look"),
    [({}, "faithful"), ({"max_uses": 1}, "once"), ({"method": "unique"}, "plain")],
)
def test_without_a_look_it_is_that_of_the_command_line(
    given: dict[str, object], look: str
) -> None:
    given = {**given, "target_res": (6, 5)}
    assert (make(**given).work.match == make(look=look, **given).work.match).all()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"methd": "unique"}, "there is no setting 'methd'; did you mean 'method'?"),
        ({"output": "out.jpg"}, "there is no setting 'output'; "),
        ({"look": "faithfull"}, "there is no look 'faithfull'; did you mean 'faithful'?"),
        ({"method": "best"}, "method = best: it must be nearest or unique or spread"),
        ({"thumb_res": 7}, "thumb_res = 7: it must be two whole numbers"),
        ({"tint": 0.2, "blend": 0.2}, "`tint` does not go with `blend`"),
        ({"seen_from": 2, "spacing": 2}, "seen_from does not go with spacing"),
        ({"focus": ["0,0,9,9"], "method": "nearest"}, "`focus` needs method = spread"),
        ({"focus": ["gone.png"]}, "cannot open the focus gone.png"),
        (
            {"look": "once", "target_res": (20, 20)},
            "400 cells cannot be filled by 60 photos",
        ),
        ({"size": (0, 9)}, "give width and height, or 0 0"),
        ({"size": (5, 5)}, "size = (5, 5): that is too small for 12 x 10 cells"),
        ({"photos": "gone"}, "there is no folder or archive 'gone'"),
        ({"photos": []}, "there is no folder or archive"),
        ({"photos": "temporary"}, "there are no photos to match with"),
        ({"photos": "broken"}, "there are no photos to match with"),
        ({"target": "gone.png"}, "cannot open the target gone.png"),
        ({"target": Path("photos")}, "cannot open the target photos"),
        ({"target": "broken/no.png"}, "cannot open the target broken/no.png"),
    ],
    ids=str,
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    given: dict[str, object], said: str
) -> None:
    Path("broken").mkdir()
    Path("broken/no.png").write_text("no photo")
    before = files()
    words = {"photos": "photos", "target": "target.png", **GRID, **given}
    with pytest.raises(MosaicError) as caught:
        make_mosaic(**words)  # type: ignore[arg-type]
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert files() == before


# Saving


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tif"])
def test_it_is_saved_at_an_exact_size(ending: str) -> None:
    mosaic = make()
    mosaic.save(f"out.{ending}", size=(201, 149))
    assert size_of(f"out.{ending}") == (201, 149)
    mosaic.save(Path(f"plain.{ending}"))
    assert size_of(f"plain.{ending}") == (72, 40)
    assert read_report(Path("out.json")).size == (201, 149)


@pytest.mark.parametrize(
    ("name", "size", "said"),
    [
        ("out.png", (0, 50), "give width and height, or 0 0"),
        ("out.png", (6, 50), "too few for 12 cells"),
        ("out.xyz", None, "the name must end in"),
        ("out.jpg", (70_000, 9), ".jpg ends at"),
        ("target.png", None, "target.png is the target; call the output something else"),
        ("notes.png", None, "notes.json is not of our making"),
    ],
)
def test_what_cannot_be_saved_is_one_line_and_overwrites_nothing(
    name: str, size: tuple[int, int] | None, said: str
) -> None:
    Path("notes.json").write_text('{"my": "notes"}')
    mosaic, before = make(), files()
    target = Path("target.png").read_bytes()
    with pytest.raises(MosaicError) as caught:
        mosaic.save(name, size)
    assert said in str(caught.value)
    assert files() == before
    assert Path("target.png").read_bytes() == target
    assert Path("notes.json").read_text() == '{"my": "notes"}'


def test_it_can_be_saved_again() -> None:
    mosaic = make()
    mosaic.save("out.png")
    mosaic.save("out.png", size=(120, 70))
    assert size_of("out.png") == (120, 70)


# What is left


def test_nothing_is_written_here_before_it_is_saved() -> None:
    before = files()
    mosaic = make()
    mosaic.image()
    assert mosaic.score
    assert repr(mosaic)
    assert files() == before
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # as of a file that nobody has closed
        del mosaic
        gc.collect()
    assert files() == before


def test_a_store_is_closed_when_its_mosaic_goes_and_stays_in_the_cache() -> None:
    mosaic = make()
    path = mosaic.work.report.files.store
    assert is_open(path)
    del mosaic
    gc.collect()
    assert not is_open(path)


def test_a_second_mosaic_of_the_same_photos_makes_no_thumbnails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = make()
    monkeypatch.setattr(making, "make_all", None)  # so that whoever calls it fails
    other = make(target_res=(6, 5))
    assert other.work.store.path == one.work.store.path
    del one
    gc.collect()
    assert other.image(60).size == (60, 35)


def test_without_a_cache_its_thumbnails_go_with_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SMALTI_CACHE", "target.png/cache")  # which cannot be made
    before = files()
    mosaic = make()
    said = capsys.readouterr().err
    assert said.startswith("thumbnails cannot be kept in ")
    assert said.endswith(
        "target.png/cache (Not a directory); name a folder in SMALTI_CACHE\n"
    )
    assert mosaic.image(60).size == (60, 30)
    assert len(list(Path("temporary").iterdir())) == 1
    del mosaic
    gc.collect()
    assert files() == before


def test_a_process_that_ends_leaves_nothing_and_says_nothing(
    run: Run, tmp_path: Path
) -> None:
    lines = [
        "import tempfile; tempfile.tempdir = 'temporary'",
        "from smalti.notebook import make_mosaic",
        f"mosaic = make_mosaic('photos', 'target.png', **{GRID})",
        "mosaic.save('out.png')",
    ]
    before = files()
    done = run("-W", "default::ResourceWarning", "-c", "\n".join(lines))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert files() - before == {"out.png", "out.json"}


def test_no_progress_is_printed_where_there_is_no_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    mosaic = make(look="plain")
    mosaic.save("out.png")
    assert capfd.readouterr() == ("", "")


def test_in_a_notebook_progress_is_printed_as_text_if_there_are_no_widgets(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: kernel))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    make(look="plain")
    output, errors = capfd.readouterr()
    assert output == ""
    assert "thumbnails: " in errors
    assert "match: " in errors
    assert "Warning" not in errors


def test_in_a_notebook_with_widgets_progress_is_a_widget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel = SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: kernel))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "ipywidgets")
    from tqdm.notebook import tqdm

    assert making.find_bar() is tqdm


def test_no_handler_and_no_filter_is_left_behind() -> None:
    handled = [number for number in signal.Signals if number.name != "SIGKILL"]

    def now() -> tuple[list[object], list[object]]:
        return [signal.getsignal(number) for number in handled], [*warnings.filters]

    make().save(
        "first.png"
    )  # so that all packages are loaded: some have filters of their own
    before = now()
    assert make().score
    make(look="plain", seen_from=1).save("out.png")
    with pytest.raises(MosaicError):
        make(look="gone")
    assert now() == before


def test_warnings_are_still_shown_after_the_first_mosaic(run: Run) -> None:
    lines = [
        "import signal, warnings",
        "before = [signal.getsignal(number) for number in signal.Signals]",
        "from smalti.notebook import make_mosaic",
        f"assert make_mosaic('photos', 'target.png', **{GRID}).score",
        "assert before == [signal.getsignal(number) for number in signal.Signals]",
        "warnings.warn('of the user')",
    ]
    done = run("-c", "\n".join(lines))
    assert done.returncode == 0, done.stderr
    assert "UserWarning: of the user" in done.stderr


# Beside the command line


def test_a_page_and_a_dive_and_a_larger_one_are_made_of_what_was_saved(
    capsys: pytest.CaptureFixture[str],
) -> None:
    make().save("out.png")
    gc.collect()
    for words in (
        "page out.png",
        "zoom out.png dive.webp --seconds 0.1 --size 60 40",
        "paste out.png large.png --thumb-res 9 6",
    ):
        assert main(words.split()) == 0
    assert size_of("large.png") == (108, 60)
    assert capsys.readouterr().err == ""


def test_a_score_needs_no_store(capsys: pytest.CaptureFixture[str]) -> None:
    make().save("out.png")
    gc.collect()
    assert main(["score", "out.png", "target.png"]) == 0
    assert capsys.readouterr().out.startswith("score ")


def test_a_score_without_a_target_is_refused_with_the_reason() -> None:
    work = dataclasses.replace(make().work, view=None, missing="the target is gone")
    with pytest.raises(MosaicError, match="the target is gone"):
        _ = Mosaic(work).score
