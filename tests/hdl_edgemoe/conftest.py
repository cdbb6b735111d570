import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # unit_harness, lib_units, arith_units
