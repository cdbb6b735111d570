"""Units of the Edge-MoE accelerator, each bit for bit its reference in ``archsim.functional``."""
