"""The report of a comparison: one HTML file that needs nothing else. Every number in it comes from comparison.json."""

import base64
import hashlib
import os
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from searchitect.core import METRICS, MissingPackageError, RunError
from searchitect.reports.charts import View
from searchitect.reports.comparison_charts import anytime_views, correlation_views
from searchitect.reports.comparison_drawings import DARK, LIGHT, draw_curves, draw_ranks
from searchitect.reports.formatting import format_number, format_setting, format_value, is_number, kind_of, label_of
from searchitect.reports.png import svg_to_png
from searchitect.reports.report import script_json

Json = dict[str, Any]
_MINUS: Final = "−"


def write_comparison(record: Json, path: Path) -> Path:
    """Write the report of a comparison, replacing an older one in one step. Raises `RunError` where the file cannot be written."""
    text = render_comparison(record)
    unfinished = path.with_name(path.name + ".part")
    try:
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise RunError(
            f"the report cannot be written to {path}: {error.strerror or error}; name a folder that exists"
        ) from None
    return path


def write_picture(record: Json, path: Path) -> Path | None:
    """The main chart of the first task as PNG; ``None`` where there is nothing to draw, or no package to draw with."""
    drawing = draw_main(record)
    if drawing is None:
        return None
    try:
        return svg_to_png(drawing, path)
    except MissingPackageError:
        return None


def draw_main(record: Json) -> str | None:
    """The main chart of the first task as SVG; ``None`` where no search has ended."""
    for task in record["tasks"]:
        view: View | None = next(iter(anytime_views(task, _names(record)).values()), None)
        if view is not None and view["layers"]:
            most = max((entry["summary"]["n"] for entry in task["results"].values()), default=0)
            return draw_curves(view, task["name"], f"median and quartiles of {most} searches each")
    return None


