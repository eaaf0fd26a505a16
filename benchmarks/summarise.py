"""Writes RESULTS.md from results/*.json: python benchmarks/summarise.py"""

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LONGEST = 1500  # letters of a line; what is longer is for programs


def shown(value: Any) -> str:
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Rows with the same keys as a Markdown table; long texts are left to the JSON file."""
    names = [name for name in rows[0] if not isinstance(rows[0][name], str) or len(rows[0][name]) < 40]
    return [
        f"| {' | '.join(names)} |",
        f"|{'---|' * len(names)}",
        *(f"| {' | '.join(shown(row[name]) for name in names)} |" for row in rows),
        "",
    ]


def section(path: Path) -> list[str]:
    content = json.loads(path.read_text())
    machine, figures = content["machine"], content["figures"]
    lines = [f"## {path.stem.replace('_', ' ').capitalize()}?", "", f"Claim: {content['claim']}.", ""]
    rows = figures.pop("rows", None)
    for name, value in figures.items():
        inner = ", ".join(f"{k} {shown(v)}" for k, v in value.items()) if isinstance(value, dict) else shown(value)
        lines.append(f"- {name}: {inner if len(inner) < LONGEST else f'see results/{path.name}'}")
    lines += ["", *(table(rows) if rows else [])]
    versions = ", ".join(f"{k} {v}" for k, v in content["versions"].items())
    lines += [
        f"`{content['command']}`, {content['measured']}, {machine['cores']} cores, load {machine['load']:.1f}, {machine['system']}, {versions}.",
        "",
    ]
    return lines


def main() -> None:
    lines = [
        "# Results",
        "",
        "What the benchmarks of this folder found, on a machine with two cores and no GPU; written by `summarise.py` from `results/`. Test accuracies are",
        "those of the winner, scored once; the spread over seeds is given as lowest and highest.",
        "",
    ]
    for path in sorted((HERE / "results").glob("*.json")):
        lines += section(path)
    (HERE / "RESULTS.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
