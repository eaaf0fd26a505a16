"""``search`` and what it returns: what a user may give, what is refused, what is written."""

import csv
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import searchitect
from searchitect import Objective, Result, Space, Strategy, Trial, load_result, search
from searchitect.core import DataError, RunError, SearchitectError, SettingError
from searchitect.search import plan
from searchitect.strategies.random_search import RandomSearch
from searchitect.testing import CountOnes
from tests.search.toys import Actor, Acts, Ones, Widths, asked

DATA = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)
LABELS = (DATA[:, 0] > 0).astype(int)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """One whole run, with its exports."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "usual_epochs", lambda info: 3.0)
        return search(
            (DATA, LABELS),
            budget="5trials",
            space=Widths(),
            where=["params<=300"],
            minimize="params",
            out=tmp_path_factory.mktemp("api") / "run",
        )


# --- the name itself ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "program",
    [
        "from searchitect import search; assert callable(search)",
        "import searchitect; assert callable(searchitect.search)",
        "import searchitect.search.store; from searchitect import search; assert callable(search)",
        "from searchitect.search import loop; import searchitect; assert callable(searchitect.search); assert loop.Loop",
    ],
)
def test_search_is_the_function_in_whatever_order_things_are_imported(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], check=True)


def test_importing_searchitect_imports_neither_torch_nor_the_interface() -> None:
    program = "import searchitect, sys; assert not {'torch', 'sqlalchemy', 'sklearn', 'searchitect.api'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'searchitect' has no attribute 'serch'"):
        _ = searchitect.serch


# --- what comes back ---------------------------------------------------------------------------------------------------


def test_the_winner_is_a_trained_module_that_answers_with_probabilities(finished: Result) -> None:
    best = finished.best
    assert best is not None
    assert best.spec == finished.summary["winner"]["spec"]
    answers = best.model(torch.from_numpy(DATA))
    assert answers.shape == (100, 2)
    assert torch.allclose(answers.sum(1), torch.ones(100))
    assert {"accuracy", "test_accuracy", "params"} <= best.metrics.keys()
    assert best.metrics["test_accuracy"] == finished.summary["winner"]["test"]["accuracy"]
    assert best.metrics["params"] == sum(p.numel() for p in best.network.parameters())


def test_the_run_folder_holds_what_is_promised(finished: Result) -> None:
    names = {p.name for p in finished.folder.iterdir()}
    promised = "run.json search.db architecture.json model.safetensors model.onnx model.py trials.csv front.csv report.html"
    assert set(promised.split()) <= names


def test_the_tables_hold_every_trial_and_the_front(finished: Result) -> None:
    with (finished.folder / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["id"]) for row in rows] == [t.id for t in finished.trials]
    assert [row["spec"] for row in rows] == [t.architecture.text for t in finished.trials]
    assert [float(row["params"]) for row in rows] == [t.metrics["params"] for t in finished.trials]
    with (finished.folder / "front.csv").open(newline="") as file:
        assert {int(row["id"]) for row in csv.DictReader(file)} == {t.id for t in finished.front}


def test_a_loaded_result_is_the_result(finished: Result) -> None:
    loaded = load_result(finished.folder, Widths())
    assert asked(loaded.trials) == asked(finished.trials)
    assert loaded.summary["winner"] == finished.summary["winner"]
    assert loaded.best is not None
    assert finished.best is not None
    x = torch.from_numpy(DATA)
    assert torch.equal(loaded.best.model(x), finished.best.model(x))
    assert [t.id for t in loaded.front] == [t.id for t in finished.front]


def test_the_winner_predicts_raw_rows(finished: Result) -> None:
    assert finished.best is not None
    answers = finished.predict(DATA[:7])
    assert len(answers) == 7


def test_the_report_goes_where_it_is_asked_to(finished: Result, tmp_path: Path) -> None:
    path = finished.report(tmp_path / "mine.html")
    assert "<html" in path.read_text()[:500]


def test_an_unknown_export_format_is_refused_with_those_there_are(finished: Result, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"'onix'.*onnx"):
        finished.export("onix", tmp_path)


def test_a_search_without_data_has_a_best_trial_and_no_network(tmp_path: Path) -> None:
    result = search(None, space=CountOnes(8), estimator=Ones(), maximize="score", budget="12trials", out=tmp_path)
    assert result.best is not None
    assert result.best.model is None
    assert result.front == [result.best.trial]
    top = max(t.fidelity.passes for t in result.trials)
    assert result.best.metrics["score"] == max(t.metrics["score"] for t in result.trials if t.fidelity.passes == top)
    with pytest.raises(RunError, match="has no trained winner to export"):
        result.export("onnx")


# --- what may be given ---------------------------------------------------------------------------------------------------


class Backwards(Strategy):
    """Proposes the enumeration's architectures, the last one first."""

    def propose(self, rng: Any) -> Any:
        from searchitect import Proposal

        listed = list(self.space.enumerate())
        place = len(listed) - 1 - self._proposed
        return Proposal(listed[place]) if place >= 0 else None

    def learn(self, trial: Trial) -> None:
        pass


