"""Edge-MoE's integer arithmetic as Numba CUDA kernels.

Plain CUDA: the same kernels run on a GPU and, with NUMBA_ENABLE_CUDASIM=1 set before the import,
in the CUDA simulator. They share no code with ``archsim.functional``, only its tables of constants.
"""
