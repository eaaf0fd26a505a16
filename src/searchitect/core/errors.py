"""The errors that users see.

    SearchitectError            anything a user can mend; the command line prints its one sentence, never a traceback
    ├── SpaceError              a search space that contradicts itself, or lacks what was asked of it
    ├── DataError               data that cannot be read or learned from
    ├── ConstraintError         limits that are misspelt, or that no architecture meets
    ├── SettingError            an unknown name or a value outside its range
    ├── RunError                a run folder that is busy, foreign, damaged or not writable
    └── MissingPackageError     an optional package that is not installed

A message names the argument, its value, what is allowed, and the way out.
"""

import difflib
from collections.abc import Iterable


class SearchitectError(Exception):
    """Base of every error that a user can mend."""


class SpaceError(SearchitectError):
    """A search space contradicts itself or lacks what was asked of it."""


class DataError(SearchitectError):
    """Data that cannot be read or learned from."""


class ConstraintError(SearchitectError):
    """Limits that are misspelt, or that no architecture meets."""


class SettingError(SearchitectError):
    """An unknown name or a value outside its range."""


class RunError(SearchitectError):
    """A run folder that is busy, foreign, damaged or not writable."""


class MissingPackageError(SearchitectError):
    """An optional package is needed; the message carries the install command."""


def missing_package(package: str, extra: str, purpose: str) -> MissingPackageError:
    """The error for an optional ``package`` that ``purpose`` needs, with the command that installs it."""
    return MissingPackageError(
        f"{purpose} needs the package {package}, which is not installed: pip install 'searchitect[{extra}]'"
    )


def unknown_name(what: str, name: str, known: Iterable[str]) -> SettingError:
    """The error for a misspelt ``name``: the nearest known ones first, then all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return SettingError(f"unknown {what} {name!r}: {hint}known are {', '.join(names)}")
