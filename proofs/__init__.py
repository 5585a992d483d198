"""What takes longer than a test may: `python -m proofs`, or `make prove`, from the repository's root.

Each proof can be run alone: `python -m proofs books`. Figures are written to proofs.json, with the commit they hold for.
The parts that tests and proofs share are in `tests`.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
