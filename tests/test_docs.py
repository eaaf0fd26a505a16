"""The documentation names every option and every public name, and none that does not exist."""

import ast
import re
import shlex
from dataclasses import fields
from inspect import signature
from pathlib import Path

import pytest
import typer

import searchitect
from searchitect.cli import app
from searchitect.strategies import find_strategy, strategy_names, strategy_options

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = {
    " ".join([name, *inner]): found
    for name, command in typer.main.get_command(app).commands.items()
    for inner, found in (
        [((sub,), each) for sub, each in command.commands.items()] if hasattr(command, "commands") else [((), command)]
    )
}
"""By all their words, those of a group too: "benchmarks list"."""
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CLI = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
PYTHON = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")


def blocks(language):
    return [
        pytest.param(content, id=f"{page.relative_to(ROOT)}:{number}")
        for page in PAGES
        for number, (tag, content) in enumerate(FENCE.findall(page.read_text(encoding="utf-8")))
        if tag == language
    ]


def section_of(command):
    found = re.search(rf"^## searchitect {command}\b(.*?)(?=^## |\Z)", CLI, re.MULTILINE | re.DOTALL)
    assert found, f"docs/reference/cli.md has no section on {command!r}"
    return found.group(1)


def table_of(head):
    """The rows of the table of docs/reference/python.md whose first column is headed so."""
    return re.search(rf"^\| {head} \|.*?(?=\n\n)", PYTHON, re.MULTILINE | re.DOTALL).group(0).splitlines()[2:]


def options_of(command):
    return {option for parameter in COMMANDS[command].params for option in parameter.opts if option.startswith("-")}


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_the_reference_lists_exactly_the_options_of_a_command(command):
    rows = [line.split("|")[1] for line in section_of(command).splitlines() if line.startswith("| `-")]
    assert {option for row in rows for option in re.findall(r"`(-[^`]+)`", row)} == options_of(command) - {"--help"}


def test_the_reference_says_the_true_defaults_of_search():
    rows = dict(re.findall(r"^\| `(--[a-z-]+)`[^|]*\| ([^|]*?) \|", section_of("search"), re.MULTILINE))
    for parameter in COMMANDS["search"].params:
        plain = isinstance(parameter.default, (str, int)) and not isinstance(parameter.default, bool)
        if parameter.opts[0].startswith("--") and plain:
            assert rows[parameter.opts[0]] == f"`{parameter.default}`"


@pytest.mark.parametrize("content", blocks("sh"))
def test_every_command_in_the_pages_is_understood(content):
    for line in content.splitlines():
        words = shlex.split(line, comments=True)
        if words and words[0] == "searchitect":
            name = " ".join(words[1 : 3 if words[1] not in COMMANDS else 2])
            COMMANDS[name].make_context(
                name, words[1 + len(name.split()) :]
            )  # raises for an unknown option or a missing argument


@pytest.mark.parametrize("content", blocks("python"))
def test_every_name_imported_in_the_pages_exists(content):
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("searchitect"):
            module = __import__(node.module, fromlist=["x"])
            for alias in node.names:
                assert hasattr(module, alias.name), f"{node.module} has no {alias.name}"


def test_the_reference_names_every_public_name():
    for name in searchitect.__all__:
        assert re.search(rf"`[^`]*\b{name}\b[^`]*`", PYTHON), f"docs/reference/python.md does not mention {name}"


def test_the_reference_names_exactly_the_arguments_of_search():
    rows = table_of("argument")
    named = [name for row in rows for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])]
    assert sorted(named) == sorted(signature(searchitect.search).parameters)


def test_the_reference_names_exactly_the_members_of_a_result():
    rows = table_of("member")
    named = {name for row in rows for name in re.findall(r"`([a-z_]+)[(`]", row.split("|")[1])}
    members = {field.name for field in fields(searchitect.Result)} | set(vars(searchitect.Result))
    assert named == {name for name in members if not name.startswith("_")}


@pytest.mark.parametrize("name", strategy_names())
def test_each_strategy_has_its_options_in_the_reference_and_a_page(name):
    row = next(line for line in PYTHON.splitlines() if line.startswith(f"| `{name}` |"))
    assert set(re.findall(r"`([a-z_]+)`", row.split("|")[2])) == set(strategy_options(name))
    page = ROOT / "docs" / "methods" / f"{'random-search' if name == 'random' else name}.md"
    assert f"(../../src/{find_strategy(name).__module__.replace('.', '/')}.py)" in page.read_text(encoding="utf-8")


def test_the_settings_of_training_are_all_named():
    from searchitect.training import Recipe

    named = re.search(r"Of the training.*", PYTHON, re.DOTALL).group(0)
    assert {field.name for field in fields(Recipe)} <= set(re.findall(r"`([a-z_]+)`", named))


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "methods").glob("*.md")), ids=lambda page: page.stem)
def test_a_method_page_says_what_differs_and_what_was_reproduced(page):
    text = page.read_text(encoding="utf-8")
    heads = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert heads == ["Differences from the paper", "What we reproduced"]
    assert re.search(r"\(\.\./\.\./tests/.*?test_\w+\.py\)", text), "it names the tests"


def test_each_word_of_the_glossary_is_in_the_file_that_it_links_to():
    rows = re.findall(
        r"\| \[`?([\w.]+)`?\]\(([^)]+)\) \|$", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(rows) > 30
    for word, target in rows:
        content = (ROOT / "docs" / target).read_text(encoding="utf-8")
        if not word.endswith(".py") and "/" not in word and word != "costs":
            assert re.search(rf"\b{word.rpartition('.')[2]}\b", content), f"{word} is not in {target}"


def test_the_readme_lists_every_space_strategy_estimator_and_recipe():
    from searchitect.estimators import estimator_summaries
    from searchitect.recipes import recipe_summaries
    from searchitect.spaces import space_names

    table = re.search(r"\| \| name \| paper.*?\n\n", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL).group(0)
    named = [re.search(r"`([a-z0-9-]+)`", line.split("|")[2]).group(1) for line in table.splitlines()[2:] if line]
    assert sorted(named) == sorted([*space_names(), *strategy_names(), *estimator_summaries(), *recipe_summaries()])
