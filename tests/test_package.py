"""The package hands every public name on, and its signatures say shapes."""

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
import typing
from pathlib import Path

import jaxtyping
import pytest
import torch

import bareattention
from bareattention import attention, chapters

PACKAGE = Path(bareattention.__file__).parent
ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = [
    importlib.import_module(f"bareattention.chapters.{found.name}")
    for found in pkgutil.iter_modules(chapters.__path__)
]
HANDED_ON = {
    alias.asname or alias.name: node.module
    for node in ast.parse((PACKAGE / "__init__.py").read_text("utf8")).body
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
}


def short(module) -> str:
    return module.__name__.rpartition(".")[2]


@pytest.mark.parametrize("module", CHAPTERS, ids=short)
def test_every_public_name_of_a_chapter_is_handed_on(module):
    assert module.__all__, "a chapter that exports nothing has no module"
    for name in module.__all__:
        assert HANDED_ON.get(name) == module.__name__, f"{name} is not taken from {short(module)}"
        assert getattr(bareattention, name) is getattr(module, name)


@pytest.mark.parametrize("module", CHAPTERS, ids=short)
def test_a_chapter_hands_on_what_it_defines_and_nothing_else(module):
    for name in module.__all__:
        thing = getattr(module, name)
        assert getattr(thing, "__module__", module.__name__) == module.__name__
    assert len(set(module.__all__)) == len(module.__all__)


def test_every_check_is_handed_on():
    """Chapters import the ground floor from the package: see tools/extract.py."""
    checks = importlib.import_module("bareattention.checks")
    own = {
        name
        for name, thing in vars(checks).items()
        if inspect.isfunction(thing) and thing.__module__ == checks.__name__
    }
    assert own and own == {n for n, module in HANDED_ON.items() if module == checks.__name__}


def test_all_is_complete_and_importable():
    assert set(bareattention.__all__) == set(HANDED_ON)
    assert len(bareattention.__all__) == len(HANDED_ON)
    scope = {}
    exec("from bareattention import *", scope)
    assert set(HANDED_ON) <= set(scope)


def test_all_is_sorted_as_ruff_wants():
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "I,RUF022,F"]
    ran = subprocess.run(
        [*ruff, "--line-length=100", str(PACKAGE / "__init__.py")], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_folder_of_chapters_hands_nothing_on():
    """A function `softmax` in it would hide the module of that name."""
    assert (PACKAGE / "chapters" / "__init__.py").read_bytes() == b""


def test_the_package_names_every_module_once():
    """No public name hides a module of the package: `bareattention.data` stays the module."""
    modules = {found.name for found in pkgutil.iter_modules(bareattention.__path__)}
    assert not modules & set(HANDED_ON)


# Signatures


def functions():
    """Every function and method that a chapter makes public."""
    for module in CHAPTERS:
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isfunction(thing):
                yield pytest.param(thing, id=name)
            elif inspect.isclass(thing):
                for own, method in vars(thing).items():
                    if inspect.isfunction(method) and not own.startswith("_"):
                        yield pytest.param(method, id=f"{name}.{own}")


def bare(annotation) -> bool:
    """Whether a tensor stands in an annotation without its shape."""
    return annotation is torch.Tensor or any(bare(part) for part in typing.get_args(annotation))


@pytest.mark.parametrize("function", list(functions()))
def test_every_tensor_in_a_signature_has_a_shape(function):
    hints = typing.get_type_hints(inspect.unwrap(function))
    missing = [name for name, annotation in hints.items() if bare(annotation)]
    assert not missing, f"{missing}: a Tensor without its shape"


@pytest.mark.parametrize("function", list(functions()))
def test_every_argument_says_what_it_takes(function):
    signature = inspect.signature(inspect.unwrap(function))
    missing = [
        name
        for name, parameter in signature.parameters.items()
        if parameter.annotation is parameter.empty and name != "self"
    ]
    assert not missing
    assert signature.return_annotation is not signature.empty


def test_shapes_are_checked_while_tests_run():
    queries, values = torch.zeros(4, 3), torch.zeros(5, 2)
    with pytest.raises(jaxtyping.TypeCheckError):
        attention(queries, torch.zeros(5, 7), values)


@pytest.mark.bad_input
def test_bad_input_meets_the_books_own_errors():
    with pytest.raises(ValueError, match=r"^keys: wanted 3 along axis -1"):
        attention(torch.zeros(4, 3), torch.zeros(5, 7), torch.zeros(5, 2))
