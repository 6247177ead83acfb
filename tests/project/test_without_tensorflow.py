"""An environment without TensorFlow, Keras, NumPy and Hypothesis: a wheel and three libraries."""

import re
import subprocess
import sys
import sysconfig
import venv
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARIES = ("lark", "jinja2", "markupsafe", "click")
"""What `pip install lark jinja2 click` brings."""

SPEC = "optimizer Plain:\n    step:\n        param <- param - 0.1 * grad\n"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with optdsl, as a wheel, and those libraries."""
    folder = tmp_path_factory.mktemp("light")
    venv.create(folder / "venv", with_pip=False)
    made = folder / "venv" / "bin" / "python"
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder / "venv")}))
    wheel = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "-o", str(folder)]
    subprocess.run([*wheel, str(ROOT)], check=True, capture_output=True)
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--no-compile"]
    (built,) = folder.glob("*.whl")
    subprocess.run([*install, "--target", str(site), str(built)], check=True, capture_output=True)
    for name in LIBRARIES:
        found = find_spec(name)
        assert found is not None
        assert found.origin is not None
        (site / name).symlink_to(Path(found.origin).parent)
    return made


def _run(python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-I", *arguments], cwd=folder, check=False, capture_output=True, text=True
    )


@pytest.mark.parametrize("name", ["tensorflow", "keras", "numpy", "hypothesis"])
def test_the_environment_is_without(python: Path, tmp_path: Path, name: str) -> None:
    done = _run(python, tmp_path, "-c", f"import {name}")
    assert f"No module named '{name}'" in done.stderr


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["build", "plain.opt", "adam"], "wrote generated/plain.py\nwrote generated/adam.py\n"),
        (["build", "--check", "plain.opt"], "missing: generated/plain.py\n"),
        (["check", "plain.opt", "adam"], "2 specifications, no findings\n"),
        (["check", "--format", "sarif", "plain.opt"], '{\n  "$schema"'),
        (["fmt", "--diff", "plain.opt"], ""),
        (["explain", "adam"], "Adam: "),
        (["list"], "adafactor_lite  "),
        (["rule"], "error    syntax "),
        (["rule", "domain"], "warning[domain]\n"),
        (["new", "mine"], "wrote mine.opt"),
        (["--version"], "optdsl "),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_commands(python: Path, tmp_path: Path, command: list[str], said: str) -> None:
    (tmp_path / "plain.opt").write_text(SPEC)
    done = _run(python, tmp_path, "-m", "optdsl", *command)
    assert done.stderr == ""
    assert done.stdout.startswith(said)
    assert done.returncode == int(said.startswith("missing"))


def test_a_specification_can_be_compiled_and_shown(python: Path, tmp_path: Path) -> None:
    code = "import optdsl; adam = optdsl.compile('adam'); print(adam); print(adam.source())"
    done = _run(python, tmp_path, "-c", code)
    assert (done.returncode, done.stderr) == (0, "")
    assert "class AdamModule(" in done.stdout


def test_the_hooks_of_pre_commit_are_commands(python: Path, tmp_path: Path) -> None:
    hooks = re.findall(r"(?m)^  entry: optdsl (.*)$", (ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hooks == ["check", "fmt"]
    for name in ("a.opt", "b.opt"):
        (tmp_path / name).write_text(SPEC.replace("0.1", "0.10"))
    for hook in hooks:
        assert _run(python, tmp_path, "-m", "optdsl", hook, "a.opt", "b.opt").returncode == 0
