"""Another release of genai-prices the same list at other prices, found first by a process."""

import os
import shutil
from importlib.metadata import version
from pathlib import Path

import genai_prices

__all__ = ["INSTALLED", "OTHER", "other_release"]

INSTALLED = version("genai-prices")
OTHER = "99.1"


def other_release(folder: Path) -> dict[str, str]:
    """Make the release ``OTHER``, ten dollars dearer for a million input tokens; returns the variables of a process."""
    package = folder / "genai_prices"
    shutil.copytree(Path(genai_prices.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    data = package / "data.py"
    before = data.read_text("utf-8")
    after = before.replace("input_mtok=Decimal('", "input_mtok=Decimal('1")
    assert after != before
    data.write_text(after, "utf-8")
    described = folder / f"genai_prices-{OTHER}.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: genai-prices\nVersion: {OTHER}\n", "utf-8")
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))}
