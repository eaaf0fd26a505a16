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
CHECKPOINTS: Final = 20
"""At most so many times a training is saved on its way; each save is also a look at the validation part."""
_SIDE: Final = 32
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
    """

    title: str
    about: str
    space: Space
    spec: Any
    input_shape: tuple[int, ...]
    outputs: int
    weights: Path | None = None
    decisions: Mapping[str, Any] = field(default_factory=dict)

    @property
    def info(self) -> TaskInfo:
        """The task that it is shown for: shapes only."""
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
        space, spec = entry.make(**settings)
        shape, classes = input_shape or entry.input_shape, outputs or entry.outputs
        return Subject(name, f"{entry.summary} ({entry.source})", space, spec, tuple(shape), classes)
    if name in space_names():
        space = make_space(name, None, settings)
        about = f"a random architecture, seed {seed}, of the space {name!r}: {space.summary}"
        drawn = space.sample(Random(seed))
        return Subject(name, about, space, drawn.spec, _shape(space, input_shape), outputs or 10, decisions=drawn.decisions)
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
    task = (record.get("task") or {}).get("info", record)
    shape = tuple(input_shape or task.get("input_shape") or _shape(space, None))
    weights = path.parent / WEIGHTS_FILE
    about = f"of {str(path)!r}, in the space {space.name!r}"
    kept = weights if weights.exists() else None
    return Subject(
        path.parent.name or "architecture", about, space, spec, shape, outputs or task.get("outputs") or 10, kept, decisions
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
    known = space.config()
    for name in settings:
        if name not in known:
            raise SettingError(
                f"the space {space.name!r} has no setting {name!r}; those it has are {', '.join(known) or 'none'}"
            )
    other = type(space)(**{**known, **settings})
    refusal = SettingError(
        f"{', '.join(settings)}: more than a size in the space {space.name!r}, since it changes what there is to decide; "
        "search in a space of that kind instead"
    )
    if decisions:
        try:
            again = other.decide(decisions)
        except SpaceError:
            raise refusal from None
        if again.decisions.keys() != decisions.keys():
            raise refusal
        return other, again.spec
    # written by hand, as published cells are: what is the same in all architectures is the size, and that is exchanged
    pairs = [tuple(each.sample(Random(seed)) for each in (space, other)) for seed in range(_DRAWS)]
    before, after = ([draw.spec for draw in draws] for draws in zip(*pairs, strict=True))
    sizes = {k: v for k, v in after[0].items() if all(each.get(k) == v for each in after)}
    if any(old.decisions != new.decisions for old, new in pairs) or any(
        {**old, **sizes} != new for old, new in zip(before, after, strict=True)
    ):
        raise refusal
    return other, {**spec, **sizes}


def costs(subject: Subject) -> dict[str, float]:
    """Parameters, multiply-adds, peak memory (MB) of the evaluated network; ``auxiliary``: parameters of its auxiliary classifier.

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
    with torch.device("meta"):
        whole = build(subject.space, subject.spec, info, auxiliary=True)
    return {**found, "auxiliary": count_params(whole) - found["params"]}


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
    loaded = load_task(data, target=target, task=task, seed=seed)
    subject = find(what, settings, loaded.info.input_shape, loaded.info.outputs, seed)
    if subject.space.tasks and loaded.info.kind not in subject.space.tasks:
        raise SpaceError(f"{subject.title} is for {' and '.join(subject.space.tasks)}, the data is for {loaded.info.kind}")
    if inherit and subject.weights is None:
        raise SettingError(f"inherit: {str(what)!r} has no weights to begin with; leave it out to train from scratch")
    folder = Path(out) if out is not None else Path("runs") / f"{subject.title}-{loaded.info.name}"
    run = _Run(subject, loaded, folder, epochs, final, dict(training or {}), inherit, seed)
    prepare_folder(folder)
    with locked(folder):
        return run.go(on_step)


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

        FromScratch(final, **training)  # refuses unknown names
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
            "inherit": inherit,
            "seed": seed,
        }

    def go(self, on_step: Callable[[int, int], None] | None) -> Trained:
        """Begin or go on; a finished training is read back."""
        record = self._earlier()
        if "test" in record:
            return Trained(self.folder, record)
        network = self._build()
        try:
            self._train(network, record, on_step)
        except KeyboardInterrupt:
            return Trained(self.folder, record, is_interrupted=True)
        self._finish(record)
        return Trained(self.folder, record)

    def _earlier(self) -> dict[str, Any]:
        path = self.folder / TRAINING_FILE
        if not path.exists():
            return {"identity": self.identity, "architecture": self.subject.title, "reached": 0.0, "curve": [], "seconds": 0.0}
        record: dict[str, Any] = read_json(path)
        known = record.get("identity", {})
        for name, value in self.identity.items():
            if known.get(name) != value:
                raise RunError(
                    f"{str(self.folder)!r} holds a training with {name}={known.get(name)!r}, now it is {value!r}: give the same "
                    "settings to go on with it, or another folder with --out"
                )
        return record

    def _build(self) -> Any:
        import torch

        from searchitect.networks import build

        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.seed)
            network = build(self.subject.space, self.subject.spec, self.task.info, auxiliary=self.recipe.auxiliary > 0)
        if self.inherit:
            from safetensors.torch import load_file

            assert self.subject.weights is not None
            copy_fitting(network, load_file(self.subject.weights))
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
            span = Span(
                until,
                horizon=self.epochs,
                seed=self.seed,
                start=None if is_first else self.checkpoint,
                save=self.checkpoint,
                looks=1,
            )
            outcome = train_network(network, self.task, self.recipe, span, on_step)
            if outcome.state == TrialState.FAILED:
                raise RunError(f"{outcome.reason}; try --set training.learning_rate={self.recipe.learning_rate / 3:.2g}")
            record["curve"] += outcome.curve
            record["validation"], record["reached"] = outcome.metrics, until
            record["seconds"] = round(record["seconds"] + time.monotonic() - began, 3)
            write_json(self.folder / TRAINING_FILE, record)
            if outcome.state == TrialState.PRUNED:
                record["note"] = outcome.reason
                return

    def _finish(self, record: dict[str, Any]) -> None:
        from searchitect.export import Deployment, export_model, save_deployment
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
        record["notes"] = list(task.notes)
        from searchitect.export import load_deployment

        deployment = load_deployment(self.folder)
        for format in ("onnx", "python"):
            try:
                export_model(deployment, self.folder, format)
            except SearchitectError as error:  # the optional package is missing: the weights are safe
                record["notes"].append(f"not exported as {format}: {error}")
        record |= {
            "costs": costs(replace(subject, input_shape=task.info.input_shape, outputs=task.info.outputs)),
            "space": {"name": subject.space.name, "config": subject.space.config()},
            "task": task.info.to_json(),
            "versions": {name: version(name) for name in ("searchitect", "torch")},
            "test": test_scores(network, task),  # looked at once, after everything is decided
        }
        write_json(self.folder / TRAINING_FILE, record)
        self.checkpoint.unlink(missing_ok=True)


