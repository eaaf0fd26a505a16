"""Every command and every line of Python in the README runs, in the order in which a reader would type them, with tiny budgets."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from tests.small_runs import run_steps, shrink_budgets
from tests.texts import sentences, write_text

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def steps_of(text):
    """What the fenced blocks tell the reader to run: pairs as `run_steps` takes them, and command lines of other programs."""
    steps, others = [], []
    for language, content in FENCE.findall(text):
        assert language in ("sh", "python"), f"the test does not know how to run {language!r}"
        if language == "python":
            steps.append(("python", shrink_budgets(content)))
            continue
        for line in content.splitlines():
            words = shlex.split(line, comments=True)
            if words[0] == "searchitect":
                steps.append(("command", shlex.split(shrink_budgets(line.replace("--budget ", "--budget=")), comments=True)))
            else:
                others.append(words)
    return steps, others


def make_data(folder):
    """What the README's commands find: photos/, images.npz, houses.csv, new_houses.csv, novel.txt."""
    from PIL import Image

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 12, 12, 3), dtype=np.uint8)
    for number, pixels in enumerate(images):
        place = folder / "photos" / ("cat", "dog")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{number}.png")
    np.savez(folder / "images.npz", x=images, y=np.arange(60) % 2)
    rows = [f"{50 + number},{('north', 'south', '')[number % 3]},{1900 + number}-05-01" for number in range(60)]
    houses = [f"{row},{1000.5 * number}" for number, row in enumerate(rows, start=1)]
    (folder / "houses.csv").write_text("\n".join(["size,side,built,price", *houses]), encoding="utf-8")
    (folder / "new_houses.csv").write_text("size,side,built\n60,east,2001-01-01\n,,\n", encoding="utf-8")
    write_text(folder, sentences(60), "novel.txt")


def test_every_command_and_line_of_python_runs(tmp_path):
    steps, _ = steps_of(README)
    make_data(tmp_path)
    printed = run_steps(steps, tmp_path)
    answers = printed.partition("new_houses.csv']\n")[2].splitlines()
    assert [line.partition(",")[0] for line in answers[:3]] == ["row", "0", "1"]
    listed = re.search(r"`runs/digits` then holds:\n\n(.*?)\n\n", README, re.DOTALL).group(1)
    for name in re.findall(r"`([^`]+)`", "".join(line.split("|")[1] for line in listed.splitlines())):
        assert (tmp_path / "runs" / "digits" / name).exists(), f"the README promises {name}"
    assert (tmp_path / "runs" / "digits" / "model.pt2").exists()


def test_the_commands_of_other_programs_fit_the_project():
    _, others = steps_of(README)
    assert [words[:2] for words in others] == [["pip", "install"]] * len(others)
    assert others, "the README says how to install"
    assert re.search(r"^demo:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_budgets_are_shrunk_wherever_they_stand():
    assert shrink_budgets('searchitect search x --budget=2m --where "params<=1k"').startswith(
        "searchitect search x --budget=5trials --"
    )
    assert shrink_budgets('search("digits", budget="30s,200trials", out="a")') == 'search("digits", budget="5trials", out="a")'


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=str
)
def test_every_link_to_a_file_leads_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if not target.startswith(("http:", "https:")):
            assert (page.parent / target).exists(), f"{page.name}: {target} does not exist"
