"""The shell every page stands in: templates, macros and built assets, named for app and tests."""

from pathlib import Path

HERE = Path(__file__).parent
TEMPLATES = HERE / "templates"
STATIC = HERE / "static"  # served at /static
ASSETS = STATIC / "dist" / "manifest.json"  # written by `npm run build` in frontend/
