import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from searchitect.core import RunError
from searchitect.export.bundle import Bundle, Import

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Modules of a user, importable in this test only."""
    monkeypatch.syspath_prepend(str(tmp_path))
    names: list[str] = []

    def write_module(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(dedent(text))
        names.append(name)

    yield write_module
    for name in names:
        sys.modules.pop(name, None)


def gather(module: str, name: str) -> str:
    bundle = Bundle()
    bundle.add(module, name)
    return bundle.text()


def run(bundle: Bundle) -> dict[str, object]:
    namespace: dict[str, object] = {}
    exec("\n".join(bundle.import_lines()) + "\n" + bundle.text(), namespace)
    return namespace


def test_only_what_is_needed_comes_along_in_a_working_order(write: Write) -> None:
    write(
        "my_layers",
        "import math\nimport json as j\n\n# how wide\nWIDTH = 3\nUNUSED = j.dumps(1)\n\ndef width():\n    return math.floor(WIDTH)\n",
    )
    write(
        "my_space",
        """
        from my_layers import width as wide
        from searchitect import search
        from searchitect.core import Space
        from searchitect.networks.operations import activation

        class Own(Space):
            def build(self):
                search = activation("gelu")  # a local name that an import has too
                return wide(), search

        if __name__ == "__main__":
            result = search("digits")
        """,
    )
    bundle = Bundle()
    bundle.add("my_space", "Own")
    text = bundle.text()
    assert "# how wide\nWIDTH = 3" in text
    assert "UNUSED" not in text
    assert "__main__" not in text
    assert bundle.imports == {Import("math", "", "math"), Import("torch", "nn", "nn")}
    count, layer = run(bundle)["Own"]().build()  # type: ignore[operator]
    assert count == 3
    assert type(layer).__name__ == "GELU"


def test_an_installed_package_stays_an_import_and_is_named(write: Write) -> None:
    write(
        "my_numbers",
        "import numpy as np\nfrom torch import nn\n\ndef build():\n    return nn.Linear(np.array([2]).item(), 1)\n",
    )
    bundle = Bundle()
    bundle.add("my_numbers", "build")
    assert bundle.packages == {"numpy"}
    assert "import numpy as np" in bundle.import_lines()


def test_one_name_for_two_things_is_refused(write: Write) -> None:
    write("my_first", "def block():\n    return 1\n")
    write("my_second", "from my_first import block as first\n\ndef block():\n    return first()\n")
    with pytest.raises(RunError, match="'block' is defined by my_second and by my_first; rename one"):
        Bundle().add("my_second", "block")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import searchitect.networks.operations as ops\n\ndef build():\n    return ops.activation\n",
            "import the names themselves",
        ),
        ("from searchitect.networks import operations\n\ndef build():\n    return operations\n", "import the names themselves"),
        ("from searchitect.networks.operations import *\n\ndef build():\n    return activation\n", r"imports \* and so hides"),
        ("def build():\n    from searchitect.networks.operations import activation\n", "move the import to the top"),
    ],
)
def test_imports_that_cannot_be_followed_are_refused_with_the_way_out(text: str, message: str, write: Write) -> None:
    write("my_imports", text)
    with pytest.raises(RunError, match=message):
        gather("my_imports", "build")
