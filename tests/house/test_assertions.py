"""No test passes without asserting, as where all its asserts are in a loop over nothing."""

import ast
import importlib
import re
from collections import defaultdict
from collections.abc import Iterator, Sized
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "tests").rglob("*.py"))
AS_LONG = {
    *("sorted", "enumerate", "zip", "list", "tuple", "set", "reversed", "map", "dict", "fromkeys"),
    *("permutations", "combinations", "product", "pairwise", "items", "values", "keys"),
}
"""Calls whose result is empty only if what they are given, or what they are called on, is."""


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def functions(tree: ast.AST) -> list[Function]:
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


def is_check(node: ast.AST) -> bool:
    """True of an assert and of `pytest.raises`, wherever it stands."""
    is_raises = isinstance(node, ast.Attribute) and node.attr == "raises"
    return isinstance(node, ast.Assert) or is_raises


def called(node: ast.AST) -> set[str]:
    """The functions that are called by their name alone; methods of one name are too many."""
    calls = [one.func for one in ast.walk(node) if isinstance(one, ast.Call)]
    return {one.id for one in calls if isinstance(one, ast.Name)}


@cache
def asserting(tree: ast.AST) -> set[str]:
    """The names of the functions in a file that assert."""
    return {one.name for one in functions(tree) if any(map(is_check, ast.walk(one)))}


