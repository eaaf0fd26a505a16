"""Finding the row of an architecture that a table lists in another, equal form."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from searchitect.core import canonical_json


class EqualRows(Mapping[str, int]):
    """The canonical JSON of a spec -> its row, also for a spec that the table lists in another form.

    Args:
        rows: the texts that are listed.
        canonical: a form in which equal specs are equal (`Space.canonical`, or what the table's authors take as equal).
        listed_canonical: whether the listed texts are such forms; otherwise their forms are computed when first needed.
    """

    def __init__(self, rows: Mapping[str, int], canonical: Callable[[Any], Any], *, listed_canonical: bool = False) -> None:
        self._rows = rows
        self._canonical = canonical
        self._forms: Mapping[str, int] | None = rows if listed_canonical else None
        self._found: dict[str, int] = {}

    def __getitem__(self, text: str) -> int:
        row = self._rows.get(text)
        if row is None:
            row = self._found.get(text)
        if row is None:
            if self._forms is None:
                # the first of several equal ones stands for them
                self._forms = {self._form(listed): row for listed, row in reversed(list(self._rows.items()))}
            row = self._found[text] = self._forms[self._form(text)]
        return row

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def _form(self, text: str) -> str:
        return canonical_json(self._canonical(json.loads(text)))
