import pytest

from searchitect.reports import ReportData, render_report
from searchitect.reports.supernet import probability_table, shared_views, training_views

OPS = ["skip", "conv", "none"]
EDGES = ["normal/0/op", "normal/1/op"]
SUPERNET = {
    "choices": [
        *({"path": path, "labels": OPS, "k": None} for path in EDGES),
        {"path": "normal/2", "labels": [0, 1, 2], "k": 2},
        {"path": "width", "labels": [8, 16], "k": None},
    ],
    "history": [
        {
            "epoch": 1.0,
            "loss": 2.0,
            "probabilities": {EDGES[0]: [0.3, 0.4, 0.3], EDGES[1]: [0.5, 0.3, 0.2], "width": [0.5, 0.5]},
            "entropy": {EDGES[0]: 1.0, EDGES[1]: 0.9, "width": 1.0},
        },
        {
            "epoch": 2.0,
            "loss": 1.0,
            "probabilities": {EDGES[0]: [0.6, 0.2, 0.2], EDGES[1]: [0.8, 0.1, 0.1], "width": [0.25, 0.75]},
            "entropy": {EDGES[0]: 0.8, EDGES[1]: 0.6, "width": 0.4},
        },
    ],
}
POINTS = [
    {"key": "a", "trial": 7, "shared": 0.5, "alone": 0.9, "origin": "derived"},
    {"key": "b", "trial": 8, "shared": 0.4, "alone": 0.8, "origin": "random"},
]


def rows(view: dict, name: str) -> list:
    return next(layer["rows"] for layer in view["layers"] if layer["name"] == name)


def test_entropy_is_drawn_for_each_choice_and_in_the_mean():
    view = training_views(ReportData(supernet=SUPERNET))["entropy"]
    assert len([layer for layer in view["layers"] if layer["name"] == "one choice"]) == 3
    assert rows(view, "mean") == [[1.0, pytest.approx(2.9 / 3, abs=1e-3)], [2.0, pytest.approx(0.6)]]


def test_options_are_counted_where_they_lead_and_averaged_over_choices_of_one_kind():
    views = training_views(ReportData(supernet=SUPERNET))
    assert rows(views["op: leading"], "skip") == [[1.0, 1], [2.0, 2]]
    assert rows(views["op: leading"], "conv") == [[1.0, 1], [2.0, 0]]
    assert rows(views["op: probability"], "skip") == [[1.0, 0.4], [2.0, 0.7]]
    assert rows(views["width: probability"], "16") == [[1.0, 0.5], [2.0, 0.75]]
    assert rows(views["loss"], "supernet") == [[1.0, 2.0], [2.0, 1.0]]
    assert not any(name.startswith("2") for name in views)  # a choice of several has no leading option


def test_a_supernet_without_learned_decisions_shows_its_loss_alone():
    sampled = {"choices": SUPERNET["choices"], "history": [{"epoch": 1.0, "loss": 2.0}]}
    assert list(training_views(ReportData(supernet=sampled))) == ["loss"]
    assert probability_table(ReportData(supernet=sampled)) is None
    assert training_views(ReportData()) == {}
    assert shared_views(ReportData()) == {}
    assert probability_table(ReportData()) is None


def test_the_last_probabilities_are_a_table_of_the_most_frequent_kind():
    table = probability_table(ReportData(supernet=SUPERNET))
    assert table is not None
    assert table["labels"] == OPS
    assert [row["path"] for row in table["rows"]] == EDGES
    assert [cell["is_first"] for cell in table["rows"][0]["cells"]] == [True, False, False]


def test_points_lead_to_their_final_training():
    view = shared_views(ReportData(result={"shared_weights": {"metric": "accuracy", "points": POINTS}}))["scores"]
    assert rows(view, "derived") == [[0.5, 0.9, 7]]
    assert rows(view, "random") == [[0.4, 0.8, 8]]
    assert view["x"]["kind"] == "share"


def test_the_report_has_the_section_only_where_weights_were_shared():
    found = {"metric": "accuracy", "points": POINTS, "sentences": ["Shared weights <b>rank</b>."]}
    text = render_report(ReportData(supernet=SUPERNET, result={"shared_weights": found}))
    assert 'id="chart-supernet"' in text
    assert 'id="chart-shared"' in text
    assert "Shared weights &lt;b&gt;rank&lt;/b&gt;." in text
    assert "normal/0/op" in text
    assert 'id="supernet"' not in render_report(ReportData())
