"""Drawing: labels never collide, outlines show on anything, and no size or text breaks it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lucida.media import Image, InputError, Region, annotate, contact_sheet, palette, strip
from lucida.media import draw as drawing
from lucida.media.colours import DARK, LIGHT, oklab, readable_on
from lucida.media.labels import Placer
from lucida.media.text import cleaned, font_of, line_height, tag, wrapped

TEXTS = (
    "a red fox left of a blue umbrella",
    "",
    "cat",
    "中文标签",
    "🦊 emoji",
    "مرحبا",
    "x" * 400,
    "two\nlines\x00\ud800",
)


def plain(height: int, width: int, value: int = 90) -> Image:
    return Image(np.full((height, width, 3), value, np.uint8))


def noise(height: int, width: int) -> Image:
    return Image(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def blob(size: tuple[int, int], x: float, y: float, radius: float) -> Region:
    return Region.from_points([(x, y)], size, radius=radius)


def crowd(size: tuple[int, int], count: int, seed: int = 0) -> list[Region]:
    rng = np.random.default_rng(seed)
    return [blob(size, *rng.random(2), 0.02 + 0.2 * rng.random()) for _ in range(count)]


# placing


@given(
    st.integers(1, 200),
    st.integers(1, 200),
    st.lists(
        st.tuples(st.integers(1, 60), st.integers(1, 90), st.floats(0, 1), st.floats(0, 1)), max_size=30
    ),
)
def test_placed_boxes_stay_inside_and_apart(height: int, width: int, labels: list) -> None:
    placer = Placer((height, width), [(x * width, y * height) for *_, x, y in labels])
    boxes = []
    for h, w, x, y in labels:
        left, top = int(x * (width - 1)), int(y * (height - 1))
        box = placer.place((h, w), (left, top, min(width, left + 9), min(height, top + 9)))
        if box is not None:
            assert box[2] - box[0] == w and box[3] - box[1] == h
            boxes.append(box)
    for i, (x0, y0, x1, y1) in enumerate(boxes):
        assert 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
        assert all(x0 >= b[2] or b[0] >= x1 or y0 >= b[3] or b[1] >= y1 for b in boxes[:i])


def test_a_label_sits_above_or_else_below() -> None:
    above = Placer((100, 200)).place((10, 40), (50, 50, 120, 70))
    assert above == (50, 38, 90, 48)
    at_the_top = Placer((100, 200)).place((10, 40), (50, 0, 120, 20))
    assert at_the_top == (50, 0, 90, 10), "pushed back inside, over its own region"
    assert Placer((8, 200)).place((10, 40), (0, 0, 5, 5)) is None
    full = Placer((20, 40))
    assert full.place((20, 40), (0, 0, 40, 20)) and full.place((5, 5), (0, 0, 40, 20)) is None


def test_a_label_keeps_off_other_regions_and_their_centres() -> None:
    crowded = np.zeros((10, 10), bool)
    crowded[:5] = True
    box = Placer((100, 100), crowded=crowded).place((10, 20), (40, 40, 60, 60))
    assert box is not None and box[1] >= 50
    hidden = Placer((100, 100), centres=[(45, 33)]).place((10, 20), (40, 40, 60, 60))
    assert hidden is not None and not (hidden[0] <= 45 < hidden[2] and hidden[1] <= 33 < hidden[3])


@pytest.mark.parametrize("size", [(192, 192), (400, 600), (300, 1000)])
@pytest.mark.parametrize("count", [1, 7, 64])
def test_labels_of_a_crowd_do_not_collide(size: tuple[int, int], count: int) -> None:
    regions = crowd(size, count)
    captions = [(str(i + 1), cleaned(TEXTS[i % len(TEXTS)])) for i in range(count)]
    points = [drawing._visual_centre(region) for region in regions]
    placed = drawing._placed(regions, captions, palette(count), points, None)
    assert len(placed) == count, "there is room for every number"
    taken = np.zeros(size, int)
    for _, (x0, y0, x1, y1), picture in placed:
        assert picture.size == (x1 - x0, y1 - y0)
        taken[y0:y1, x0:x1] += 1
    assert taken.max() == 1
    assert taken.mean() <= 0.36 or all(tag.width < 30 for *_, tag in placed), "numbers alone may take more"


# pictures


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (7, 9), (30, 30), (64, 2000)])
def test_every_size(size: tuple[int, int]) -> None:
    image = plain(*size)
    for longest in (None, 1, 90):
        for region in (Region.from_box((0, 0, 1, 1), size), blob(size, 0.5, 0.5, 0.2)):
            out = annotate(image, [region, region], ["a long label for a small picture", ""], longest=longest)
            assert max(out.size) == (longest or max(size))
    assert annotate(image, []) == image


@pytest.mark.parametrize("size", [(20_000, 40), (3, 20_000)])
def test_very_long_pictures(size: tuple[int, int]) -> None:
    assert annotate(plain(*size), [blob(size, 0.5, 0.5, 0.4)], ["here"]).size == size


def test_a_large_picture() -> None:
    size = (3000, 4000)
    assert annotate(plain(*size), crowd(size, 2), ["one", "two"]).size == size


def test_it_is_deterministic_and_leaves_its_input_alone() -> None:
    image = noise(120, 160)
    before = image.pixels.copy()
    regions = crowd(image.size, 5)
    first, second = (annotate(image, regions, list(TEXTS[:5])) for _ in range(2))
    assert first == second and first != image and (image.pixels == before).all()


@pytest.mark.parametrize("text", TEXTS)
def test_every_text(text: str) -> None:
    size = (120, 200)
    assert annotate(noise(*size), [blob(size, 0.4, 0.4, 0.2)], [text]).size == size
    assert contact_sheet([plain(20, 30)], [text]).size[0] > 20


@pytest.mark.parametrize("name", ["black", "white", "noise", "own colour"])
def test_an_outline_shows_on_anything(name: str) -> None:
    """Along the edge lie a stroke that is dark and one that is light enough, whatever is below."""
    size = (80, 100)
    region = Region.from_pixel_box((20, 20, 80, 60), size)
    for colour in palette(12):
        image = {"black": plain(*size, 0), "white": plain(*size, 255), "noise": noise(*size)}.get(name)
        image = image or Image(np.broadcast_to(np.array(colour, np.uint8), (*size, 3)).copy())
        out = annotate(image, [region], colours=[colour], numbers=False)
        lightness = oklab(out.pixels)[..., 0]
        across = lightness[40, 16:26]  # from outside to inside over the left edge
        assert across.max() - across.min() > 0.25, (name, colour)


def test_fill_and_colour_by_hand() -> None:
    size = (40, 40)
    out = annotate(
        plain(*size, 100),
        [Region.from_box((0, 0, 1, 1), size)],
        colours=[(200, 0, 100)],
        fill=0.5,
        numbers=False,
    )
    assert abs(out.pixels.astype(int) - [150, 50, 100]).max() <= 1, "a full mask has a fill and no edge"
    half = annotate(
        plain(*size, 100),
        [Region.from_box((0, 0, 0.5, 1), size)],
        colours=[(200, 0, 100)],
        fill=0,
        numbers=False,
    )
    assert (half.pixels[:, 21:] == 100).all() and (half.pixels[:, :18] == 100).all()
    assert half.pixels[5, 19].tolist() == [200, 0, 100] and half.pixels[5, 20].max() < 50


def test_small_regions_stay_visible_on_large_ones() -> None:
    size = (60, 60)
    small, large = Region.from_pixel_box((25, 25, 35, 35), size), Region.from_box((0, 0, 1, 1), size)
    for order in ((small, large), (large, small)):
        colours = [(255, 0, 0) if region is small else (0, 0, 255) for region in order]
        assert annotate(plain(60, 60), order, colours=colours, numbers=False).pixels[25, 30].tolist() == [
            255,
            0,
            0,
        ]


def test_regions_of_the_unreduced_picture_fit() -> None:
    image = Image.open(noise(80, 100).to_pil(), max_pixels=2000)
    assert image.size == (40, 50)
    assert annotate(image, [blob((80, 100), 0.5, 0.5, 0.3)]).size == (40, 50)
    with pytest.raises(InputError, match="99 x 80 picture does not fit"):
        annotate(image, [blob((80, 99), 0.5, 0.5, 0.3)])


def test_bad_arguments() -> None:
    size = (20, 20)
    image, region = plain(*size), blob(size, 0.5, 0.5, 0.2)
    for arguments, message in (
        ({"labels": ["a", "b"]}, "2 labels for 1 regions"),
        ({"colours": []}, "0 colours for 1 regions"),
        ({"fill": 2}, "fill"),
        ({"longest": 0}, "longest"),
        ({"font": "/no/such/font.ttf"}, "cannot read font /no/such/font.ttf"),
    ):
        with pytest.raises(InputError, match=message):
            annotate(image, [region], **arguments)


@settings(max_examples=20)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 6), st.integers(0, 99))
def test_any_small_picture(height: int, width: int, count: int, seed: int) -> None:
    size = (height, width)
    out = annotate(plain(*size), crowd(size, count, seed), [TEXTS[i] for i in range(count)], longest=70)
    assert max(out.size) == 70


def test_the_visual_centre_lies_in_the_region() -> None:
    ring = np.hypot(*(np.indices((101, 101)) - 50))
    region = Region.from_mask((ring > 30) & (ring < 48))
    x, y = drawing._visual_centre(region)
    assert region.mask[int(y), int(x)]
    assert drawing._visual_centre(Region.from_box((0, 0, 1, 1), (50, 70))) == pytest.approx((35, 25), abs=3)


# colours and text


def test_palette_is_stable_and_far_apart() -> None:
    assert (
        palette(5) == palette(64)[:5] and len(set(palette(64))) == 64 and palette(130)[128] == palette(1)[0]
    )
    assert palette(0) == []
    lab = oklab(np.array(palette(16)))
    distances = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
    assert distances[~np.eye(16, dtype=bool)].min() > 0.09
    for colour in palette(64):
        text = readable_on(colour)
        assert abs(oklab(np.array(colour))[0] - oklab(np.array(text))[0]) > 0.3


def test_oklab_of_white_black_and_red() -> None:
    np.testing.assert_allclose(
        oklab(np.array([[255, 255, 255], [0, 0, 0]])), [[1, 0, 0], [0, 0, 0]], atol=1e-3
    )
    np.testing.assert_allclose(oklab(np.array([255, 0, 0])), [0.628, 0.225, 0.126], atol=1e-3)


@given(st.text(max_size=80), st.integers(5, 300), st.integers(1, 4))
def test_wrapping(text: str, width: int, lines: int) -> None:
    font = font_of(12)
    rows = wrapped(text, font, width, lines)
    assert len(rows) <= lines
    widest = max((font.getlength(each) for each in cleaned(text)), default=0) + font.getlength("…")
    assert all(font.getlength(row) <= max(width, widest) + 1 for row in rows)
    if not any(row.endswith("…") for row in rows):
        assert "".join(rows).replace(" ", "") == cleaned(text).replace(" ", "")


def test_tags_are_as_large_as_their_text() -> None:
    font = font_of(14)
    one, two = tag("1", ["hello"], font, (255, 120, 0)), tag("1", ["hello", "there you"], font, (255, 120, 0))
    assert two.height == one.height + line_height(font) and two.width > one.width
    colours = {each[:3] for _, each in one.getcolors(10_000)}
    assert {(255, 120, 0), DARK} <= colours and max(map(min, colours)) >= min(LIGHT) - 40


# sheets


def test_a_contact_sheet_holds_every_picture() -> None:
    images = [
        Image(np.full((h, w, 3), i * 20, np.uint8))
        for i, (h, w) in enumerate([(10, 20), (30, 10), (1, 1), (5, 500)])
    ]
    sheet = contact_sheet(images, ["a", "b", "", "a caption that is long enough to wrap"], columns=3, tile=60)
    shown = {tuple(each) for each in sheet.pixels.reshape(-1, 3).tolist()}
    assert all((i * 20,) * 3 in shown for i in range(4))
    assert contact_sheet(images, tile=60).size[1] < sheet.size[1]


def test_a_strip_is_one_row() -> None:
    images = [plain(20, 40)] * 4
    assert strip(images, height=50).size[1] == pytest.approx(4 * 100 + 5 * 4, abs=8)
    assert strip(images, ["step"] * 4, height=50).size[0] > strip(images, height=50).size[0] >= 50


@pytest.mark.parametrize("make", [contact_sheet, strip])
def test_bad_sheets(make: object) -> None:
    with pytest.raises(InputError, match="no pictures"):
        make([])  # type: ignore[operator]
    with pytest.raises(InputError, match="2 captions for 1 pictures"):
        make([plain(2, 2)], ["a", "b"])  # type: ignore[operator]
    with pytest.raises(InputError, match="at least 1"):
        make([plain(2, 2)], **{"tile" if make is contact_sheet else "height": 0})  # type: ignore[operator]
