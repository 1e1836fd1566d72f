"""The package hands every public name on, and its signatures say shapes."""

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
import typing
from pathlib import Path

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

import bareattention
from bareattention import chapters, shapes

PACKAGE = Path(bareattention.__file__).parent
ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = [
    importlib.import_module(f"bareattention.chapters.{found.name}")
    for found in pkgutil.iter_modules(chapters.__path__)
]
HANDED_ON = bareattention.__all__


def short(module) -> str:
    return module.__name__.rpartition(".")[2]


@pytest.mark.parametrize("module", CHAPTERS, ids=short)
def test_every_public_name_of_a_chapter_is_handed_on(module):
    assert module.__all__, "a chapter that exports nothing has no module"
    for name in module.__all__:
        assert getattr(bareattention, name) is getattr(module, name)


@pytest.mark.parametrize("module", CHAPTERS, ids=short)
def test_a_chapter_hands_on_what_it_defines_and_nothing_else(module):
    for name in module.__all__:
        thing = getattr(module, name)
        assert getattr(thing, "__module__", module.__name__) == module.__name__
    assert len(set(module.__all__)) == len(module.__all__)


def test_names_are_there_before_they_are_loaded():
    """Tab completion asks `dir`, an editor and the package itself read the stub."""
    assert {*HANDED_ON} <= {*dir(bareattention)}
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text("utf8"))
    names = [alias for node in stub.body for alias in node.names]
    assert all(alias.asname == alias.name for alias in names)  # or an editor would not offer them
    scope = {}
    exec("from bareattention import *", scope)
    assert scope.keys() - {"__builtins__"} == set(HANDED_ON)
    with pytest.raises(AttributeError, match=r"^No bareattention attribute sofmax"):
        bareattention.sofmax  # noqa: B018


def test_only_what_is_asked_for_is_loaded():
    program = """if True:
        import sys, bareattention
        assert "torch" not in sys.modules
        import bareattention.chapters.softmax
        from bareattention import softmax, attention
        assert softmax is sys.modules["bareattention.chapters.softmax"].softmax
        assert not {"torchmetrics", "matplotlib", "torchvision"} & set(sys.modules)"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


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


def test_results_are_held_to_their_signatures_while_tests_run():
    @shapes.checked
    def half(x: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        return x[::2]

    with pytest.raises(ValueError, match=r"^result: wanted shape \(n=4\), got \(2,\)"):
        half(torch.zeros(4))


def test_guards_are_not_handed_on():
    assert not [name for name in HANDED_ON if name.startswith(("check", "require", "refuse"))]
