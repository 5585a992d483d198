"""How many examples a property test tries: few by default; thousands with RESTAURANT_OS_PROFILE=prove.

RESTAURANT_OS_EXAMPLES sets the number outright. It is that of the costliest property, the merge; a cheap one asks for a
multiple of it.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings

PROVE = "prove"
QUICK = "quick"
#: Examples of the costliest property (two to three seconds each).
MOST = {QUICK: 6, PROVE: 2_000}

profile = os.environ.get("RESTAURANT_OS_PROFILE", QUICK)
most = int(os.environ.get("RESTAURANT_OS_EXAMPLES") or MOST[profile])

for name in MOST:
    settings.register_profile(
        name,
        max_examples=most,
        deadline=None,
        database=None,
        print_blob=True,
        phases=(Phase.explicit, Phase.generate, Phase.shrink)[: int(os.environ.get("NOSHRINK", "3"))],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
settings.load_profile(profile)

#: A failing example takes minutes to shrink, and a proof longer: neither shall end in pytest's own time limit.
unlimited = pytest.mark.timeout(0 if most > MOST[QUICK] else 900)


def examples(times: int = 1) -> settings:
    """The settings of a property that is `times` as cheap as the costliest."""
    return settings(settings.get_profile(profile), max_examples=most * times)
