"""How readily libraries take a tile of the short lists; written by scripts/calibrate_lists.py.

Logarithms of time by list and tile (engine_MxNxK_stages): a kernel is taken where it is not slower
than others by more than the difference, as fitted to recorded names (fit half).
"""

from __future__ import annotations

BIASES: dict[str, dict[str, float]] = {
    "tf32": {
        "2_64x64x16_6": 0.045,
        "2_64x64x32_6": 0.051,
        "2_64x128x16_6": -0.187,
        "2_128x64x32_6": -0.039,
        "2_64x128x32_6": -0.055,
        "1_64x64x32_4": -0.005,
        "1_64x128x32_4": 0.027,
        "1_128x128x32_4": 0.148,
        "1_128x256x32_4": 0.016,
    },
    "fp32": {
        "3_32x32x8_3": -0.001,
        "3_64x64x8_3": 0.060,
        "3_128x32x8_3": -0.035,
        "3_128x64x8_3": 0.004,
        "3_128x128x8_3": 0.016,
        "3_64x256x8_3": -0.044,
    },
    "fp64": {
        "4_32x32x32_3": -0.077,
        "4_32x32x32_5": 0.040,
        "4_32x64x32_3": 0.071,
        "4_64x64x16_4": 0.028,
        "4_64x128x16_3": -0.019,
        "4_128x64x32_3": -0.057,
        "4_64x128x32_3": 0.013,
    },
    "int8": {
        "2_64x64x128_6": 0.083,
        "2_64x128x128_3": 0.163,
        "2_64x128x128_6": -0.044,
        "2_128x128x128_5": -0.148,
        "2_256x128x128_3": -0.055,
    },
}
