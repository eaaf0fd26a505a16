"""One architecture, without a search: find it by name or file, describe it, train it, rebuild it at another size."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any, Final

from searchitect.core import (
    Architecture,
    RunError,
    SearchitectError,
    SettingError,
    Space,
    SpaceError,
    TaskInfo,
    TrialState,
    canonical_json,
    hash_text,
)
from searchitect.search.folder import locked, prepare_folder, read_json, write_json
from searchitect.spaces import find_published, make_space, published_names, space_names

ARCHITECTURE_FILE: Final = "architecture.json"
WEIGHTS_FILE: Final = "model.safetensors"
TRAINING_FILE: Final = "training.json"
CHECKPOINTS: Final = 100
"""At most so many times a training is saved on its way; each save is also a look at the validation part."""
_SIDE: Final = 32
_LARGE: Final = 128
_DRAWS: Final = 16


@dataclass(frozen=True)
class Subject:
    """An architecture that was asked for.

    Attributes:
        title: for people.
        about: where it is from, one sentence.
        space: in which it lies.
        spec: plain JSON data.
        input_shape, outputs: of the network that is meant.
        weights: a ``model.safetensors`` of it, where there is one.
        decisions: that lead to the spec, by path; empty where they are not known.
        recorded: the task that it was made for, where it is meant for that.
    """

    title: str
    about: str
    space: Space
    spec: Any
    input_shape: tuple[int, ...]
    outputs: int
    weights: Path | None = None
    decisions: Mapping[str, Any] = field(default_factory=dict)
    recorded: TaskInfo | None = None

    @property
    def info(self) -> TaskInfo:
        """The task that it is shown for: the recorded one, or shapes only."""
        if self.recorded is not None:
            return self.recorded
        if self.outputs < 1:
            raise SettingError(f"the outputs of {self.title} must be at least 1, got {self.outputs}")
        kinds = self.space.tasks or ("image-classification",)
        kind: Any = next((k for k in kinds if k.startswith("image-") == (len(self.input_shape) == 3)), kinds[0])
        return TaskInfo(self.title, kind, self.input_shape, self.outputs, 0)


@dataclass(frozen=True)
class Trained:
    """What a training ended with; all of it is also in ``folder``.

    Attributes:
        folder: with architecture.json, model.safetensors, training.json and the exported model.
        record: the content of training.json.
        is_interrupted: stopped by Ctrl-C; the same call goes on.
    """

    folder: Path
    record: dict[str, Any]
    is_interrupted: bool = False


def find(
    what: str | Path,
    settings: Mapping[str, Any] | None = None,
    input_shape: Sequence[int] | None = None,
    outputs: int | None = None,
    seed: int = 0,
) -> Subject:
    """An architecture by name or file.

    Args:
        what: a published name ("darts-v2"), the folder of a finished, trained or rebuilt network or its architecture.json, or
            the name of a space: a random architecture of it.
        settings: of its space, such as channels and layers.
        input_shape: (channels, height, width) of an image, (columns,) of a table; default: as published, or 3x32x32.
        outputs: classes; default: as published, or 10.
        seed: of the random architecture of a space.

    Raises:
        SearchitectError: unknown names, settings and files, in one sentence.
    """
    name, settings = str(what), dict(settings or {})
    if name in published_names():
        entry = find_published(name)
        space, found = entry.architecture(**settings)
        shape, classes = input_shape or entry.input_shape, outputs if outputs is not None else entry.outputs
        about = f"{entry.summary} ({entry.source})"
        return Subject(name, about, space, found.spec, tuple(shape), classes, decisions=found.decisions)
    if name in space_names():
        space = make_space(name, None, settings)
        about = f"a random architecture, seed {seed}, of the space {name!r}: {space.summary}"
        shape, classes = _shape(space, input_shape), 10 if outputs is None else outputs
        if space.is_fitted:
            kind: Any = "image-classification" if len(shape) == 3 else "table-classification"
            space = make_space(name, TaskInfo(name, kind, shape, classes, 0), settings)
        drawn = space.sample(Random(seed))
        return Subject(name, about, space, drawn.spec, shape, classes, decisions=drawn.decisions)
    path = Path(what)
    path = path / ARCHITECTURE_FILE if path.is_dir() else path
    if not path.exists():
        if path.suffix or path.parent != Path():
            raise RunError(f"{str(path)!r} does not exist: name a finished run, a published architecture or a space")
        near = get_close_matches(name, [*published_names(), *space_names()], n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise SettingError(
            f"{name!r} is no published architecture, no space and no folder: {hint}"
            f"see searchitect list published and list spaces, or is {name!r} the folder of a run?"
        )
    from searchitect.export import read_architecture

    space, spec, record = read_architecture(path)
    decisions = record.get("decisions") or {}
    space, spec = resized(space, spec, decisions, settings)
    known = (record.get("task") or {}).get("info", record)
    shape = tuple(input_shape or known.get("input_shape") or _shape(space, None))
    classes = outputs if outputs is not None else known.get("outputs", 10)
    weights = path.parent / WEIGHTS_FILE
    is_same = "kind" in known and shape == tuple(known["input_shape"]) and classes == known["outputs"]
    return Subject(
        title=path.resolve().parent.name or "architecture",
        about=f"of {str(path)!r}, in the space {space.name!r}",
        space=space,
        spec=spec,
        input_shape=shape,
        outputs=classes,
        weights=weights if weights.exists() else None,
        decisions=decisions,
        recorded=TaskInfo.from_json(known) if is_same else None,
    )


def _shape(space: Space, given: Sequence[int] | None) -> tuple[int, ...]:
    if given:
        return tuple(given)
    kind = (space.tasks or ("image-classification",))[0]
    return (3, _SIDE, _SIDE) if kind.startswith("image-") else (35,) if kind == "language-modelling" else (8,)


def resized(space: Space, spec: Any, decisions: Mapping[str, Any], settings: Mapping[str, Any]) -> tuple[Space, Any]:
    """The same architecture at another size: with other settings of the space, such as channels and layers, and the same decisions.

    Raises:
        SettingError: for a setting that the space lacks, or that changes what there is to decide.
    """
    if not settings:
        return space, spec
    other = space.with_settings({**space.config(), **settings})
    refusal = SettingError(
        f"{', '.join(settings)}: more than a size in the space {space.name!r}, since it changes what there is to decide; "
        "search in a space of that kind instead"
    )
    if decisions and _leads_to(space, decisions, spec):
        try:
            return other, other.decide(decisions).spec
        except SpaceError:
            raise refusal from None
    # written by hand, as published cells are: what is the same in all architectures is the size, and that is exchanged
    before, after = ([each.sample(Random(seed)).spec for seed in range(_DRAWS)] for each in (space, other))
    sizes = {k: v for k, v in after[0].items() if all(drawn.get(k) == v for drawn in after)}
    is_a_size = all({**old, **sizes} == new for old, new in zip(before, after, strict=True))
    if not is_a_size or not space.asks_the_same(other):
        raise refusal
    return other, {**spec, **sizes}


def _leads_to(space: Space, decisions: Mapping[str, Any], spec: Any) -> bool:
    try:
        return space.decide(decisions) == Architecture(spec)
    except SpaceError:
        return False


def costs(subject: Subject) -> dict[str, float]:
    """Parameters, multiply-adds, peak memory (MB) of the evaluated network; ``auxiliary``: parameters of its auxiliary classifier.

    0 where the network has none, or no place for one.

    Raises:
        SpaceError: where the network cannot be built for such inputs.
    """
    import torch

    from searchitect.costs import count_params, measure_costs
    from searchitect.networks import build

    info = subject.info
    try:
        found = measure_costs(lambda: build(subject.space, subject.spec, info), info.input_shape, ["params", "macs", "memory"])
    except SearchitectError:
        raise
    except Exception as error:  # shapes that do not fit, found by running it
        shown = "x".join(map(str, info.input_shape))
        raise SpaceError(f"{subject.title} does not run on inputs of {shown} ({type(error).__name__}: {error})") from error
    try:
        with torch.device("meta"):
            whole = count_params(build(subject.space, subject.spec, info, auxiliary=True))
    except (SearchitectError, NotImplementedError):
        whole = int(found["params"])
    return {**found, "auxiliary": whole - found["params"]}


def train(
    what: str | Path,
    data: Any,
    *,
    settings: Mapping[str, Any] | None = None,
    epochs: float | None = None,
    final: str = "paper",
    training: Mapping[str, Any] | None = None,
    inherit: bool = False,
    target: str | None = None,
    task: str | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> Trained:
    """Train one architecture on ``data``, score it once on test data, and export it. The same call again goes on where it stopped.

    Args:
        what: see `find`.
        data: as `searchitect.search` takes it.
        settings: of the architecture's space, such as channels and layers.
        epochs: passes over the training part, above 0; default: what usually trains a small network well (20 to 100). The papers' own
            trainings are of 600.
        final: ``paper``, the final evaluation of the cell papers (images only), or ``usual``.
        training: changes to that recipe.
        inherit: begin with the weights in the folder ``what``, where shapes allow.
        target, task: see `searchitect.search`.
        seed: of splits, initialisation, shuffling and augmentation.
        out: folder; default runs/ARCHITECTURE-DATA.
        on_step: called with the steps made and those of the whole training.
    """
    from searchitect.tasks import load_task

    if epochs is not None and not (math.isfinite(epochs) and epochs > 0):
        raise SettingError(f"epochs must be above 0, got {epochs!r}")
    if not isinstance(seed, int) or not 0 <= seed < 2**31:
        raise SettingError(f"seed must be a whole number in [0, 2^31), got {seed!r}")
    loaded = load_task(data, target=target, task=task, seed=seed)
    subject = find(what, settings, loaded.info.input_shape, loaded.info.outputs, seed)
    if subject.space.tasks and loaded.info.kind not in subject.space.tasks:
        raise SpaceError(f"{subject.title} is for {' and '.join(subject.space.tasks)}, the data is for {loaded.info.kind}")
    if inherit and subject.weights is None:
        raise SettingError(f"inherit: {str(what)!r} has no weights to begin with; leave it out to train from scratch")
    subject = replace(subject, recorded=loaded.info)
    folder = Path(out) if out is not None else Path("runs") / f"{subject.title}-{loaded.info.name}"
    _refuse_a_search(folder)
    run = _Run(subject, loaded, folder, epochs, final, dict(training or {}), inherit, seed)
    prepare_folder(folder)
    with locked(folder):
        return run.go(on_step)


def _refuse_a_search(folder: Path) -> None:
    if (folder / "run.json").exists() or (folder / "search.db").exists():
        raise RunError(f"{str(folder)!r} is the folder of a search, which stays as it is: choose another folder with --out")


class _Run:
    """One training, saved on its way."""

    def __init__(
        self,
        subject: Subject,
        task: Any,
        folder: Path,
        epochs: float | None,
        final: str,
        training: dict[str, Any],
        inherit: bool,
        seed: int,
    ) -> None:
        from searchitect.estimators.from_scratch import FromScratch, recipe_for
        from searchitect.search.plan import usual_epochs

        FromScratch(final)  # refuses an unknown name
        self.subject, self.task, self.folder, self.seed, self.inherit = subject, task, folder, seed, inherit
        self.epochs = float(epochs if epochs is not None else round(usual_epochs(task.info)))
        self.recipe = recipe_for(task, subject.spec, training, final)
        self.checkpoint = folder / "checkpoint.safetensors"
        self.identity = {
            "space": subject.space.name,
            "spec": hash_text(canonical_json(subject.spec)),
            "data": task.fingerprint,
            "epochs": self.epochs,
            "recipe": self.recipe.to_json(),
            "inherit": trained_on(subject.weights) if inherit else False,
            "seed": seed,
        }

    def go(self, on_step: Callable[[int, int], None] | None) -> Trained:
        """Begin or go on; a finished training is read back."""
        record = self._earlier()
        if "test" in record:
            return Trained(self.folder, record)
        try:
            costs(self.subject)  # it runs, or says why not, before any training
            self._train(self._build(record), record, on_step)
            self._finish(record)
        except KeyboardInterrupt:
            return Trained(self.folder, record, is_interrupted=True)
        return Trained(self.folder, record)

    def _earlier(self) -> dict[str, Any]:
        path = self.folder / TRAINING_FILE
        if not path.exists():
            notes = list(self.task.notes)
            if self.inherit and self.identity["inherit"] != self.task.fingerprint:
                notes.append(
                    "it began with weights of another training: if that saw the same data, split in another way, "
                    "they have seen some of this test part"
                )
            return {
                "identity": self.identity,
                "architecture": self.subject.title,
                "reached": 0.0,
                "curve": [],
                "seconds": 0.0,
                "notes": notes,
            }
        record: dict[str, Any] = read_json(path)
        known = record.get("identity", {})
        before, now = (
            {**{k: v for k, v in identity.items() if k != "recipe"}, **identity.get("recipe", {})}
            for identity in (known, self.identity)
        )
        for name, value in now.items():
            if before.get(name) != value:
                raise RunError(
                    f"{str(self.folder)!r} holds a training with {name}={before.get(name)!r}, now it is {value!r}: give the same "
                    "settings to go on with it, or another folder with --out"
                )
        return record

    def _build(self, record: dict[str, Any]) -> Any:
        import torch

        from searchitect.networks import build
        from searchitect.training.inheritance import copy_fitting

        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.seed)
            network = build(self.subject.space, self.subject.spec, self.task.info, auxiliary=self.recipe.auxiliary > 0)
        if self.inherit:
            assert self.subject.weights is not None
            record["inherited"] = share = copy_fitting(network, read_weights(self.subject.weights))
            if share == 0:
                raise SettingError(
                    f"inherit: no weight in {str(self.subject.weights)!r} has a name and shape of this network; leave it out"
                )
        return network

    def _train(self, network: Any, record: dict[str, Any], on_step: Callable[[int, int], None] | None) -> None:
        from searchitect.training import Span
        from searchitect.training import train as train_network

        count = max(1, min(CHECKPOINTS, math.floor(self.epochs)))
        for place in range(1, count + 1):
            until = self.epochs * place / count
            if until <= record["reached"]:
                continue
            began = time.monotonic()
            is_first = record["reached"] == 0
            hint = "" if is_first else " and another folder with --out"
            span = Span(
                until,
                horizon=self.epochs,
                seed=self.seed,
                start=None if is_first else self.checkpoint,
                save=self.checkpoint,
                looks=1,
            )
            # nothing begins anew unasked: what to change is said
            outcome = train_network(network, self.task, replace(self.recipe, restarts=0), span, on_step)
            if outcome.state == TrialState.FAILED:
                rate = self.recipe.learning_rate / 3
                raise RunError(f"{outcome.reason}; try --set training.learning_rate={rate:.2g}{hint}")
            for row in record["curve"]:
                row.pop("kept", None)
            record["curve"] += outcome.curve
            record["validation"], record["reached"] = outcome.metrics, until
            record["seconds"] = round(record["seconds"] + time.monotonic() - began, 3)
            write_json(self.folder / TRAINING_FILE, record)

    def _finish(self, record: dict[str, Any]) -> None:
        from searchitect.export import Deployment, export_model, load_deployment, save_deployment
        from searchitect.search.run import load_network, test_scores

        task, subject = self.task, self.subject
        network = load_network(subject.space, subject.spec, task.info, self.checkpoint)
        save_deployment(
            Deployment(
                subject.space,
                subject.spec,
                task.info,
                network,
                task.preprocess.cpu(),
                task.postprocess.cpu(),
                task.encoder,
                subject.decisions,
            ),
            self.folder,
        )
        deployment = load_deployment(self.folder)
        for format in ("onnx", "python"):
            try:
                export_model(deployment, self.folder, format)
            except SearchitectError as error:  # the optional package is missing: the weights are safe
                record["notes"].append(f"not exported as {format}: {error}")
        record |= {
            "costs": costs(subject),
            "space": {"name": subject.space.name, "config": subject.space.config()},
            "task": task.info.to_json(),
            "versions": {name: version(name) for name in ("searchitect", "torch")},
            "test": test_scores(network, task),  # looked at once, after everything is decided
        }
        write_json(self.folder / TRAINING_FILE, record)
        for path in self.folder.glob("checkpoint.*"):  # also what a killed process left half-written
            path.unlink(missing_ok=True)


def read_weights(path: Path) -> dict[str, Any]:
    """Name -> tensor. Raises `RunError` for a damaged file."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise RunError(f"the weights file {str(path)!r} is missing or damaged: {error}") from None


