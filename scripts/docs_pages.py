"""Pages of the documentation site made from the program: commands, schemas, metrics, constants.

A hook of MkDocs (``mkdocs.yml``); nothing that it makes is kept in the repository.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

DASH = "–"


NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages."""
    for name, make in PAGES.items():
        text = "\n".join(make()) + "\n"
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    files.append(File.generated(config, "notebooks.md", content="\n".join(notebooks()) + "\n"))
    return files


def notebooks() -> Iterator[str]:
    """The executed notebooks, code and results."""
    yield "# Notebooks\n"
    yield "`scripts/run_notebooks.py` executes them; so do the tests. They lie in `notebooks`.\n"
    for file in sorted(NOTEBOOKS.glob("*.ipynb")):
        for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                yield source.replace("# ", "## ", 1) if source.startswith("# ") else source
                yield ""
                continue
            yield f"```python\n{source}\n```\n"
            for output in cell["outputs"]:
                yield from _output(output)


def _output(output: dict[str, Any]) -> Iterator[str]:
    data = output.get("data", {})
    if "image/png" in data:
        png = "".join(data["image/png"]).strip()
        yield f'<img alt="chart" src="data:image/png;base64,{png}">\n'
    elif "text/html" in data:
        yield f'<div class="output">{"".join(data["text/html"])}</div>\n'
    else:
        text = "".join(output.get("text", data.get("text/plain", "")))
        yield f"```text\n{text.rstrip()}\n```\n"


def commands() -> Iterator[str]:
    """Every verb with its arguments and options, as ``--help`` shows them."""
    import typer

    from archsim.cli import app

    yield "# Commands\n"
    yield "Bad input is one sentence: file, line, field, rule and value; exit code 2.\n"
    group: Any = typer.main.get_command(app)
    for name, verb in sorted(group.commands.items()):
        usage = " ".join(_usage(p) for p in verb.params if _argument(p))
        yield f"## `archsim {name}`\n"
        yield f"{(verb.help or '').strip()}\n"
        yield f"```\narchsim {name} {usage} [OPTIONS]\n```\n"
        yield from _table(("", "meaning", "default"), [_parameter(p) for p in verb.params])


def _usage(parameter: Any) -> str:
    name = parameter.name.upper()
    return name if parameter.required else f"[{name}]"


def _argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _parameter(parameter: Any) -> tuple[str, str, str]:
    default = parameter.default
    empty = default is None or default is False or callable(default) or default == ()
    name = parameter.name.upper() if _argument(parameter) else ", ".join(parameter.opts)
    return f"`{name}`", getattr(parameter, "help", None) or "", "" if empty else f"`{default}`"


def run_files() -> Iterator[str]:
    """The fields of a run file, from its schema."""
    from archsim.app.listing import schema_of

    yield "# Run files\n"
    yield "A workload, a device, what to vary and what to minimise. `archsim schema run` prints"
    yield "the JSON Schema; [editors complete from it](../editor.md).\n"
    rows = []
    for name, field in schema_of("run")["properties"].items():
        default = f"`{field['default']}`" if "default" in field else ""
        rows.append((f"`{name}`", field.get("description", ""), default))
    yield from _table(("field", "meaning", "default"), rows)


def device_files() -> Iterator[str]:
    """The fields of every machine's device file."""
    from archsim.config.leaves import leaves
    from archsim.config.machines import machine_class, machine_names

    yield "# Device files\n"
    yield "A constant carries `value, unit, basis, source, uncertainty`; other fields are plain.\n"
    for machine in machine_names():
        yield f"## `machine: {machine}`\n"
        rows = []
        for path, leaf in leaves(machine_class(machine)).items():
            rule = leaf.rule
            kind = f"constant, {rule.describe()}" if rule else "choice"
            rows.append((f"`{path}`", kind, rule.unit if rule else ""))
        yield from _table(("field", "kind and rule", "unit"), rows)


def metrics() -> Iterator[str]:
    """What each machine answers with."""
    from archsim.app.machines import METRICS
    from archsim.metrics.labels import MEANING, basis
    from archsim.report.data import split_unit

    yield "# Metrics\n"
    yield "What `minimize` and `constraints` may name.\n"
    for machine, names in METRICS.items():
        yield f"## `{machine}`\n"
        rows = [(f"`{n}`", split_unit(n)[1] or DASH, basis(n) or "model") for n in names]
        yield from _table(("metric", "unit", "rests on"), rows)
    yield "\n".join(f"- {text}" for text in MEANING.values())


def workloads() -> Iterator[str]:
    """The built models and the kinds of operator."""
    from archsim.app.listing import listing
    from archsim.graph import OP_KINDS

    yield "# Workloads\n"
    rows = [(f"`{r['model']}`", r["about"], r["choices"]) for r in listing("workloads")]
    yield from _table(("model", "about", "choices"), rows)
    yield "\nAn ONNX file (`workload: {onnx: model.onnx, batch: 8}`) or one operator:\n"
    yield ", ".join(f"`{kind}`" for kind in OP_KINDS)


def python() -> Iterator[str]:
    """The Python interface, from its docstrings."""
    yield "# Python\n"
    for name in (
        "archsim.run", "archsim.app.api.Results",
        "archsim.metrics.result", "archsim.metrics.timeline",
        "archsim.models.gpu.sm.timing_launch.time_launch", "archsim.models.gpu.sm.execute.run",
        "archsim.errors",
    ):  # fmt: skip
        yield f"::: {name}\n"


def provenance() -> Iterator[str]:
    """Every constant of every shipped device with its source."""
    from archsim.config import load_device
    from archsim.config.paths import device_files as shipped

    yield "# Provenance of constants\n"
    yield "Every number of every shipped device: where it comes from and how uncertain it is.\n"
    for name in shipped():
        device = load_device(name)
        yield f"## {name}\n"
        yield f"{getattr(device, 'title', '')}\n"
        rows = [
            (f"`{path}`", f"{c.value:g} {c.unit}", c.basis, c.source, f"±{100 * c.uncertainty:g} %")
            for path, c in device.constants()
        ]
        yield from _table(("constant", "value", "basis", "source", "uncertainty"), rows)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    if not rows:
        return
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        cells = (" ".join(str(cell).replace("|", "\\|").split()) for cell in row)
        yield f"| {' | '.join(cells)} |"
    yield ""


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "commands": commands,
    "run": run_files,
    "devices": device_files,
    "metrics": metrics,
    "workloads": workloads,
    "python": python,
    "provenance": provenance,
}
