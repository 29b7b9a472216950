from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucida.metrics.parsing import parse_box, parse_number, parse_span, parse_time


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3), ("there are 3.", 3), ("three", 3), ("Twenty-three foxes", 23), ("1,234", 1234), ("-2.5", -2.5),
        ("one hundred and five", 105), ("two thousand and sixteen", 2016), ("none", 0), ("zero", 0), ("3 (three)", 3),
        ("sixteen", 16), ("ninety", 90), ("nine hundred ninety nine thousand", 999000), ("12.50", 12.5),
        ("two or three", None), ("3 or 4", None), ("many", None), ("", None), ("no idea", None), ("v2x", None),
        ("none of the 4", 4),
    ],
)  # fmt: skip
def test_parse_number(text: str, value: float | None) -> None:
    assert parse_number(text) == value


@given(st.integers(-(10**6), 10**6))
def test_digits_round_trip(number: int) -> None:
    assert parse_number(f"it is {number}.") == number
    assert parse_number(f"{number:,}") == number


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12.5", 12.5), ("12.5 s", 12.5), ("at 7 seconds", 7), ("1:02", 62), ("01:02:03.5", 3723.5),
        ("2 min 5 s", 125), ("2m5s", 125), ("3 minutes", 180), ("2 minutes and 5.5 seconds", 125.5),
        ("soon", None), ("3 to 5", None),
    ],
)  # fmt: skip
def test_parse_time(text: str, seconds: float | None) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("3-5 s", (3, 5)), ("3.5 - 5.25", (3.5, 5.25)), ("from 0:03 to 0:05", (3, 5)), ("[3.0, 5.0]", (3, 5)),
        ("3s–5s", (3, 5)), ("between 00:59 and 1:01:00", (59, 3660)), ("1 min to 1 min 30 s", (60, 90)),
        ("5-3", None), ("3", None), ("1, 2, 3", None), ("", None),
    ],
)  # fmt: skip
def test_parse_span(text: str, span: tuple[float, float] | None) -> None:
    assert parse_span(text) == span


@given(st.floats(0, 9000, allow_nan=False), st.floats(0, 900, allow_nan=False))
def test_spans_round_trip(start: float, length: float) -> None:
    a, b = round(start, 2), round(start + length, 2)
    assert parse_span(f"{a} to {b} seconds") == pytest.approx((a, b))
    clock = [f"{int(t // 60):02d}:{int(t % 60):02d}" for t in (a, b)]
    assert parse_span(" - ".join(clock)) == (int(a), int(b))


def test_parse_box() -> None:
    assert parse_box("[0.1, 0.2, 0.3, 0.4]") == (0.1, 0.2, 0.3, 0.4)
    assert parse_box("(10 20) (30 40)") == (10, 20, 30, 40)
    assert parse_box("<box>.5,.5,1,1</box>") == (0.5, 0.5, 1, 1)
    assert parse_box("[0.3, 0.2, 0.1, 0.4]") is None  # inverted
    assert parse_box("0.1 0.2 0.3") is None
    assert parse_box("1 2 3 4 5") is None
