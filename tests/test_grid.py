"""The target in cells: how many, of which shape, and which of them stay empty."""

import doctest
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from mosaic import Array, mean_colour
from smalti import grid
from smalti.grid import (
    FEWEST_CELLS,
    MOST_CELLS,
    Cells,
    GridSettings,
    cells_for,
    check_grid,
    crop_to_tiles,
    empty_cells,
    fit_grid,
    make_view,
    mask_cells,
    wanted_size,
    weigh_cells,
)
from smalti.ground.errors import MosaicError
from smalti.ground.photos import ORIENTATION
from smalti.variants import SHAPES

SIDE = st.integers(1, 20_000)
TURN = {6: Image.Transpose.ROTATE_90, 3: Image.Transpose.ROTATE_180}  # undone by the tag


def test_the_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(grid).failed == 0
    assert doctest.testmod(grid).attempted > 2


def numbered(cols: int, rows: int, side: int = 10) -> Image.Image:
    """A target of square cells, each of its own grey: 10, 20, 30, row by row."""
    greys = 10 * np.arange(1, cols * rows + 1, dtype=np.uint8).reshape(rows, cols)
    return Image.fromarray(greys.repeat(side, 0).repeat(side, 1)).convert("RGB")


def lying(image: Image.Image, turn: int = 6) -> Image.Image:
    """The same image as a camera saves it that was held on its side."""
    exif = Image.Exif()
    exif[ORIENTATION] = turn
    found = image.transpose(TURN[turn])
    found.info["exif"] = exif.tobytes()
    return found


def greys(cells: Array) -> list[int]:
    """The grey of each cell, in tens."""
    return [round(grey / 10) for grey in mean_colour(cells)[:, 0].tolist()]


# How many cells


def test_the_grid_of_a_square_target_is_square() -> None:
    assert fit_grid((500, 500), (50, 50), 10_000) == (100, 100)
    assert fit_grid((500, 500), (50, 50), cells_for(1_000_000)) == (100, 100)
    assert fit_grid((500, 500), (50, 50), cells_for(3)) == (40, 40)
    assert fit_grid((500, 500), (50, 50), 4) == (2, 2)
    assert fit_grid((500, 500), (50, 50), 1) == (1, 1)


@given(st.integers(0, 10**6))
def test_uses_are_cells_within_bounds(uses: int) -> None:
    cells = cells_for(uses)
    assert FEWEST_CELLS <= cells <= MOST_CELLS
    assert cells == uses or cells in (FEWEST_CELLS, MOST_CELLS)
    assert cells_for(uses + 1) >= cells


@given(st.tuples(SIDE, SIDE), st.tuples(st.integers(1, 200), st.integers(1, 200)), SIDE)
def test_the_grid_has_no_more_cells_than_asked_for(
    size: tuple[int, int], thumb_res: tuple[int, int], cells: int
) -> None:
    cols, rows = fit_grid(size, thumb_res, cells)
    assert cols >= 1
    assert rows >= 1
    assert cols * rows <= cells


@given(
    st.tuples(st.integers(100, 400), st.integers(100, 400)),
    st.sampled_from([(50, 50), (60, 40), (40, 60), (30, 20)]),
    st.integers(FEWEST_CELLS, 20_000),
)
def test_the_grid_has_nearly_the_shape_of_the_target_and_nearly_all_the_cells(
    size: tuple[int, int], thumb_res: tuple[int, int], cells: int
) -> None:
    cols, rows = fit_grid(size, thumb_res, cells)
    shape = cols * thumb_res[0] / (rows * thumb_res[1])
    assert shape == pytest.approx(size[0] / size[1], rel=0.06)
    assert cols * rows > 0.9 * cells


