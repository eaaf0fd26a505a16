"""Runs of commands and scripts that users read, in a process of their own, with tiny budgets that no load of the machine can upset."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

_BUDGET = re.compile(r"(budget[= ]\"?)[0-9][0-9a-z,.]*")

_DRIVER = """
import json, runpy, sys
from searchitect.search import plan

plan.usual_epochs = lambda info: 0.5  # the final trainings too
todo = json.loads(sys.argv[1])
for package in todo["hidden"]:
    sys.modules[package] = None
for kind, content in todo["steps"]:
    print(">>>", content, flush=True)
    if kind == "script":
        sys.argv = [content]
        runpy.run_path(content, run_name="__main__")
    elif kind == "python":
        exec(compile(content, "example", "exec"), {"__name__": "__main__"})
    else:
        from searchitect import cli

        cli.default_workers = lambda: 1  # starting worker processes takes longer than five trials
        sys.argv = content
        try:
            cli.main()
        except SystemExit as end:
            if end.code:
                raise
"""


def shrink_budgets(text: str, budget: str = "5trials") -> str:
    """The same commands or code with every budget replaced."""
    return _BUDGET.sub(rf"\g<1>{budget}", text)


def run_steps(steps: list[tuple[str, Any]], folder: Path, *, hidden: tuple[str, ...] = ()) -> str:
    """Run scripts (paths), python code and command lines (lists) one after the other in one new process, inside ``folder``.

    Args:
        steps: pairs of "script", "python" or "command", and what to run.
        folder: to be in.
        hidden: packages that are as if they were not installed.

    Returns:
        What was printed.
    """
    todo = json.dumps({"steps": steps, "hidden": hidden})
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _DRIVER, todo],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    return done.stdout
