"""Every ONNX operator that can be imported, by domain and type."""

from __future__ import annotations

from archsim.graph import (
    onnx_import_attention,
    onnx_import_image,
    onnx_import_layout,
    onnx_import_matrix,
    onnx_import_pointwise,
)
from archsim.graph.onnx_import_context import Handler

HANDLERS: dict[tuple[str, str], Handler] = {
    **onnx_import_matrix.HANDLERS,
    **onnx_import_image.HANDLERS,
    **onnx_import_pointwise.HANDLERS,
    **onnx_import_layout.HANDLERS,
    **onnx_import_attention.HANDLERS,
}