def helpers(tree: ast.AST) -> set[str]:
    """The names of functions that assert, of the file and imported, and Playwright's `expect`."""
    found = {"expect"} | asserting(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests."):
            path = ROOT.joinpath(*(node.module or "").split(".")).with_suffix(".py")
            if path.exists():
                found |= {one.name for one in node.names} & asserting(parsed(path))
    return found


class Reader:
    """Reads one test function.

    The names of its module have their values of now; of the arguments, those that Hypothesis draws
    or that a decorator lists are taken for filled.
    """

    def __init__(self, function: Function, module: str, helpers: set[str]) -> None:
        self._module, self._helpers = module, helpers
        self._values = defaultdict[str, list[ast.expr | None]](list)
        beside = " ".join(map(ast.unparse, function.decorator_list))
        for node in ast.walk(function):
            if isinstance(node, ast.arg):
                is_listed = "given(" in beside or re.search(rf"\b{node.arg}\b", beside)
                self._values[node.arg].append(ast.Constant(1) if is_listed else None)
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    self._assign(target, node.value if isinstance(target, ast.Name) else None)
            elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
                self._assign(node.target, None)

    def _assign(self, target: ast.expr, value: ast.expr | None) -> None:
        for node in ast.walk(target):
            if isinstance(node, ast.Name):
                self._values[node.id].append(value)

    def asserts(self, body: list[ast.stmt]) -> bool:
        """True if some statement asserts whenever the body is run to its end."""
        return any(self._asserts(statement) for statement in body)

    def _asserts(self, statement: ast.stmt) -> bool:
        match statement:
            case ast.For(iter=looped, body=body) | ast.AsyncFor(iter=looped, body=body):
                return called(looped) & self._helpers != set() or (
                    self.is_never_empty(looped) and self.asserts(body)
                )
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                return any(map(is_check, ast.walk(ast.Tuple([i.context_expr for i in items])))) or (
                    self.asserts(body)
                )
            case ast.If(body=body) | ast.While(body=body) | ast.Try(body=body):
                return self.asserts(body)
            case ast.FunctionDef(body=body) | ast.AsyncFunctionDef(body=body):
                return self.asserts(body)  # it is made to be run
        return is_check(statement) or called(statement) & self._helpers != set()

    def is_never_empty(self, node: ast.expr | None) -> bool:
        is_filled = False
        match node:
            case ast.Constant(value=value):
                is_filled = bool(value)
            case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
                is_filled = any(
                    not isinstance(part, ast.Starred) or self.is_never_empty(part.value)
                    for part in parts
                )
            case ast.Dict(keys=keys, values=values):
                pairs = zip(keys, values, strict=True)
                is_filled = any(key or self.is_never_empty(value) for key, value in pairs)
            case ast.Subscript(value=whole) | ast.BinOp(left=whole, op=ast.Mult()):
                is_filled = self.is_never_empty(whole)
            case ast.BinOp(left=left, op=ast.Add() | ast.BitOr(), right=right):
                is_filled = self.is_never_empty(left) or self.is_never_empty(right)
            case ast.ListComp(generators=loops) | ast.GeneratorExp(generators=loops):
                is_filled = all(not one.ifs and self.is_never_empty(one.iter) for one in loops)
            case ast.Name(id=name):
                is_filled = self._is_filled(name)
            case ast.Call():
                is_filled = self._is_filled_call(node)
        return is_filled

    def _is_filled(self, name: str) -> bool:
        if name in self._values:
            values = self._values.pop(name)  # not to follow a name to itself
            try:
                return all(map(self.is_never_empty, values))
            finally:
                self._values[name] = values
        value = getattr(importlib.import_module(self._module), name, None)
        return isinstance(value, Sized) and len(value) > 0

    def _is_filled_call(self, call: ast.Call) -> bool:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
        if name in {"range", "split", "splitlines"}:
            return True
        if name not in AS_LONG:
            return False
        if isinstance(call.func, ast.Attribute) and not call.args:
            return self.is_never_empty(call.func.value)
        return self.is_never_empty(call.args[1 if name == "map" else 0])


def empty_handed(tree: ast.AST, module: str) -> Iterator[str]:
    """Yield the tests that assert, but only in loops over what may be empty."""
    known = helpers(tree)
    for function in functions(tree):
        if (
            function.name.startswith("test_")
            and any(isinstance(node, ast.Assert) for node in ast.walk(function))
            and not Reader(function, module, known).asserts(function.body)
        ):
            yield f"{module}:{function.lineno} {function.name}"


def test_each_test_asserts_even_if_what_it_loops_over_is_empty() -> None:
    tests = [path for path in FILES if path.name.startswith("test_")]
    assert len(tests) > 400
    found = [
        name
        for path in tests
        for name in empty_handed(
            parsed(path), ".".join(path.relative_to(ROOT).with_suffix("").parts)
        )
    ]
    assert found == [], "assert beside the loop how many there are: `assert len(rows) > 10`"


WRONG = """
def test_glob():
    for page in FOLDER.glob("*.md"): assert page
def test_list(client):
    found = client.get("/").json()
    for one in sorted(found): assert one
def test_inner(subtests):
    for name in ("a", "b"):
        with subtests.test(name):
            for one in list_of(name): assert one
def test_some():
    for one in [one for one in (1, 2) if one > 2]: assert one
def test_of_an_argument(rows):
    for row in rows: assert row
"""
RIGHT = """
def test_literal():
    cases = {"a": 1, "b": 2}
    for name, value in cases.items(): assert name
def test_table_of_the_module():
    for path in enumerate(FILES): assert path
def test_counted():
    pages = list(FOLDER.glob("*.md"))
    assert len(pages) > 3
    for page in pages: assert page
def test_refusal():
    for page in FOLDER.glob("*.md"): assert page
    with pytest.raises(ValueError, match="no"): int("no")
def test_checked_elsewhere(page):
    for button in page.buttons(): assert button
    expect(page).to_have_title("Pets")
@pytest.mark.parametrize("rows", [(1, 2), (3,)])
def test_listed(rows):
    for row in rows: assert row
"""


def test_a_test_that_may_assert_nothing_is_found() -> None:
    wrong, right = ast.parse(WRONG), ast.parse(RIGHT)
    assert [*empty_handed(right, __name__)] == []
    found = [name.partition(" ")[2] for name in empty_handed(wrong, __name__)]
    assert found == [function.name for function in functions(wrong)]