def make_backwards(space: Space, objectives: Sequence[Objective], seed: int = 0) -> Strategy:
    return Backwards(space, objectives, seed=seed)


@pytest.mark.parametrize(
    "strategy",
    [Backwards, make_backwards, Backwards(CountOnes(2), [Objective("score", "max")])],
    ids=["class", "function", "instance"],
)
def test_an_own_strategy_is_used(strategy: Any, tmp_path: Path) -> None:
    given: dict[str, Any] = {"space": CountOnes(2), "estimator": Ones(), "maximize": "score", "baseline": "none"}
    result = search(None, strategy=strategy, budget="9trials", out=tmp_path, **given)
    assert [t.architecture.spec for t in result.trials] == [[1, 1], [1, 0], [0, 1], [0, 0]]


def test_options_reach_an_own_strategy(tmp_path: Path) -> None:
    class Optioned(RandomSearch):
        def __init__(self, space: Space, objectives: Sequence[Objective], *, seed: int = 0, kept: int = 0) -> None:
            super().__init__(space, objectives, seed=seed)
            seen.append(kept)

    seen: list[int] = []
    given: dict[str, Any] = {"space": CountOnes(4), "estimator": Ones(), "maximize": "score", "out": tmp_path}
    search(None, strategy=Optioned, strategy_options={"kept": 7}, budget="2trials", **given)
    assert seen == [7]


def test_the_status_is_told(tmp_path: Path) -> None:
    told: list[Any] = []
    given: dict[str, Any] = {"space": CountOnes(6), "estimator": Ones(), "maximize": "score", "out": tmp_path}
    search(None, budget="5trials", on_status=told.append, **given)
    assert told[-1].done == 5
    assert told[-1].trials_left == 0
    assert [s.done for s in told] == sorted(s.done for s in told)
    assert told[-1].best is not None


def test_the_run_is_named_after_its_data_or_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given: dict[str, Any] = {"space": CountOnes(3), "estimator": Ones(), "maximize": "score", "budget": "1trials"}
    assert search(None, **given).folder == Path("runs/count-ones")
    assert search(None, name="mine", **given).folder == Path("runs/mine")


def test_settings_of_a_space_are_given_by_name(tmp_path: Path) -> None:
    given: dict[str, Any] = {"space": CountOnes(3), "estimator": Ones(), "maximize": "score", "budget": "1trials"}
    found = search(None, space_options={"bits": 5}, out=tmp_path / "run", **given)
    assert len(found.trials[0].architecture.spec) == 5
    with pytest.raises(SettingError, match="'count-ones' has no setting 'bit'; those it has are bits"):
        search(None, space_options={"bit": 5}, out=tmp_path / "other", **given)


