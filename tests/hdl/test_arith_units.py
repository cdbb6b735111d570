import pytest
from arith_units import UNITS
from unit_harness import QUICK, SLOW, mismatches


@pytest.mark.parametrize("mode", QUICK + SLOW)
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_operator_follows_its_reference(unit, mode):
    assert list(mismatches(unit.make(), unit.trace(0, mode))) == []