def trained_on(weights: Path | None) -> str | None:
    """The fingerprint of the data, as they were split, that a ``model.safetensors`` was trained on; ``None``: not known."""
    if weights is None:
        return None
    for name, place in (("run.json", "settings"), (TRAINING_FILE, "identity"), (ARCHITECTURE_FILE, "weights")):
        path = weights.parent / name
        found = read_json(path).get(place, {}).get("data") if path.exists() else None
        if found is not None:
            return str(found)
    return None


def rebuild(
    what: str | Path,
    settings: Mapping[str, Any],
    *,
    input_shape: Sequence[int] | None = None,
    outputs: int | None = None,
    out: str | Path | None = None,
    seed: int = 0,
) -> tuple[Path, Subject, float]:
    """The architecture of a run at another size, written as a folder that `train` takes.

    The cells stay; channels, layers and the stem are the new ones. Weights are copied where names and shapes agree, the others are newly
    initialised (Zoph et al. 2018, section 3.2: search small, transfer to large images).

    Args:
        what: see `find`.
        settings: the new sizes. For images of 128 pixels or more, a space with a stem for ImageNet takes it unless ``stem`` is given.
        input_shape: of the new inputs; default: as before.
        outputs: classes; default: as before.
        out: the new folder; default: WHAT-rebuilt, in runs/.
        seed: of the weights that are newly drawn.

    Returns:
        The folder, the architecture, and the share of its parameters that were copied.
    """
    import torch

    from searchitect.export import describe_architecture, save_weights
    from searchitect.networks import build
    from searchitect.training.inheritance import copy_fitting

    settings = dict(settings)
    is_large = input_shape is not None and len(input_shape) == 3 and min(input_shape[1:]) >= _LARGE
    if is_large and "stem" not in settings and find(what).space.config().get("stem") == "cifar":
        settings["stem"] = "imagenet"
    subject = find(what, settings, input_shape, outputs)
    folder = Path(out) if out is not None else Path("runs") / f"{subject.title}-rebuilt"
    _refuse_a_search(folder)
    if (folder / ARCHITECTURE_FILE).exists():
        raise RunError(f"{str(folder)!r} holds an architecture already: choose another folder with --out")
    costs(subject)  # it runs, or says why not, before anything is written
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = build(subject.space, subject.spec, subject.info)
    share = copy_fitting(network, read_weights(subject.weights)) if subject.weights is not None else 0.0
    prepare_folder(folder)
    save_weights(network, folder)
    record = {
        "format": 1,
        "searchitect": version("searchitect"),
        **describe_architecture(subject.space, subject.spec, subject.decisions),
        "input_shape": list(subject.input_shape),
        "outputs": subject.outputs,
        "weights": {"data": trained_on(subject.weights), "copied": share},
    }
    write_json(folder / ARCHITECTURE_FILE, record)
    return folder, replace(subject, weights=folder / WEIGHTS_FILE), share


def decisions_of(space: Space, samples: int = 8) -> tuple[int, int]:
    """The fewest and the most decisions among a few random architectures."""
    counts = [len(space.sample(Random(seed)).decisions) for seed in range(samples)]
    return min(counts), max(counts)


def key_of(subject: Subject) -> str:
    """The architecture's key: 16 hexadecimal digits."""
    return Architecture(subject.spec).key