# --- what is refused, before anything is done ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"budget": "soon"}, "budget='soon' is not understood"),
        ({"budget": "0trials"}, "trials must be above 0"),
        ({"budget": "2m,3m"}, "names seconds twice"),
        ({"workers": 0}, r"workers must lie in \[1, 4096\], got 0"),
        ({"workers": 1.5}, "workers must lie"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"seed": "x"}, "seed must be a whole number"),
        ({"time_limit": 0}, "time_limit must be above 0 seconds, got 0"),
        ({"baseline": "some"}, "baseline must be 'interleaved', 'full' or 'none', got 'some'"),
        ({"strategy": "evolution"}, "unknown strategy 'evolution': did you mean 'regularized-evolution'"),
        ({"strategy_options": {"etta": 2}}, "did you mean 'eta'"),
        ({"estimator": "from-scrach"}, "did you mean 'from-scratch'"),
        ({"estimator": 3}, "estimator must be a name or an Estimator, got 3"),
        ({"space": "convnett"}, "unknown space 'convnett': did you mean 'convnet'"),
        ({"space": CountOnes}, "a class is called first"),
        ({"space": "mlp", "data": "digits"}, "builds no networks for image-classification; spaces that fit are .*convnet"),
        ({"data": "digitz"}, "did you mean 'digits'"),
        ({"data": "nowhere/table.csv"}, "no such file"),
        ({"data": None}, "data is missing"),
        ({"where": "params<=many"}, "is not a limit"),
        ({"where": "size<=3"}, "unknown metric 'size'"),
        ({"where": "latency<=2parsec"}, "unknown unit 'parsec'"),
        ({"maximize": "accuracy", "minimize": "accuracy"}, "given twice"),
        ({"fidelity": "epochs"}, "fidelity='epochs' is not understood"),
        ({"fidelity": "epochs=many"}, "fidelity='epochs=many' is not understood"),
        ({"fidelity": "epochs=nan"}, "fidelity='epochs=nan' is not understood"),
        ({"fidelity": "epoch=3"}, "fidelity='epoch=3' is not understood"),
        ({"fidelity": "epochs=0"}, "epochs must be above 0, got 0"),
        ({"fidelity": "data=1.5"}, r"data must lie in \(0, 1\], got 1.5"),
        ({"training": {"learningrate": 1}}, "unknown setting 'learningrate'"),
        ({"training": {"batch_size": "big"}}, "batch_size must be a whole number, got 'big'"),
        ({"data": (DATA, LABELS[:-1])}, "."),
        ({"data": 7}, "a int cannot be learned from"),
        ({"target": "y"}, "target='y'"),
        ({"task": "clustering"}, "'clustering'"),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_is_written(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    given = {"data": (DATA, LABELS), "budget": "3trials", "out": tmp_path / "run", **change}
    data = given.pop("data")
    with pytest.raises(SearchitectError, match=words) as caught:
        search(data, **given)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_an_objective_is_missing_where_nothing_suggests_one(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="maximize or minimize is missing"):
        search(None, space=CountOnes(3), estimator=Ones(), out=tmp_path)
    with pytest.raises(SettingError, match="space is missing"):
        search(None, estimator=Ones(), maximize="score", out=tmp_path)


def test_a_cost_alone_never_leads() -> None:
    with pytest.raises(SettingError, match="maximize or minimize is missing"):
        search(None, space=CountOnes(3), estimator=Ones(), minimize="params")


def test_a_crop_that_is_too_large_is_said_before_the_search(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, size=(60, 8, 8), dtype=np.uint8)
    with pytest.raises(SettingError, match="crop must lie below half of the image side, got 4 with 8 pixels"):
        search((images, np.arange(60) % 2), training={"crop": 4}, budget="2trials", out=tmp_path)


def test_two_workers_refuse_what_they_cannot_be_sent(tmp_path: Path) -> None:
    class Local(Actor):
        pass

    with pytest.raises(SettingError, match=r"workers=2.*workers=1"):
        search(None, space=Acts(), estimator=Local(), maximize="score", workers=2, out=tmp_path)


def test_what_is_no_run_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"is .* the folder of a run"):
        load_result(tmp_path)
    with pytest.raises(RunError, match=r"is .* the folder of a run"):
        load_result(tmp_path / "nowhere")


def test_data_errors_are_told_apart_from_settings() -> None:
    assert not issubclass(DataError, SettingError)
    with pytest.raises(DataError):
        search(7, budget="1trials")


def test_loading_a_run_executes_nothing_of_it(finished: Result, tmp_path: Path) -> None:
    """Pickles planted in place of every file: none is run."""
    import os
    import pickle
    import shutil

    planted = tmp_path / "planted"

    class Bomb:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(planted),)

    for victim in ("run.json", "result.json", "search.db", "model.safetensors", "architecture.json"):
        folder = tmp_path / victim.replace(".", "-")
        shutil.copytree(finished.folder, folder)
        (folder / victim).write_bytes(pickle.dumps(Bomb()))

        def look(folder: Path = folder) -> None:
            loaded = load_result(folder, Widths())
            assert loaded.best is not None
            loaded.best.model(torch.from_numpy(DATA))

        with pytest.raises(SearchitectError):
            look()
        assert not planted.exists()
