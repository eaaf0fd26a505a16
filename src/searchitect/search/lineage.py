"""From whom weights came: the line of trainings that a trial's weights went through."""

from collections.abc import Mapping

from searchitect.core import Trial


def line_of(trials: Mapping[int, Trial], trial: int) -> list[Trial]:
    """The trials whose weights went into ``trial``'s, the oldest first, itself last."""
    line: list[Trial] = []
    place: int | None = trial
    while place is not None and place in trials:
        found = trials[place]
        own = trials.get(found.twin, found) if found.twin is not None else found  # the training whose result it took over
        line.append(own)
        place = own.parent if own.inherit or own.resume else None
    return line[::-1]


def inheritance_note(trials: Mapping[int, Trial], best: Trial | None) -> list[str]:
    """One sentence for the report on whose weights the best trial has, where trials inherited; else none."""
    heirs = sum(t.inherit and t.is_trained for t in trials.values())
    if not heirs or best is None:
        return []
    line = line_of(trials, best.id)
    shown = ", ".join(str(t.id) for t in (line if len(line) <= 12 else [*line[:3], *line[-8:]]))
    passes = sum(t.fidelity.passes for t in line)
    return [
        f"{heirs} trainings began with weights of their parents. Those of trial {best.id} went through {len(line)} trainings, "
        f"{passes:.4g} epochs in all (trials {shown}{', the middle left out' if len(line) > 12 else ''})."
    ]
