"""Import of ONNX files as workload graphs.

What is imported is what the file says: one operator for each node that does work. Nodes that
only change a shape launch nothing; nodes whose inputs are all constants are computed when a
model is loaded and cost nothing in a call; a bias added to a product with a weight, and a batch
norm after a convolution, are folded into it. Parameters are the floating-point arrays that the
file stores and a call uses. An operator that is not known is named, never counted as nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from archsim.errors import ConfigError
from archsim.formats import dtype as dtype_of
from archsim.graph.graph import Graph


def load_onnx(
    path: str | Path,
    batch: int | None = None,
    dtype: str | None = None,
    dims: Mapping[str, int] | None = None,
) -> Graph:
    """Return the graph of the ONNX file ``path``.

    Args:
        path: the file; data stored outside it is looked for beside it.
        batch: size of the first dimension of the inputs where it is left open; 1 if not given.
        dtype: floating-point type to count in instead of the file's (fp16, bf16, fp32, ...).
        dims: sizes of other open dimensions by name.

    Raises:
        ConfigError: the file is not readable, not ONNX, broken, or leaves a dimension open.
        UnsupportedOperatorError: names the operator and node that is not known.
    """
    from archsim.graph.onnx_import_context import Importer
    from archsim.graph.onnx_import_file import fix_inputs, read_model
    from archsim.graph.onnx_import_table import HANDLERS

    path = Path(path)
    _check_choices(batch, dtype)
    model = read_model(path)
    shapes = fix_inputs(path, model, batch, dims or {})
    importer = Importer(path, model, shapes, dtype, HANDLERS)
    importer.run()
    meta: dict[str, object] = {
        "family": "onnx",
        "file": path.name,
        "producer": f"{model.producer_name} {model.producer_version}".strip(),
        "batch": batch,
        "dtype": dtype or importer.main_dtype,
        "folded_batchnorm": importer.folded_batchnorm,
    }
    try:
        return Graph(path.stem, tuple(importer.ops), tuple(importer.tensors.values()), meta)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None


def _check_choices(batch: int | None, dtype: str | None) -> None:
    if batch is not None and (type(batch) is not int or batch < 1):
        raise ConfigError(f"workload.batch must be an integer of at least 1, not {batch!r}")
    if dtype is not None:
        try:
            known = dtype_of(dtype)
        except ValueError as error:
            raise ConfigError(f"workload.{error}") from None
        if known.kind != "float" or known.bits < 16:
            raise ConfigError(
                "workload.dtype of an ONNX file must be one of fp64, fp32, tf32, bf16, fp16, "
                f"not {dtype!r}"
            )
