"""A drawing as PNG, for slides and papers: SVG is smaller and sharper wherever it can be used."""

import os
from pathlib import Path
from typing import Any, Final

from searchitect.core.errors import RunError, SettingError, missing_package
from searchitect.reports.style import Scheme, paper, style_element, width_of

_MOST_PIXELS: Final = 20_000


def svg_to_png(svg: str, path: Path, width: int | None = None, scheme: Scheme = "light") -> Path:
    """Write one of our drawings as PNG.

    Args:
        svg: as `draw_architecture` or `draw_cells` gives it.
        path: of the file; its folder must exist. It is replaced in one step.
        width: of the picture, in pixels, 1 to 20,000; ``None``: twice the width of the drawing.
        scheme: light or dark: a picture cannot follow its reader.

    Raises:
        SettingError: for a width out of range.
        MissingPackageError: without resvg-py.
        RunError: where the file cannot be written.
    """
    if width is not None and not 1 <= width <= _MOST_PIXELS:
        raise SettingError(f"width of a PNG must lie in [1, {_MOST_PIXELS:,}] pixels, got {width}")
    resvg = _require_resvg()
    pixels = width or min(_MOST_PIXELS, round(2 * width_of(svg)))
    content = resvg.svg_to_bytes(svg_string=in_one_scheme(svg, scheme), width=pixels, background=paper(scheme))
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RunError(f"cannot write {str(path)!r} ({error}): free some space or choose another folder") from None
    return path


def in_one_scheme(svg: str, scheme: Scheme) -> str:
    """The same drawing in plain colours, for readers that know no CSS variables."""
    return svg.replace(style_element(), style_element(scheme))


def _require_resvg() -> Any:
    try:
        import resvg_py
    except ImportError:
        raise missing_package("resvg-py", "draw", "a PNG of a drawing") from None
    return resvg_py
