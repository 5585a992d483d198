"""The simulator's API over a small world, with a clock turned by hand."""

from __future__ import annotations

import pytest

from restaurant_os.simulator.call import Simulator
from simulator_fakes import Api, Time, World, simulated, small_world


@pytest.fixture
def world() -> World:
    return small_world()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def simulator(world: World, time: Time) -> Simulator:
    return simulated(world, time)


@pytest.fixture
def api(simulator: Simulator, time: Time) -> Api:
    return Api(simulator, time)
