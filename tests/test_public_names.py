"""The public names: complete, sorted, and cheap to import."""

import subprocess
import sys

import pytest

import searchitect
import searchitect.core

HEAVY = ("torch", "sklearn", "sqlalchemy", "pandas", "onnx", "onnxruntime", "scipy")


def run_python(*arguments):
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize("package", [searchitect, searchitect.core], ids=lambda package: package.__name__)
def test_all_names_are_sorted_and_there(package):
    capitals_first = sorted(package.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name))
    assert package.__all__ == capitals_first
    assert len(set(package.__all__)) == len(package.__all__)
    for name in package.__all__:
        assert getattr(package, name) is not None


def test_no_public_noun_of_core_is_left_out():
    """What a core file defines for others and its package imports is named in ``__all__``."""
    imported = {
        name
        for name, value in vars(searchitect.core).items()
        if not name.startswith("_") and not isinstance(value, type(searchitect.core))
    }
    assert imported == set(searchitect.core.__all__)


def test_the_top_level_holds_what_an_own_part_needs():
    """A strategy, an estimator and a space can be written with names from ``searchitect`` alone."""
    needed = {
        "Space",
        "Strategy",
        "Estimator",
        "Proposal",
        "Trial",
        "TrialState",
        "Job",
        "Measurement",
        "Fidelity",
        "Objective",
    }
    assert needed <= set(searchitect.__all__)
    assert needed - {"Result"} <= set(searchitect.core.__all__)


def test_the_names_of_the_top_level_are_those_of_the_rooms():
    from searchitect import api, comparison, core, single

    homes = dict.fromkeys(("Result", "load_result", "search"), api) | dict.fromkeys(("Trained", "rebuild", "train"), single)
    homes |= dict.fromkeys(("Comparison", "compare"), comparison)
    for name in searchitect.__all__:
        home = homes.get(name, core)
        assert getattr(searchitect, name) is getattr(home, name)


def test_search_stays_the_function_after_its_room_was_imported():
    printed = run_python(
        "-c",
        "from searchitect import search; import searchitect.search.loop; import searchitect; print(searchitect.search is search)",
    )
    assert printed.stdout.strip() == "True"
    again = run_python("-c", "import searchitect.search.loop; from searchitect import search; print(callable(search))")
    assert again.stdout.strip() == "True"


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'serach'"):
        _ = searchitect.serach


def test_importing_searchitect_loads_nothing_heavy():
    lines = run_python("-X", "importtime", "-c", "import searchitect").stderr.splitlines()
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
    assert "searchitect" in loaded
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["search", "--help"], ["--version"], ["list", "spaces"], ["list", "strategies"], ["list", "estimators"]],
    ids=" ".join,
)
def test_help_and_lists_do_not_load_torch(arguments):
    code = (
        "import sys; from searchitect.cli import main; sys.argv = ['searchitect', *sys.argv[1:]]\n"
        "try: main()\nexcept SystemExit as end: assert not end.code, end.code\n"
        f"print('LOADED', sorted(set(sys.modules) & set({HEAVY!r})))"
    )
    printed = run_python("-c", code, *arguments).stdout
    assert printed.splitlines()[-1] == "LOADED []"
    assert len(printed.splitlines()) > 1, "it said something"