def render_comparison(record: Json) -> str:
    """The report's HTML, with everything that came from users escaped."""
    environment = Environment(
        loader=PackageLoader("searchitect.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    source = environment.loader
    assert source is not None
    script = source.get_source(environment, "report.js")[0]
    names = _names(record)
    charts: dict[str, dict[str, View]] = {}
    tasks = []
    for place, task in enumerate(record["tasks"]):
        charts[f"anytime-{place}"] = anytime_views(task, names)
        charts[f"correlation-{place}"] = correlation_views(task, names)
        tasks.append(_task(task, record, names) | {"anytime": f"anytime-{place}", "correlation": f"correlation-{place}"})
    return environment.get_template("comparison.html.j2").render(
        title=record["title"],
        created=str(record["created"])[:16].replace("T", " "),
        tags=_tags(record),
        tasks=tasks,
        charts=charts,
        ranks=_ranks(record),
        strategies=[{"name": name, "options": format_setting(record["strategies"][name])} for name in names],
        refused=sorted(record["refused"].items()),
        failures=record["failures"],
        protocol=_protocol(record),
        problems=record["problems"],
        is_claimed=bool(record["claims"]),
        notes=record["notes"],
        command=record["command"],
        chart_json=script_json({"charts": charts}),
        style=Markup(source.get_source(environment, "report.css")[0] + _colours()),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _names(record: Json) -> list[str]:
    return list(record["strategies"])


def _colours() -> str:
    light, dark = (";".join(f"--s{n}:{colour}" for n, colour in enumerate(scheme)) for scheme in (LIGHT, DARK))
    return f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}@media print{{:root{{{light}}}}}"


def _tags(record: Json) -> list[str]:
    settings = record["settings"]
    budget = f"{settings['queries']} evaluations" if settings.get("queries") else f"budget {settings.get('budget', '')}"
    tags = [budget, f"{settings['seeds']} seeds", f"{len(record['strategies'])} strategies"]
    tags += [str(limit) for limit in settings.get("where", [])]
    if settings.get("simulated_workers", 1) > 1:
        tags.append(f"{settings['simulated_workers']} simulated workers")
    return tags


def _task(task: Json, record: Json, names: list[str]) -> Json:
    """Tables of a task, in words."""
    metric, sign = task["metric"], task.get("sign", 1)
    optimum = task.get("optimum")
    results = {name: task["results"][name] for name in names if name in task["results"]}
    ranks = dict(zip(record["ranks"].get("strategies", []), record["ranks"].get("ranks", []), strict=True))
    ordered = sorted(results, key=lambda name: -results[name]["summary"]["mean"])
    facts = [("metric", f"{label_of(metric)}, {'smaller' if METRICS.get(metric) == 'min' else 'larger'} is preferred")]
    facts.append(("reported", task["reported"]))
    space = task["space"]
    size = space.get("size")
    within = f", {space['within_limits']:,} within the limits" if space.get("within_limits") not in (None, size) else ""
    shown_size = f"{size:,}" if isinstance(size, int) else str(size)
    facts.append(("space", f"{space['name']}: {shown_size} architectures{within}"))
    if task.get("fidelities"):
        facts.append(("fidelities", f"{', '.join(f'{e:g}' for e in task['fidelities'])} epochs"))
    if optimum:
        facts.append(("optimum", format_value(metric, optimum["test"])))
        facts.append(
            (
                "all architectures",
                f"mean {format_value(metric, optimum['mean'])}, median {format_value(metric, optimum['median'])}",
            )
        )
    if task.get("drawn", {}).get("n"):
        facts.append(
            ("random architectures", f"{task['drawn']['what']}: mean {format_value(metric, sign * task['drawn']['mean'])}")
        )
    if task.get("by_hand"):
        facts.append(("made by hand", f"{task['by_hand']['what']}: {format_value(metric, task['by_hand']['test'])}"))
    if task.get("source"):
        facts.append(("source", f"{task['source']}{', licence ' + task['licence'] if task.get('licence') else ''}"))
    return {
        "name": task["name"],
        "kind": task["kind"],
        "sentences": record["sentences"].get(task["name"], []),
        "facts": facts,
        "found": [_found(name, results[name], task, ranks) for name in ordered],
        "compared": [_compared(name, results[name], metric) for name in ordered if "against_random" in results[name]],
        "leading": next((r["against_best"]["against"] for r in results.values() if "against_best" in r), ""),
        "correlations": [_correlation(entry) for entry in task.get("correlations", [])],
        "is_known": bool(optimum),
    }


def _found(name: str, result: Json, task: Json, ranks: Json) -> Json:
    metric, sign, summary = task["metric"], task.get("sign", 1), result["summary"]
    runs = task["runs"].get(name, [])

    def show(value: float) -> str:
        return format_value(metric, sign * value)

    def interval(low: float, high: float) -> str:
        return " – ".join(show(value) for value in sorted((low, high), key=lambda v: sign * v))

    hits = [run["evaluations_to_optimum"] for run in runs if run.get("evaluations_to_optimum") is not None]
    places = sorted(run["rank"] for run in runs if run.get("rank") is not None)
    return {
        "name": name,
        "n": summary["n"],
        "mean": show(summary["mean"]),
        "mean_interval": interval(summary["mean_low"], summary["mean_high"]),
        "std": _gap(summary["std"], metric, signed=False),
        "median": show(summary["median"]),
        "quartiles": interval(summary["lower_quartile"], summary["upper_quartile"]),
        "place": f"{places[len(places) // 2]:,}" if places else "–",
        "hits": f"{len(hits)} of {len(runs)}",
        "rank": f"{ranks[name]:.2f}" if is_number(ranks.get(name)) else "–",
    }


def _compared(name: str, result: Json, metric: str) -> Json:
    entry, best, improvement = result["against_random"], result.get("against_best"), result.get("relative_improvement")
    gap = entry["difference"]
    return {
        "name": name,
        "difference": _gap(gap["value"], metric),
        "interval": f"{_gap(gap['low'], metric)} to {_gap(gap['high'], metric)}",
        "p": p_text(entry["p_holm"]),
        "p_raw": p_text(entry["p"]),
        "effect": f"{entry['effect']:.2f}",
        "verdict": result.get("verdict", "no claim"),
        "p_best": p_text(best["p_holm"]) if best else "–",
        "improvement": _percent(improvement["value"]) if improvement else "–",
        "improvement_interval": f"{_percent(improvement['low'])} to {_percent(improvement['high'])}" if improvement else "",
    }


def _gap(value: float, metric: str, *, signed: bool = True) -> str:
    scaled = 100 * value if kind_of(metric) == "share" else value
    text = f"{abs(scaled):.2f}" if kind_of(metric) == "share" else format_number(abs(scaled))
    return text if not signed else f"{_MINUS if scaled < 0 else '+'}{text}"


def _percent(value: float) -> str:
    return f"{_MINUS if value < 0 else '+'}{abs(value):.2f}\u202f%"


def p_text(p: float | None) -> str:
    """A p-value for a table."""
    return "–" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def _correlation(entry: Json) -> Json:
    return {
        "what": entry["what"],
        "spearman": _r(entry["spearman"]),
        "interval": f"{_r(entry['low'])} to {_r(entry['high'])}, {entry['sample']} drawn",
        "kendall": _r(entry["kendall"]),
        "top": _r(entry["spearman_best_tenth"]),
        "n": f"{entry['n']:,}",
    }


def _r(value: float | None) -> str:
    return "–" if value is None else f"{_MINUS if value < 0 else ''}{abs(value):.3f}"


def _ranks(record: Json) -> Json:
    found = record["ranks"]
    if not found:
        return {"drawing": None, "words": "There are too few searches for ranks."}
    of = found["of"]
    cd, p = found["critical_difference"], found["p"]
    words = f"Average ranks over {found['blocks']} {of}; 1 is the highest score."
    if of == "searches":
        words += " Ranks over searches say something of these tasks only."
    if p is not None:
        words += f" Friedman's test that all are alike: p {p_text(p)}."
    if cd is not None:
        words += f" Strategies closer than {cd:.2f} (Nemenyi, 0.05) are not told apart: a bar joins them."
    return {"drawing": Markup(draw_ranks(found)), "words": words}


def _listed(value: Any) -> str:
    """A field on one line; what belongs to one name stays together."""
    if isinstance(value, dict) and any(isinstance(inner, (dict, list)) for inner in value.values()):
        return "; ".join(f"{name}: {format_setting(inner)}" for name, inner in value.items())
    return format_setting(value)


def _protocol(record: Json) -> list[Json]:
    """Every field of the protocol: its value, or that it is missing or broken, and why."""
    problems = {problem["field"]: problem for problem in record["problems"]}
    fields = dict.fromkeys([*record["protocol"], *problems])
    return [
        {
            "name": name,
            "state": problems.get(name, {}).get("kind", ""),
            "why": problems.get(name, {}).get("why", ""),
            "value": _listed(record["protocol"].get(name)),
        }
        for name in fields
    ]
