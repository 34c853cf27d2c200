"""Photos read again: large cells show the photos themselves, and the match stays."""

import doctest
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data import cats
from mosaic import Array, Reject, Thumbnail, open_store, read_thumbnails
from smalti import making, sharp, variants
from smalti.command import main
from smalti.making import StoreSettings
from smalti.report import read_report, read_rows
from smalti.sharp import largest_cell, read_size

COLS, ROWS = 5, 3


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with 20 detailed photos, some lying, and a target; nothing is kept."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMALTI_CACHE", str(tmp_path / "cache"))
    Path("photos").mkdir()
    for i in range(20):
        cat = cats.paint_cat(i).crop((0, 0, 200, 150 if i % 2 else 200))
        cat.save(f"photos/{i:02}.png")
    cats.paint_cat(5019).crop((0, 0, 200, 120)).save("target.png")


def run(*words: object) -> int:
    """Run the command line."""
    return main(list(map(str, words)))


def make(*words: object, photos: str = "photos") -> Path:
    """Make out.png of few cells without recolouring, from thumbnails of 20 x 20 pixels."""
    grid = [
        "--target-res",
        COLS,
        ROWS,
        "--thumb-res",
        20,
        20,
        "--workers",
        1,
        "--look",
        "plain",
    ]
    assert run("make", photos, "target.png", "-o", "out.png", *grid, *words) == 0
    return Path("out.png")


def refuse(*words: object, **more: object) -> None:
    """Stand in for what must not be called."""
    raise AssertionError(words, more)


