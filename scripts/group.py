"""Print the requirements of a dependency group of pyproject.toml, one a line, for `pip install -r`: pip reads groups only since 25.1."""

import sys
import tomllib
from pathlib import Path

groups = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["dependency-groups"]
print("\n".join(groups[sys.argv[1]]))
