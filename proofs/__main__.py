"""`python -m proofs [NAME ...]`: the proofs that are named, of those in `PROOFS`, or all; 1 if one fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from proofs import ROOT, alerts, backfill, books, contract, engines, figures, functions, kills, live, merges, replicas
from proofs.progress import shown
from toast_simulator import environment

PROOFS: dict[str, Callable[[Path], dict[str, object]]] = {
    "alerts": alerts.prove,
    "backfill": backfill.prove,
    "books": books.prove,
    "contract": contract.prove,
    "engines": engines.prove,
    "figures": figures.prove,
    "functions": functions.prove,
    "kills": kills.prove,
    "live": live.prove,
    "merges": merges.prove,
    "replicas": replicas.prove,
}
RESULT = ROOT / "proofs.json"


def main(wanted: Sequence[str]) -> int:
    if unknown := [name for name in wanted if name not in PROOFS]:
        print(f"proofs: there is no proof '{unknown[0]}'; there are {', '.join(PROOFS)}.", file=sys.stderr)
        return 2
    commit, began = current_commit(), time.monotonic()
    proven = kept_figures(commit)
    failed = []
    with tempfile.TemporaryDirectory(prefix="restaurant-os-proofs-") as folder:
        os.environ.update(environment(Path(folder)))
        for name in wanted or PROOFS:
            own = Path(folder) / name
            own.mkdir()
            try:
                proven[name] = PROOFS[name](own)
                is_proven = proven[name]["failures"] == 0
            except AssertionError as problem:
                proven[name] = {"failures": 1, "error": str(problem)}
                is_proven = False
                print(f"    {problem}", flush=True)
            if not is_proven:
                failed.append(name)
            RESULT.write_text(json.dumps({"commit": commit, "figures": proven}, indent=2) + "\n")
    print(f"{'failed: ' + ', '.join(failed) if failed else 'all proven'} after {shown(time.monotonic() - began)}; figures in {RESULT.name}")
    return 1 if failed else 0


def current_commit() -> str:
    """The commit that is proven; `+` when files differ from it."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    changed = git("status", "--porcelain", "--", "src", "tests", "proofs")
    return (git("rev-parse", "HEAD") or "unknown") + ("+" if changed else "")


def kept_figures(commit: str) -> dict[str, dict[str, object]]:
    """What other proofs showed for the same commit."""
    try:
        found = json.loads(RESULT.read_text())
    except (OSError, ValueError):
        return {}
    return dict(found.get("figures", {})) if found.get("commit") == commit else {}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
