"""Print the requirements of a dependency group of pyproject.toml, one a line quoted for a shell: pip reads groups only since 25.1."""

import shlex
import sys
import tomllib
from pathlib import Path

groups = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["dependency-groups"]
print(" ".join(shlex.quote(requirement) for requirement in groups[sys.argv[1]]))