@pytest.mark.parametrize(
    ("size", "expected"), [((1, 100_000), (1, 100)), ((100_000, 1), (100, 1))]
)
def test_a_very_narrow_target_has_a_single_column_or_row(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert fit_grid(size, (50, 50), 100) == expected


def test_wide_stones_make_fewer_columns() -> None:
    (square, wide) = (fit_grid((900, 600), res, 2400) for res in [(50, 50), (100, 50)])
    assert square[0] > wide[0]
    assert all(cols * rows <= 2400 for cols, rows in (square, wide))


@pytest.mark.parametrize("size", [(600, 900), (900, 600), (640, 360)])
@pytest.mark.parametrize("thumb_res", SHAPES)
def test_a_disc_stays_round_in_cells_of_any_shape(
    size: tuple[int, int], thumb_res: tuple[int, int]
) -> None:
    target = Image.new("RGB", size)
    middle = (size[0] // 2, size[1] // 2)
    ImageDraw.Draw(target).circle(middle, min(size) // 3, "white")
    view = make_view(target, thumb_res, GridSettings(), cells=2400)
    (cols, rows), (width, height) = view.grid, (thumb_res[0] // 5, thumb_res[1] // 5)
    assert 0.93 * 2400 < cols * rows <= 2400
    cells = view.cut((width, height)).reshape(rows, cols, height, width, 3)
    seen = cells.transpose(0, 2, 1, 3, 4).reshape(rows * height, cols * width, 3)
    left, top, right, bottom = Image.fromarray(seen).getbbox() or (0, 0, 0, 0)
    assert (right - left) / width * thumb_res[0] == pytest.approx(
        (bottom - top) / height * thumb_res[1], rel=0.02
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (GridSettings(target_res=(3, 0)), "target_res = (3, 0): give both numbers, or 0 0"),
        (GridSettings(size=(0, 9)), "size = (0, 9): give width and height, or 0 0"),
        (GridSettings(target_res=(3, 2), tile=4), "`tile` does not go with `target_res`"),
        (GridSettings(size=(9, 9), tile=4), "`tile` does not go with `size`"),
    ],
)
def test_two_grids_at_once_or_half_of_one_are_refused(
    asked: GridSettings, said: str
) -> None:
    with pytest.raises(MosaicError) as caught:
        check_grid(asked)
    assert str(caught.value) == said


# A view


def test_the_grid_that_is_asked_for_is_the_grid() -> None:
    view = make_view(numbered(3, 2), (8, 8), GridSettings(target_res=(3, 2)))
    assert (view.grid, view.shape, view.empty.shape) == ((3, 2), (8.0, 8.0), (2, 3))
    assert greys(view.cut()) == [1, 2, 3, 4, 5, 6]
    assert view.cut((5, 7)).shape == (6, 7, 5, 3)


def test_without_a_grid_the_number_of_cells_decides() -> None:
    view = make_view(Image.new("RGB", (450, 300)), (50, 50), GridSettings(), cells=2400)
    assert view.grid == (60, 40)


def test_a_lying_target_is_seen_upright() -> None:
    target = lying(numbered(3, 2))
    assert greys(make_view(target, (8, 8), GridSettings(target_res=(3, 2))).cut()) == [
        *range(1, 7)
    ]
    assert make_view(target, (8, 8), GridSettings(tile=10)).grid == (3, 2)
    cols, rows = make_view(target, (8, 8), GridSettings(), cells=1600).grid
    assert cols > rows


# Pixels of the target


def test_a_tile_of_so_many_pixels_is_a_cell() -> None:
    view = make_view(numbered(4, 3), (8, 8), GridSettings(tile=10))
    assert view.grid == (4, 3)
    assert greys(view.cut()) == [*range(1, 13)]


def test_what_is_left_over_is_cut_off_equally_on_both_sides() -> None:
    target = Image.new("RGB", (35, 24), "white")
    target.paste(numbered(3, 2), (2, 2))
    small, grid = crop_to_tiles(target, 10, (8, 8))
    assert (small.size, grid) == ((30, 20), (3, 2))
    assert small.getpixel((0, 0)) == (10, 10, 10)
    assert small.getpixel((29, 19)) == (60, 60, 60)


@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.integers(1, 30),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
def test_tiles_are_whole_and_lose_less_than_one_of_them(
    size: tuple[int, int], tile: int, thumb_res: tuple[int, int]
) -> None:
    height = max(1, round(tile * thumb_res[1] / thumb_res[0]))
    target = Image.new("L", size)
    if tile > size[0] or height > size[1]:
        with pytest.raises(MosaicError, match=f"tile = {tile}: the target has only"):
            crop_to_tiles(target, tile, thumb_res)
        return
    small, (cols, rows) = crop_to_tiles(target, tile, thumb_res)
    assert small.size == (cols * tile, rows * height)
    assert 0 <= size[0] - small.width < tile
    assert 0 <= size[1] - small.height < height


def test_a_mask_of_the_targets_size_is_cropped_with_it() -> None:
    mask = Image.new("L", (39, 29), "white")
    mask.paste("black", (4, 4, 11, 14))  # seven tenths of the first tile
    view = make_view(Image.new("RGB", (39, 29)), (8, 8), GridSettings(tile=10), mask=mask)
    assert view.empty.tolist() == [[True, False, False], [False, False, False]]


# An exact size


def test_an_exact_size_has_a_shape_of_its_own() -> None:
    asked = GridSettings(target_res=(3, 2), size=(90, 20))
    view = make_view(numbered(3, 2, 30), (8, 8), asked)
    assert view.shape == (30.0, 10.0)
    assert wanted_size(asked) == (90, 20)
    assert greys(view.cut()) == [1, 2, 3, 4, 5, 6]


def test_a_size_decides_the_grid_if_nothing_else_does() -> None:
    view = make_view(Image.new("RGB", (90, 90)), (8, 8), GridSettings(size=(3200, 800)))
    assert view.grid[0] == 4 * view.grid[1]


@pytest.mark.parametrize("size", [(2, 90), (90, 1)])
def test_a_size_of_fewer_pixels_than_cells_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(MosaicError, match="that is too small for 3 x 2 cells"):
        make_view(numbered(3, 2), (8, 8), GridSettings(target_res=(3, 2), size=size))


def test_without_a_size_there_is_none() -> None:
    assert wanted_size(GridSettings()) is None


# Empty cells


def test_a_cell_is_empty_where_the_target_is_mostly_transparent() -> None:
    target = Image.new("RGBA", (30, 20), "red")
    target.paste((0, 0, 0, 0), (0, 0, 10, 10))
    target.paste((0, 0, 0, 0), (20, 10, 26, 20))  # three fifths of the last cell
    target.paste((0, 0, 0, 0), (10, 10, 14, 20))  # two fifths of the one before it
    assert empty_cells(target, (3, 2), (8, 8)).tolist() == [
        [True, False, False],
        [False, False, True],
    ]


def test_an_opaque_target_has_no_empty_cells() -> None:
    assert not empty_cells(numbered(3, 2), (3, 2), (8, 8)).any()


@pytest.mark.parametrize("turn", sorted(TURN))
def test_empty_cells_of_a_lying_target_are_where_they_are_seen(turn: int) -> None:
    target = Image.new("RGBA", (30, 20), "red")
    target.paste((0, 0, 0, 0), (0, 0, 10, 10))
    found = empty_cells(lying(target, turn), (3, 2), (8, 8))
    assert found.tolist() == [[True, False, False], [False, False, False]]


def test_a_mask_leaves_cells_empty_where_it_is_not_white() -> None:
    mask = Image.new("L", (6, 4), "white")
    mask.putpixel((0, 0), 0)
    mask.paste(60, (4, 2, 6, 4))
    assert mask_cells(mask, (3, 2), (8, 8)).tolist() == [
        [False, False, False],
        [False, False, True],
    ]


def test_what_is_transparent_in_a_mask_counts_as_black() -> None:
    mask = Image.new("RGBA", (6, 4), (255, 255, 255, 255))
    mask.paste((255, 255, 255, 0), (0, 0, 2, 2))
    assert mask_cells(mask, (3, 2), (8, 8)).tolist()[0] == [True, False, False]


def test_a_mask_of_another_size_and_shape_is_cut_as_the_target_is() -> None:
    mask = Image.new("L", (60, 60), "white")
    mask.paste(0, (0, 10, 20, 30))  # the first cell of the middle 60 x 40 pixels
    view = make_view(numbered(3, 2), (8, 8), GridSettings(target_res=(3, 2)), mask=mask)
    assert view.empty.tolist() == [[True, False, False], [False, False, False]]


def test_target_and_mask_both_leave_cells_empty() -> None:
    target, mask = Image.new("RGBA", (30, 20), "red"), Image.new("L", (30, 20), "white")
    target.paste((0, 0, 0, 0), (0, 0, 10, 10))
    mask.paste(0, (20, 10, 30, 20))
    view = make_view(target, (8, 8), GridSettings(target_res=(3, 2)), mask=mask)
    assert view.empty.tolist() == [[True, False, False], [False, False, True]]


@pytest.mark.parametrize("masked", [False, True])
def test_nothing_to_fill_is_refused(masked: bool) -> None:
    target = Image.new("RGB" if masked else "RGBA", (30, 20))
    mask = Image.new("L", (30, 20)) if masked else None
    with pytest.raises(MosaicError, match="no cell is left to fill"):
        make_view(target, (8, 8), GridSettings(target_res=(3, 2)), mask=mask)


# Where it matters


def test_a_box_weighs_the_cells_that_it_covers() -> None:
    target = Image.new("RGB", (60, 40))
    weight = weigh_cells(("20,0,20,20",), target, (3, 2), (10, 10))
    assert weight.tolist() == [[0, 1, 0], [0, 0, 0]]


def test_a_box_that_covers_half_of_a_cell_weighs_it_by_half() -> None:
    weight = weigh_cells(("0,0,10,40",), Image.new("RGB", (60, 40)), (3, 2), (10, 10))
    assert weight.round(2).tolist() == [[0.5, 0, 0], [0.5, 0, 0]]


def test_a_box_stays_where_it_is_if_the_edges_of_the_target_are_cut_off() -> None:
    target, settings = (
        Image.new("RGB", (66, 45)),
        GridSettings(tile=20, focus=("23,2,20,20",)),
    )
    view = make_view(target, (10, 10), settings)
    assert view.target.size == (60, 40)  # 3 pixels are cut off at the left, 2 at the top
    assert view.weight.tolist() == [[0, 1, 0], [0, 0, 0]]


def test_boxes_and_a_painted_image_add_up(tmp_path: Path) -> None:
    painted = Image.new("L", (6, 4))
    painted.paste(255, (4, 2, 6, 4))
    painted.save(tmp_path / "face.png")
    words = ("0,0,20,20", str(tmp_path / "face.png"))
    weight = weigh_cells(words, Image.new("RGB", (60, 40)), (3, 2), (10, 10))
    assert weight.round(1).tolist() == [[1, 0, 0], [0, 0, 1]]


def test_without_a_focus_all_cells_are_alike() -> None:
    assert not weigh_cells((), Image.new("RGB", (6, 4)), (3, 2), (10, 10)).any()


@pytest.mark.parametrize("word", ["100,100,5,5", "no such file.png"])
def test_a_focus_beside_the_target_is_one_line(word: str) -> None:
    with pytest.raises(MosaicError, match="focus"):
        weigh_cells((word,), Image.new("RGB", (60, 40)), (3, 2), (10, 10))


# Some cells at a time


def in_bands(monkeypatch: pytest.MonkeyPatch, pixels: int) -> None:
    """Let so many pixels be the most that are cut or handed on at once."""
    for name in ("WHOLE", "BAND", "PART"):
        monkeypatch.setattr(grid, name, pixels)


@pytest.mark.parametrize("turn", [1, 6])
@pytest.mark.parametrize("shape", [(50, 50), (70, 40)])
def test_cells_cut_in_bands_are_those_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int], turn: int
) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (9, 7, 3), np.uint8)
    target = Image.fromarray(noise).resize((170, 230), Image.Resampling.BICUBIC)
    target = lying(target) if turn == 6 else target
    view = make_view(target, shape, GridSettings(target_res=(5, 8)))
    whole = view.cut((6, 7))
    for rows in (1, 3, 8):
        in_bands(monkeypatch, rows * 5 * 6 * 7)
        parts = list(Cells(view, (6, 7)).parts())
        assert len(parts) == -(-8 // rows)
        assert np.abs(np.concatenate(parts).astype(int) - whole).max() <= 1


def test_up_to_some_size_cells_are_those_of_the_book(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (31, 37, 4), np.uint8)
    view = make_view(Image.fromarray(noise), (50, 50), GridSettings(target_res=(5, 4)))
    monkeypatch.setattr(grid, "PART", 5 * 4)
    parts = list(Cells(view, (4, 4)).parts())
    assert len(parts) == 4
    assert np.array_equal(np.concatenate(parts), view.cut())


def test_cells_are_had_by_their_numbers_in_any_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    view = make_view(numbered(3, 4), (8, 8), GridSettings(target_res=(3, 4)))
    in_bands(monkeypatch, 3 * 16)
    assert greys(Cells(view, (4, 4))[np.array([11, 0, 3, 3, 8])]) == [12, 1, 4, 4, 9]


def test_rows_of_cells_are_cut_once_while_one_goes_through_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    view = make_view(numbered(3, 4), (8, 8), GridSettings(target_res=(3, 4)))
    in_bands(monkeypatch, 2 * 3 * 16)
    cells, cut, once = Cells(view, (4, 4)), list[int](), Cells.cut_band

    def cut_and_count(self: Cells, band: int) -> Array:
        cut.append(band)
        return once(self, band)

    monkeypatch.setattr(Cells, "cut_band", cut_and_count)
    for place in range(12):
        cells[np.array([place])]
    assert cut == [0, 1]


def test_only_filled_cells_are_described(monkeypatch: pytest.MonkeyPatch) -> None:
    target = numbered(3, 4).convert("RGBA")
    alpha = Image.new("L", (30, 40), 255)
    alpha.paste(0, (0, 0, 20, 10))
    target.putalpha(alpha)
    view = make_view(target, (8, 8), GridSettings(target_res=(3, 4)))
    in_bands(monkeypatch, 3 * 16)
    assert view.describe(lambda cells: cells[:, 2, 2, 0]).tolist() == [*range(30, 121, 10)]


def test_where_all_cells_of_a_band_are_empty_nothing_is_described(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = numbered(3, 4).convert("RGBA")
    alpha = Image.new("L", (30, 40), 255)
    alpha.paste(0, (0, 10, 30, 20))
    target.putalpha(alpha)
    view = make_view(target, (8, 8), GridSettings(target_res=(3, 4)))
    in_bands(monkeypatch, 3 * 16)
    counts = list[int]()

    def describe(cells: Array) -> Array:
        counts.append(len(cells))
        return cells[:, 2, 2, 0]

    found = view.describe(describe)
    assert counts == [3, 3, 3]
    assert len(found) == 9
    assert found[3:].tolist() == [*range(70, 130, 10)]