def cells_of(path: Path) -> list[Array]:
    """The cells of a mosaic, row by row."""
    picture = np.asarray(Image.open(path).convert("RGB"))
    rows = [len(picture) * i // ROWS for i in range(ROWS + 1)]
    cols = [picture.shape[1] * i // COLS for i in range(COLS + 1)]
    return [
        picture[rows[r] : rows[r + 1], cols[c] : cols[c + 1]]
        for r in range(ROWS)
        for c in range(COLS)
    ]


def shown(path: Path) -> list[tuple[str, str]]:
    """The name and the variant of the photo in each cell."""
    report = read_report(path.with_suffix(".json"))
    with open_store(report.files.store) as store:
        numbers = read_rows(report, path).ravel()
        return [(store.names[i], store.variants[i]) for i in numbers]


def psnr(one: Array, other: Array) -> float:
    """How alike two images are, in decibels."""
    error = ((one.astype(float) - other.astype(float)) ** 2).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def likeness(path: Path, folder: str = "photos") -> list[float]:
    """How like its photo, cut and scaled to the cell, each cell is, in decibels."""
    found = []
    for cell, (name, variant) in zip(cells_of(path), shown(path), strict=True):
        size = (cell.shape[1], cell.shape[0])
        photo = variants.cut_photo(name, folder, size, variant, (20, 20))[1]
        found.append(psnr(cell, np.asarray(photo)))
    return found


def test_the_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(sharp).failed == 0


# What is drawn


@pytest.mark.parametrize(
    "words", [("--size", "503x302"), ("--print", "10x6in", "--dpi", 61)]
)
def test_a_large_cell_is_its_photo_and_not_its_thumbnail(words: tuple[object, ...]) -> None:
    assert min(likeness(make(*words))) > 30


def test_without_the_photos_no_large_cell_would_be_so_sharp() -> None:
    make("--store", "m.h5")
    shutil.rmtree("photos")
    assert run("paste", "out.png", "again.png", "--size", "503x302") == 0
    assert (
        max(psnr(a, b) for a, b in zip(cells_of(Path("again.png")), before(), strict=True))
        < 30
    )


def before() -> list[Array]:
    """The cells of a large mosaic whose photos are all there."""
    Path("photos").mkdir()
    for i in range(20):
        cat = cats.paint_cat(i).crop((0, 0, 200, 150 if i % 2 else 200))
        cat.save(f"photos/{i:02}.png")
    return cells_of(make("--size", "503x302"))


@pytest.mark.parametrize(
    "words",
    [("--variants", "mirror"), ("--variants", "mirror", "crops"), ("--crop", "content")],
)
def test_a_variant_is_read_again_as_the_variant_that_it_is(words: tuple[str, ...]) -> None:
    path = make("--size", "500x300", "--feature", "pixels", *words)
    assert len({variant for _, variant in shown(path)}) > 1 or "content" in words
    assert min(likeness(path)) > 30


def test_what_stands_out_is_sought_as_it_was_seen_in_the_thumbnail() -> None:
    wide = Image.new("RGB", (400, 100), "gray")
    wide.paste(cats.paint_cat(1).resize((100, 100)), (280, 0))
    wide.save("wide.png")
    small = variants.cut_photo("wide.png", ".", (20, 20), "content")[1]
    large = variants.cut_photo("wide.png", ".", (100, 100), "content", (20, 20))[1]
    middle = variants.cut_photo("wide.png", ".", (20, 20))[1]
    found = np.asarray(large.resize((20, 20), Image.Resampling.BOX))
    assert psnr(found, np.asarray(small)) > 25 > psnr(found, np.asarray(middle))


def test_of_a_photo_only_the_variants_that_are_used_are_read_again() -> None:
    path = make("--size", "500x300", "--feature", "pixels", "--variants", "mirror", "crops")
    (again,) = (
        p for p in Path("cache").glob("*.h5") if open_store(str(p)).thumb_res[0] > 20
    )
    with open_store(str(again)) as store:
        found = set(zip(store.names, store.variants, strict=True))
    assert found == set(shown(path))


def test_photos_in_an_archive_are_read_again_too() -> None:
    with zipfile.ZipFile("photos.zip", "w") as archive:
        for photo in sorted(Path("photos").iterdir()):
            archive.write(photo)
    path = make("--size", "500x300", photos="photos.zip")
    assert min(likeness(path, ".")) > 30


@pytest.mark.parametrize("words", [("--size", "1000x600"), ("--thumb-res", 200, 200)])
def test_pasting_larger_reads_photos_again(words: tuple[object, ...]) -> None:
    small = make()
    assert run("paste", small, "large.png", *words) == 0
    for cell, (name, variant) in zip(
        cells_of(Path("large.png")), shown(small), strict=True
    ):
        photo = variants.cut_photo(name, "photos", (200, 200), variant)[1]
        assert psnr(cell, np.asarray(photo)) > 30


def test_recolouring_works_on_photos_that_are_read_again() -> None:
    make("--size", "500x300")
    far = {}
    for strength in (0, 1):
        assert run("paste", "out.png", f"{strength}.png", "--recolour", strength) == 0
        means = np.array([c.mean(axis=(0, 1)) for c in cells_of(Path(f"{strength}.png"))])
        target = (
            Image.open("target.png")
            .convert("RGB")
            .resize((COLS, ROWS), Image.Resampling.BOX)
        )
        far[strength] = np.abs(means - np.asarray(target).reshape(-1, 3)).mean()
    assert far[1] < far[0] / 3


def test_the_match_is_the_same_whether_photos_are_read_again_or_not() -> None:
    found = []
    for words in [("--size", "100x60"), ("--size", "500x300")]:
        found.append(read_report(make(*words).with_suffix(".json")))
    assert found[0].match == found[1].match
    assert found[0].cost == found[1].cost


# What is read


def test_what_was_read_again_is_kept_for_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = make("--size", "500x300").read_bytes()
    monkeypatch.setattr(sharp, "read_again", refuse)
    assert make("--size", "500x300").read_bytes() == first


@pytest.mark.parametrize("size", ["100x60", "73x41"])
def test_cells_that_are_no_larger_than_thumbnails_need_no_photo(
    size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharp, "read_again", refuse)
    make("--size", size)


def test_a_cell_of_another_shape_shows_what_its_thumbnail_shows() -> None:
    assert read_size((30, 30), (20, 20)) == (45, 45)
    assert read_size((61, 60), (20, 20)) == (92, 90)
    assert read_size((100, 20), (20, 20)) == (150, 150)
    assert largest_cell((503, 302), (3, 5)) == (101, 101)


# Photos that are not what they were


def test_photos_that_are_gone_are_named_counted_and_drawn_from_thumbnails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = make("--store", "m.h5")
    gone = sorted({name for name, _ in shown(path)})[:7]
    for name in gone:
        Path("photos", name).unlink()
    assert run("paste", "out.png", "large.png", "--size", "500x300") == 0
    said = capsys.readouterr().err
    assert "enlarged 7 photos from thumbnails, 5.0 times" in said
    assert [name in said for name in gone] == [True] * 5 + [False] * 2
    with open_store("m.h5") as store:
        for cell, (name, _) in zip(cells_of(Path("large.png")), shown(path), strict=True):
            i = store.names.index(name)
            enlarged = read_thumbnails(store, [i], (100, 100))[0]
            assert (psnr(cell, enlarged) > 60) == (name in gone)


@pytest.mark.long
@pytest.mark.parametrize("change", ["another photo", "turned", "cut short"])
def test_a_photo_that_has_changed_is_named_and_drawn_from_its_thumbnail(
    change: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make("--store", "m.h5")
    name = shown(path)[0][0]
    photo = Path("photos", name)
    if change == "another photo":
        size = Image.open(photo).size
        Image.new("RGB", size, "magenta").save(photo)
    elif change == "turned":
        Image.open(photo).resize((90, 200)).save(photo)
    else:
        photo.write_bytes(photo.read_bytes()[:2000])
    assert run("paste", "out.png", "large.png", "--size", "500x300") == 0
    said = capsys.readouterr().err
    assert f"not read again: {name}" in said and "enlarged 1 photo from thumbnails" in said
    with open_store("m.h5") as store:
        enlarged = read_thumbnails(store, [store.names.index(name)], (100, 100))
    assert psnr(cells_of(Path("large.png"))[0], enlarged[0]) > 60


def test_a_photo_with_a_new_time_has_not_changed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    make("--store", "m.h5")
    for photo in Path("photos").iterdir():
        photo.touch()
    assert run("paste", "out.png", "large.png", "--size", "500x300") == 0
    assert "not read again" not in capsys.readouterr().err


def test_photos_that_have_moved_are_found_where_one_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    make("--store", "m.h5")
    Path("photos").rename("attic")
    large = ("--size", "500x300")
    assert run("paste", "out.png", "large.png", *large, "--image-path", "attic") == 0
    assert capsys.readouterr().err == ""
    sharp_one = cells_of(Path("large.png"))[0]
    assert run("paste", "out.png", "large.png", *large) == 0
    assert "--image-path" in capsys.readouterr().err
    assert psnr(cells_of(Path("large.png"))[0], sharp_one) < 30


# Too small


def test_photos_too_small_for_their_cells_are_counted_before_the_match(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(3):
        Image.open(f"photos/{i:02}.png").resize((50, 50)).save(f"photos/{i:02}.png")
    monkeypatch.setattr(making, "make_match", None)
    with pytest.raises(TypeError):
        make("--size", "500x300")
    said = capsys.readouterr().err
    assert "3 of 20 photos are too small for cells of 100 x 100 pixels" in said
    assert "up to 2.0 times" in said
    assert all(word in said for word in ("smaller print", "more cells", "--dpi"))


def test_a_third_more_is_not_worth_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    make("--size", "950x570")  # cells of 190, photos of at least 150
    assert "too small" not in capsys.readouterr().err
    make("--size", "1000x600")
    assert "10 of 20 photos" in capsys.readouterr().err


def test_a_photo_that_is_read_again_has_the_size_and_the_colours_of_its_thumbnail() -> None:
    make("--store", "m.h5")
    Image.new("RGB", (200, 150), "magenta").save("photos/01.png")  # it was as large
    Image.open("photos/03.png").resize((90, 200)).save("photos/03.png")
    settings = StoreSettings(thumb_res=(40, 40), workers=1)
    names = ["01.png", "03.png", "05.png"]
    with open_store("m.h5") as store:
        wanted = dict.fromkeys(names, ("",))
        found = list(sharp.read_again(names, "photos", settings, store, wanted))
    assert found[:2] == [Reject(name, "it has changed") for name in names[:2]]
    assert isinstance(found[2], Thumbnail) and found[2].name == "05.png"
