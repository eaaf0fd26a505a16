import pytest

from searchitect.reports.formatting import format_seconds, format_setting, format_value, round_figure


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("accuracy", 0.99107, "99.11 %"),
        ("params", 1234, "1 234"),
        ("params", 23410, "23.4 k"),
        ("params", 999_999_999, "1 G"),
        ("macs", 220_119_680, "220 M"),
        ("latency", 0.31, "0.31 ms"),
        ("memory", 12.0, "12 MB"),
        ("loss", 0.041234, "0.04123"),
        ("rmse", 123456.7, "123457"),
        ("r2", -0.5, "-0.5"),
        ("loss", 1e-7, "1e-07"),
        ("loss", 0, "0"),
        ("accuracy", None, "–"),
        ("accuracy", float("nan"), "–"),
    ],
)
def test_values_carry_their_unit(metric: str, value: float | None, text: str) -> None:
    assert format_value(metric, value).replace("\u202f", " ") == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.42, "0.42 s"), (59.7, "1 min 00 s"), (118.9, "1 min 59 s"), (7500, "2 h 05 min")]
)
def test_durations_are_told_in_two_units(value: float, text: str) -> None:
    assert format_seconds(value).replace("\u202f", " ") == text


def test_settings_of_any_kind_fit_on_a_line() -> None:
    assert format_setting(["a", 1]) == "a, 1"
    assert format_setting({"a": 1, "b": None}) == "a 1, b –"
    assert format_setting({"a": {"b": [1]}}) == '{"a": {"b": [1]}}'
    assert format_setting(True) == "yes"
    assert format_setting(0) == "0"
    assert format_setting([]) == "–"


def test_numbers_in_the_file_are_short() -> None:
    assert round_figure(0.123456789) == 0.123457
    assert repr(round_figure(3.0)) == "3"
    assert round_figure(float("inf")) is None
