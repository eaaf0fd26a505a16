"""What columns are taken for, and how their cells are encoded."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from searchitect.core import DataError
from searchitect.tasks import TableEncoder, columns, encoder_from_json, load_task, source, tables
from searchitect.tasks.columns import MAX_CODES
from searchitect.tasks.encoders import fit_table_encoder
from searchitect.tasks.tables import FrameTable

ROWS = 60


def fit(**cells: Any) -> tuple[TableEncoder, tuple[str, ...], torch.Tensor]:
    frame = pd.DataFrame(cells)
    table, kept = FrameTable(frame), np.arange(len(frame))
    encoder, notes = fit_table_encoder(table, kept, np.ones(len(frame), bool))
    return encoder, notes, encoder.encode(frame)


def kinds(encoder: TableEncoder) -> dict[str, str]:
    return {c.name: c.kind for c in encoder.columns}


ANY = np.random.default_rng(0).normal(size=ROWS)


def test_numbers_stored_as_text_are_numbers() -> None:
    values = [f" {v:.3f} " for v in ANY]
    encoder, _, x = fit(a=values)
    assert kinds(encoder) == {"a": "number"}
    assert np.allclose(x[:, 0], ANY, atol=1e-3)


@pytest.mark.parametrize(
    ("written", "value"), [("1,234.5", 1234.5), ("1.234,5", 1234.5), ("$1,234.50", 1234.5), ("12 %", 12.0)]
)
def test_numbers_are_read_as_people_write_them(written: str, value: float) -> None:
    _, _, x = fit(a=[written] * 30 + [written.replace("2", "3")] * 30)
    assert x[0, 0].item() == value


def test_a_few_texts_among_numbers_count_as_missing_and_are_noted() -> None:
    encoder, notes, x = fit(a=[f"{v:.3f}" for v in ANY[:-1]] + ["unknown"])
    assert kinds(encoder) == {"a": "number"}
    assert torch.isnan(x[-1, 0])
    assert "1 of 60 training cells are no numbers" in notes[0]


def test_names_that_look_like_numbers_stay_names() -> None:
    encoder, _, x = fit(doors=["2", "3", "4", "5more"] * 15)
    assert encoder.columns[0].vocabulary == ("2", "3", "4", "5more")
    assert x[:4, 0].tolist() == [1, 2, 3, 4]
    assert encoder.encode(pd.DataFrame({"doors": [2, 3.0, 7]}))[:, 0].tolist() == [1, 2, 0]


@pytest.mark.parametrize(
    "form", ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d %b %Y", "%B %d, %Y", "%Y/%m/%d %H:%M"]
)
def test_dates_become_days_month_weekday_and_hour(form: str) -> None:
    days = pd.date_range("2021-03-01 00:00", periods=ROWS, freq="37h")
    encoder, _, x = fit(when=list(days.strftime(form)))
    assert kinds(encoder) == {"when": "date"}
    assert np.allclose(x[:, 0], (days - pd.Timestamp(1970, 1, 1)).days)
    assert x[:, 1].tolist() == list(days.month)
    assert x[:, 2].tolist() == list(days.day_of_week)
    assert encoder.numeric_names[:3] == ("when day", "when month", "when weekday")
    if "%H" in form:
        assert x[:, 3].tolist() == list(days.hour)
    else:
        assert x.shape[1] == 3


def test_typed_dates_are_dates_also_with_time_zones_and_gaps() -> None:
    days = pd.Series(pd.date_range("2021-03-01", periods=ROWS, tz="UTC"))
    days[3] = pd.NaT
    encoder, _, x = fit(when=days.dt.tz_convert("Asia/Tokyo"))
    assert kinds(encoder) == {"when": "date"}
    assert torch.isnan(x[3]).all()
    assert x[4, 0] == (days[4] - pd.Timestamp(1970, 1, 1, tz="UTC")).days


def test_yes_and_no_become_one_and_zero() -> None:
    encoder, _, x = fit(a=["Yes", "no", None] * 20, b=[True, False, True] * 20)
    assert kinds(encoder) == {"a": "flag", "b": "flag"}
    assert x[:2].tolist() == [[1, 1], [0, 0]]
    assert torch.isnan(x[2, 0])


def test_text_is_coded_by_frequency_with_zero_for_missing_and_unseen() -> None:
    encoder, _, x = fit(a=["x"] * 10 + ["y"] * 30 + ["z"] * 19 + [None])
    assert encoder.columns[0].vocabulary == ("y", "z", "x")
    assert x[[0, 10, 40, 59], 0].tolist() == [3, 1, 2, 0]
    assert encoder.encode(pd.DataFrame({"a": ["never", "", None, " y "]}))[:, 0].tolist() == [0, 0, 0, 1]


def test_ten_thousand_categories_share_256_codes() -> None:
    names = np.random.default_rng(0).permutation(np.repeat([f"c{k}" for k in range(10_000)], 2))
    names = np.concatenate([names, ["often"] * 50])
    frame = pd.DataFrame({"a": names, "y": np.arange(len(names)) % 2})
    task = load_task(frame, target="y")
    assert task.info.cardinalities == (MAX_CODES,)
    assert task.train.x.max() == MAX_CODES - 1
    assert task.train.x.min() == 1
    assert task.encoder.encode(pd.DataFrame({"a": ["often", "never seen", None]}))[:, 0].tolist() == [1, MAX_CODES - 1, 0]
    assert any("the 254 most frequent of" in n for n in task.notes)


def test_columns_that_say_nothing_are_dropped_with_a_note() -> None:
    encoder, notes, _ = fit(
        keep=ANY,
        one=[5.0] * ROWS,
        same=["text"] * ROWS,
        nothing=[None] * ROWS,
        empty=[np.nan] * ROWS,
        CustomerID=np.arange(ROWS) * 7 + 3,
        name=[f"person {k}" for k in range(ROWS)],
    )
    assert kinds(encoder) == {"keep": "number"}
    assert len(notes) == 6
    for column in ("one", "same", "nothing", "empty", "CustomerID", "name"):
        assert sum(f"{column!r} was dropped" in note for note in notes) == 1


def test_texts_are_counted_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "MANY_TEXTS", 1000)
    monkeypatch.setattr(source, "CHUNK", 300)
    monkeypatch.setattr(tables, "CHUNK", 300)
    rows = 9000
    rng = np.random.default_rng(0)
    often = np.where(rng.random(rows) < 0.5, "often", [f"t{k}" for k in rng.integers(0, 4000, rows)])
    encoder, notes, _ = fit(name=[f"person {k}" for k in range(rows)], text=often)
    assert kinds(encoder) == {"text": "text"}
    assert encoder.columns[0].vocabulary[0] == "often"
    assert "nearly every row has another text" in notes[0]
    assert "of over 500 texts" in notes[1]


def test_different_numbers_in_every_row_are_kept_without_an_identifiers_name() -> None:
    encoder, _, _ = fit(salary=np.arange(ROWS) * 7, id_score=ANY, width=np.arange(ROWS) / 2)
    assert set(kinds(encoder)) == {"salary", "id_score", "width"}


def test_a_value_that_is_constant_where_it_is_not_missing_is_kept_for_its_gaps() -> None:
    frame = pd.DataFrame({"a": [1.0, np.nan] * 30, "y": ["p", "q"] * 30})
    task = load_task(frame, target="y")
    assert task.info.columns == ("a", "a is missing")
    out = task.preprocess(task.train.x)
    assert ((out[:, 1] == 1) == (task.train.y == 1)).all()


def test_infinite_numbers_count_as_missing() -> None:
    _, _, x = fit(a=np.where(np.arange(ROWS) == 5, np.inf, ANY))
    assert torch.isnan(x[5, 0])
    assert torch.isfinite(x[6:]).all()


def test_nullable_categorical_and_object_columns_are_read_as_what_they_hold() -> None:
    encoder, _, x = fit(
        a=pd.array([1, None, 3] * 20, dtype="Int64"),
        b=pd.Categorical(["u", "v", "w"] * 20),
        c=pd.Series([1, 2.5, None] * 20, dtype=object),
        d=pd.Categorical([1, 2, 3] * 20),
    )
    assert kinds(encoder) == {"a": "number", "b": "text", "c": "number", "d": "number"}
    assert torch.isnan(x[1, 0])
    assert x[0].tolist() == [1, 1, 1, 1]


def test_numbers_stand_before_codes_whatever_the_order_of_the_columns() -> None:
    encoder, _, x = fit(t=["a", "b"] * 30, n=ANY, u=["c", "d", "e"] * 20, m=ANY * 2)
    assert encoder.numeric_names == ("n", "m")
    assert [c.name for c in encoder.text_columns] == ["t", "u"]
    assert np.allclose(x[:, 1], ANY * 2)
    assert x[:3, 2].tolist() == [1, 2, 1]


def test_an_encoder_survives_json() -> None:
    encoder, _, _ = fit(
        n=[f"{v:.2f}" for v in ANY],
        t=["é", None, "b"] * 20,
        f=["yes", "no"] * 30,
        d=list(pd.date_range("2020-01-01", periods=ROWS).astype(str)),
    )
    again = encoder_from_json(json.loads(json.dumps(encoder.to_json())))
    assert again == encoder


def test_new_rows_can_be_a_frame_a_dict_a_list_of_dicts_or_lack_the_target() -> None:
    encoder, _, x = fit(t=["a", "b"] * 30, n=ANY)
    rows = [{"n": ANY[0], "t": "a", "more": 1}, {"t": "b", "n": None}]
    assert torch.allclose(encoder.encode(rows[0]), x[:1])
    encoded = encoder.encode(rows)
    assert torch.isnan(encoded[1, 0])
    assert encoded[:, 1].tolist() == [1, 2]


def test_a_missing_column_is_refused_with_the_nearest() -> None:
    encoder, _, _ = fit(Weight=ANY, t=["a", "b"] * 30)
    with pytest.raises(DataError, match="needs the column 'Weight' of training: did you mean 'weigth'"):
        encoder.encode(pd.DataFrame({"weigth": ANY, "t": "a"}))


def test_unnamed_arrays_are_encoded_by_place_also_after_a_column_was_dropped() -> None:
    x = np.random.default_rng(0).normal(size=(50, 4))
    x[:, 1] = 3
    task = load_task((x, np.arange(50) % 2))
    assert task.info.columns == ("x0", "x2", "x3")
    assert np.allclose(task.encoder.encode(x[:5]), x[:5][:, [0, 2, 3]])
    assert task.encoder.encode(x[0]).shape == (1, 3)
    with pytest.raises(DataError, match=r"shape \(rows, 4\)"):
        task.encoder.encode(x[:, :3])
