"""Pages on disk until they are committed: the folder they share comes and goes with the units."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from restaurant_os.pipeline.spill import Spill


def test_units_come_and_go_side_by_side(tmp_path: Path) -> None:
    """The last to leave takes the folder away while another makes its own in it."""
    folder = tmp_path / "warehouse.spill"

    def unit(_: int) -> bool:
        with Spill(folder) as spill:
            return spill.folder.is_dir()

    with ThreadPoolExecutor(max_workers=4) as pool:
        assert all(pool.map(unit, range(2_000)))
    assert not folder.exists()
