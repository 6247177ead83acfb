"""Findings of several files for machines: JSON, SARIF 2.1.0, and annotations of GitHub Actions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping

from optdsl.diagnostics import Diagnostic, records
from optdsl.source import SourceFile
from optdsl.version import __version__

Findings = Iterable[tuple[SourceFile, tuple[Diagnostic, ...]]]
_Record = Mapping[str, object]

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render_json(findings: Findings) -> str:
    """All findings as one JSON list; see `diagnostics.records` for the fields."""
    return json.dumps(_all(findings), indent=2)


def render_sarif(findings: Findings) -> str:
    """All findings as one SARIF log, which code-scanning services read."""
    found = _all(findings)
    driver = {
        "name": "optdsl",
        "version": __version__,
        "rules": [{"id": code} for code in sorted({str(one["code"]) for one in found})],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(one) for one in found],
    }
    return json.dumps({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def render_github(findings: Findings) -> str:
    """All findings as workflow commands, one a line."""
    return "\n".join(_annotation(one) for one in _all(findings))


RENDERERS: dict[str, Callable[[Findings], str]] = {
    "json": render_json,
    "sarif": render_sarif,
    "github": render_github,
}
"""Every layout of `optdsl check --format`, except text."""


def _all(findings: Findings) -> list[dict[str, object]]:
    return [one for source, diagnostics in findings for one in records(source, diagnostics)]


def _sarif_result(one: _Record) -> dict[str, object]:
    region = {
        "startLine": one["line"],
        "startColumn": one["column"],
        "endLine": one["end_line"],
        "endColumn": one["end_column"],
    }
    place = {"artifactLocation": {"uri": _uri(str(one["file"]))}, "region": region}
    return {
        "ruleId": one["code"],
        "level": one["severity"],
        "message": {"text": _sentences(one)},
        "locations": [{"physicalLocation": place}],
    }


def _annotation(one: _Record) -> str:
    fields = {"file": one["file"], "line": one["line"], "col": one["column"]}
    fields["endLine"] = one["end_line"]
    if one["line"] == one["end_line"]:
        fields["endColumn"] = one["end_column"]
    fields["title"] = f"optdsl {one['code']}"
    shown = ",".join(f"{name}={_escaped(str(value), ',:')}" for name, value in fields.items())
    return f"::{one['severity']} {shown}::{_escaped(_sentences(one))}"


def _sentences(one: _Record) -> str:
    """Message, notes and help, for places that have room for one text only."""
    notes = one["notes"]
    assert isinstance(notes, list)
    lines = [str(one["message"]), *notes]
    if one["help"] is not None:
        lines.append(f"help: {one['help']}")
    return "\n".join(lines)


def _escaped(text: str, more: str = "") -> str:
    """Percent-escapes what would end a workflow command or one of its fields."""
    return "".join(f"%{ord(c):02X}" if c in f"%\r\n{more}" else c for c in text)


def _uri(path: str) -> str:
    """A path as a relative or absolute URI reference."""
    from urllib.parse import quote

    return quote(path.replace("\\", "/"), safe="/:", errors="surrogatepass")
