"""The functions' signatures are those of torch.nn.functional, less what it has long deprecated."""

import inspect
import re
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from samples import CATALOGUE, LOSSES

import wgloss
import wgloss.torch

NOT_OURS = ("size_average", "reduce", "options", "distance_function")


@pytest.mark.parametrize("name", LOSSES)
def test_signatures(name: str) -> None:
    own = inspect.signature(getattr(wgloss, name)).parameters
    assert own["backend"].default is None and own["backend"].kind == inspect.Parameter.KEYWORD_ONLY
    theirs = getattr(torch.nn.functional, name, None)
    if theirs is None:
        assert own["reduction"].default == CATALOGUE[name]["reductions"][0]
        return
    wanted = {
        one: parameter
        for one, parameter in inspect.signature(theirs).parameters.items()
        if one not in NOT_OURS
    }
    assert [one for one in own if one in wanted] == list(wanted)
    for one, parameter in wanted.items():
        if name == "linear_cross_entropy" and one == "ignore_index":
            assert own[one].default in (None, -100)  # PyTorch's None is -100, too.
        else:
            assert own[one].default == parameter.default, one
        assert own[one].kind == parameter.kind, one
    beyond = [parameter for one, parameter in own.items() if one not in wanted]
    assert all(parameter.kind == inspect.Parameter.KEYWORD_ONLY for parameter in beyond)


@pytest.mark.parametrize("module", [wgloss, wgloss.torch])
@pytest.mark.parametrize("name", LOSSES)
def test_the_documentation_has_the_arguments(name: str, module: Any) -> None:
    function = getattr(module, name)
    text = function.__doc__.split("Parameters\n----------\n")[1].split("\n\nReturns\n")[0]
    documented = re.findall(r"^(\w+) : (?:.*\S)\n    \S", text, re.MULTILINE)
    assert documented == list(inspect.signature(function).parameters)


@pytest.mark.parametrize("name", LOSSES)
def test_the_catalogue_has_the_arguments_in_order(name: str) -> None:
    own = list(inspect.signature(getattr(wgloss, name)).parameters)
    described = CATALOGUE[name]
    known = [one["name"] for one in (*described["inputs"], *described["options"])]
    assert set(known) | {"reduction", "backend"} == set(own)
