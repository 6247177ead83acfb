"""Findings for machines."""

import json

from optdsl.diagnostics import Diagnostic, Severity
from optdsl.reports import render_github, render_json, render_sarif
from optdsl.source import SourceFile, Span

SOURCE = SourceFile("a b/50%,x:y.opt", "one\ntwo three\n")
FOUND = Diagnostic(
    "undefined-name",
    Severity.ERROR,
    "`three` is 100% not defined",
    Span(8, 13),
    notes=("a note, with a comma",),
    help="define it: now",
)
LONG = Diagnostic("unused-slot", Severity.WARNING, "over two lines", Span(0, 7))


def test_json_has_every_field() -> None:
    (found,) = json.loads(render_json([(SOURCE, (FOUND,))]))
    assert found == {
        "code": "undefined-name",
        "severity": "error",
        "message": "`three` is 100% not defined",
        "file": "a b/50%,x:y.opt",
        "line": 2,
        "column": 5,
        "end_line": 2,
        "end_column": 10,
        "notes": ["a note, with a comma"],
        "help": "define it: now",
    }


def test_json_of_several_files_is_one_list() -> None:
    other = SourceFile("other.opt", SOURCE.text)
    found = json.loads(render_json([(SOURCE, (LONG, FOUND)), (other, (LONG,)), (other, ())]))
    assert [(one["file"], one["code"]) for one in found] == [
        (SOURCE.name, "unused-slot"),
        (SOURCE.name, "undefined-name"),
        ("other.opt", "unused-slot"),
    ]
    assert json.loads(render_json([])) == []


def test_sarif() -> None:
    log = json.loads(render_sarif([(SOURCE, (FOUND, LONG))]))
    (run,) = log["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [
        "undefined-name",
        "unused-slot",
    ]
    warning, error = run["results"]
    assert (warning["level"], error["level"]) == ("warning", "error")
    place = error["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a%20b/50%25%2Cx:y.opt"
    assert place["region"] == {"startLine": 2, "startColumn": 5, "endLine": 2, "endColumn": 10}
    assert error["message"]["text"].splitlines() == [
        "`three` is 100% not defined",
        "a note, with a comma",
        "help: define it: now",
    ]


def test_sarif_says_what_a_rule_means() -> None:
    (run,) = json.loads(render_sarif([(SOURCE, (FOUND, LONG))]))["runs"]
    error, warning = run["tool"]["driver"]["rules"]
    assert error["shortDescription"] == {"text": "A name has no meaning where it is used."}
    assert error["fullDescription"]["text"].startswith("A name has no meaning where it is used: it")
    assert error["help"]["text"].startswith(error["fullDescription"]["text"])
    assert "Bad:\n\noptimizer Example:\n" in error["help"]["text"]
    levels = [rule["defaultConfiguration"]["level"] for rule in (error, warning)]
    assert levels == ["error", "warning"]


def test_sarif_without_findings_is_a_log() -> None:
    assert json.loads(render_sarif([(SOURCE, ())]))["runs"][0]["results"] == []


def test_github() -> None:
    first, second = render_github([(SOURCE, (FOUND, LONG))]).splitlines()
    assert first == (
        "::warning file=a b/50%25%2Cx%3Ay.opt,line=1,col=1,endLine=2,"
        "title=optdsl unused-slot::over two lines"
    )
    assert second == (
        "::error file=a b/50%25%2Cx%3Ay.opt,line=2,col=5,endLine=2,endColumn=10,"
        "title=optdsl undefined-name::`three` is 100%25 not defined%0A"
        "a note, with a comma%0Ahelp: define it: now"
    )


def test_github_cannot_be_given_a_command() -> None:
    source = SourceFile("x\n::set-env name=A::b.opt", "")
    found = Diagnostic("syntax", Severity.ERROR, "a\n::error::b\r", Span(0, 0))
    assert len(render_github([(source, (found,))]).splitlines()) == 1