def copy_fitting(network: Any, weights: Mapping[str, Any]) -> float:
    """Copy the weights whose names and shapes the network has, and give the share of its parameters that they fill."""
    state = network.state_dict()
    fitting = {name: tensor for name, tensor in weights.items() if name in state and state[name].shape == tensor.shape}
    network.load_state_dict({**state, **fitting})
    trained: dict[str, int] = {name: parameter.numel() for name, parameter in network.named_parameters()}
    return sum(size for name, size in trained.items() if name in fitting) / max(1, sum(trained.values()))


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
        settings: the new sizes. For images of 128 pixels or more a space with a stem for ImageNet takes it, unless ``stem`` is given.
        input_shape: of the new inputs; default: as before.
        outputs: classes; default: as before.
        out: the new folder; default: WHAT-rebuilt, in runs/.
        seed: of the weights that are newly drawn.

    Returns:
        The folder, the architecture, and the share of its parameters that were copied.
    """
    import torch
    from safetensors.torch import load_file

    from searchitect.export import describe_architecture, save_weights
    from searchitect.networks import build

    settings = dict(settings)
    if input_shape is not None and len(input_shape) == 3 and "stem" not in settings:
        known = find(what).space.config()
        if known.get("stem") in ("cifar", "imagenet"):
            settings["stem"] = "imagenet" if min(input_shape[1:]) >= 128 else "cifar"
    subject = find(what, settings, input_shape, outputs)
    folder = Path(out) if out is not None else Path("runs") / f"{subject.title}-rebuilt"
    if (folder / ARCHITECTURE_FILE).exists():
        raise RunError(f"{str(folder)!r} holds an architecture already: choose another folder with --out")
    costs(subject)  # it runs, or says why not, before anything is written
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = build(subject.space, subject.spec, subject.info)
    share = copy_fitting(network, load_file(subject.weights)) if subject.weights is not None else 0.0
    prepare_folder(folder)
    save_weights(network, folder)
    record = {
        "format": 1,
        "searchitect": version("searchitect"),
        **describe_architecture(subject.space, subject.spec, subject.decisions),
        "input_shape": list(subject.input_shape),
        "outputs": subject.outputs,
    }
    write_json(folder / ARCHITECTURE_FILE, record)
    return folder, replace(subject, weights=folder / WEIGHTS_FILE), share


def decisions_of(space: Space, samples: int = 20) -> tuple[int, int]:
    """The fewest and the most decisions among a few random architectures."""
    counts = [len(space.sample(Random(seed)).decisions) for seed in range(samples)]
    return min(counts), max(counts)


def key_of(subject: Subject) -> str:
    """The architecture's key: 16 hexadecimal digits."""
    return Architecture(subject.spec).key
