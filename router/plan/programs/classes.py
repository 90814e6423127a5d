"""Which classes of a prompt are plain values: a dataclass, a named tuple, an enumeration.

The tests have such a class of their own, made from the prompt's text, and what the program gives of
its class crosses by its fields. So a class is plain only if its fields are all that an instance is,
and if neither the prompt nor what is to follow it goes on with it: no state of the class, no method
that is still to be written, no class derived from it that is not plain as well. It is told by its
shape; whatever else a class does makes it the program's own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeGuard

_ORIGINS: Final = {
    "dataclasses": ("dataclass", "field"),
    "typing": ("NamedTuple", "ClassVar"),
    "collections": ("namedtuple",),
    "enum": ("Enum", "IntEnum", "StrEnum", "Flag", "IntFlag", "auto", "unique"),
    "functools": ("total_ordering",),
}
_ENUMS: Final = frozenset(f"enum.{n}" for n in ("Enum", "IntEnum", "StrEnum", "Flag", "IntFlag"))
_ENUM_SETS: Final = frozenset({"__init__", "__new__"})
_DECORATORS: Final = frozenset({"property", "staticmethod", "classmethod"})
_MADE: Final = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
_LOOKS_INSIDE: Final = frozenset(
    {
        *("__dict__", "__class__", "__setattr__", "__delattr__", "setattr", "delattr", "vars"),
        *("__getattr__", "__getattribute__", "__init_subclass__", "__del__", "globals", "exec"),
    }
)
"""What goes around fields, or takes its class for a thing that changes."""

Named = ast.ClassDef | ast.Assign


def origins(body: Sequence[ast.stmt]) -> dict[str, str]:
    """What the imports of a module call the makers of value classes, by the name that they use."""
    found: dict[str, str] = {}
    for node in body:
        match node:
            case ast.Import(names=names):
                found |= {a.asname or a.name: a.name for a in names if a.name in _ORIGINS}
            case ast.ImportFrom(module=str(module), names=names, level=0) if module in _ORIGINS:
                every = any(a.name == "*" for a in names)
                found |= {n: f"{module}.{n}" for n in _ORIGINS[module] if every}
                found |= {a.asname or a.name: f"{module}.{a.name}" for a in names}
            case _:
                pass
    return found


def value_classes(
    body: Sequence[ast.stmt], lines: Sequence[str], entry_point: str
) -> dict[str, Named]:
    """The statements that define plain value classes, by name, as far as their own shape tells.

    What they use, and what is derived from them, is not looked at here. `lines` are those of the
    whole prompt: a class that stands at its end may go on.
    """
    known = origins(body)
    over = _over(lines)
    found: dict[str, Named] = {}
    data: set[str] = set()
    for node in body:
        match node:
            case ast.ClassDef(name=name) if _is_plain_class(node, known, data):
                methods = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
                if entry_point in {name, *methods} or not over[node.end_lineno or 0]:
                    continue
                found[name] = node
                if _decorator_of(node, known, "dataclasses.dataclass") is not None:
                    data.add(name)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
                made = name != entry_point and _makes_class(call, name, known)
                if made and over[node.end_lineno or 0]:
                    found[name] = node
            case _:
                pass
    return found


def _over(lines: Sequence[str]) -> Sequence[bool]:
    """After so many lines, whether something stands next that is no part of what stands before."""
    over = [False] * (len(lines) + 1)
    for at in reversed(range(len(lines))):
        line = lines[at]
        stands = line.partition("#")[0].strip()
        over[at] = not line[0].isspace() if stands else over[at + 1]
    return over


def _origin(node: ast.expr, known: Mapping[str, str]) -> str:
    """The full name of what an expression names, if it is imported; else nothing."""
    match node:
        case ast.Name(id=name):
            return known.get(name, "")
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in known:
            return f"{known[name]}.{attribute}"
        case _:
            return ""


def _decorator_of(node: ast.ClassDef, known: Mapping[str, str], wanted: str) -> ast.expr | None:
    for each in node.decorator_list:
        if _origin(each.func if isinstance(each, ast.Call) else each, known) == wanted:
            return each
    return None


def _is_plain_class(node: ast.ClassDef, known: Mapping[str, str], data: set[str]) -> bool:
    if node.keywords:
        return False
    bases = [_origin(base, known) for base in node.bases]
    decorators = len(node.decorator_list)
    if bases and bases[-1] in _ENUMS:
        unique = _decorator_of(node, known, "enum.unique") is not None
        mixed = all(isinstance(b, ast.Name) and b.id in ("int", "str") for b in node.bases[:-1])
        return mixed and decorators == unique and _has_plain_body(node, known, _ENUM_SETS)
    if bases == ["typing.NamedTuple"]:
        return not decorators and _has_plain_body(node, known, frozenset())
    return _is_plain_data(node, known, data)


def _is_plain_data(node: ast.ClassDef, known: Mapping[str, str], data: set[str]) -> bool:
    """Whether a class is a plain dataclass; `data` are those that it may derive from."""
    made = _decorator_of(node, known, "dataclasses.dataclass")
    names = [base.id for base in node.bases if isinstance(base, ast.Name)]
    ordered = _decorator_of(node, known, "functools.total_ordering") is not None
    if (
        made is None
        or len(node.decorator_list) != 1 + ordered
        or not set(names) <= data | {"object"}
    ):
        return False
    if len(names) != len(node.bases) or (options := _options(made)) is None:
        return False
    frozen = options.get("frozen") is True
    hashed = options.get("unsafe_hash") is True or "__hash__" in _bound_in(node)
    if hashed and not frozen:  # it changes, and with it its place as a key
        return False
    return _has_plain_body(node, known, frozenset() if frozen else None)


def _options(made: ast.expr) -> dict[str, object] | None:
    """The keywords of a decorator, if they are constants."""
    if not isinstance(made, ast.Call):
        return {}
    found: dict[str, object] = {
        k.arg: k.value.value for k in made.keywords if k.arg and _is_constant(k.value)
    }
    return found if len(found) == len(made.keywords) and not made.args else None


def _is_constant(node: ast.expr) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant)


def _bound_in(node: ast.ClassDef) -> set[str]:
    found = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
    return found | {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and _is_set(n)}


def _has_plain_body(
    node: ast.ClassDef, known: Mapping[str, str], setters: frozenset[str] | None
) -> bool:
    """Whether a class has fields, constants and methods that keep nothing but in the fields.

    `setters`: the methods that may set attributes of `self`; any, where there is None.
    """
    for each in node.body:
        match each:
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                pass
            case ast.AnnAssign(target=ast.Name(), value=value):
                is_field = isinstance(value, ast.Call) and (
                    _origin(value.func, known) == "dataclasses.field"
                )
                if value is not None and not is_field and not _is_fixed(value, known):
                    return False
            case ast.Assign(targets=targets, value=value):
                named = all(isinstance(target, ast.Name) for target in targets)
                if not named or not _is_fixed(value, known):
                    return False
            case ast.FunctionDef(name=name):
                if not _is_plain_method(each, may_set=setters is None or name in setters):
                    return False
            case _:
                return False
    return True


def _is_fixed(value: ast.expr, known: Mapping[str, str]) -> bool:
    """Whether a value is one that cannot change, so that there may be two of it."""
    for node in ast.walk(value):
        if isinstance(node, _MADE):
            return False
        if isinstance(node, ast.Call) and _origin(node.func, known) != "enum.auto":
            return False
    return True


def _is_plain_method(node: ast.FunctionDef, *, may_set: bool) -> bool:
    decorators = [each.id for each in node.decorator_list if isinstance(each, ast.Name)]
    if len(decorators) != len(node.decorator_list) or not set(decorators) <= _DECORATORS:
        return False
    if _is_to_be_written(node) or any(name in _LOOKS_INSIDE for name in _mentioned(node)):
        return False
    defaults = [*node.args.defaults, *(each for each in node.args.kw_defaults if each)]
    if any(isinstance(n, (*_MADE, ast.Call)) for each in defaults for n in ast.walk(each)):
        return False
    arguments = [each.arg for each in (*node.args.posonlyargs, *node.args.args)]
    first = arguments[0] if arguments and "staticmethod" not in decorators else None
    own = {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
    own |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and _is_set(n)}
    for part in ast.walk(node):
        if not isinstance(part, ast.Attribute | ast.Subscript) or not _is_set(part):
            continue
        root = _root_of(part)
        if root not in own or (root == first and "classmethod" in decorators):
            return False
        if root == first and isinstance(part, ast.Attribute) and not may_set:
            return False
    return True


def _is_to_be_written(node: ast.FunctionDef) -> bool:
    """Whether a method does nothing yet: an answer may write it."""
    for each in node.body:
        match each:
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                pass
            case ast.Raise(exc=ast.Name(id=name) | ast.Call(func=ast.Name(id=name))):
                return name == "NotImplementedError"
            case _:
                return False
    return True


def _mentioned(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        match part:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name
            case _:
                pass


def _is_set(node: ast.Name | ast.Attribute | ast.Subscript) -> bool:
    return isinstance(node.ctx, ast.Store | ast.Del)


def _root_of(node: ast.expr) -> str | None:
    """The name that an attribute or an item is reached from."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _makes_class(call: ast.Call, name: str, known: Mapping[str, str]) -> bool:
    """Whether a call makes a named tuple or an enumeration of this name, from literals alone."""
    made = _origin(call.func, known)
    match call.args:
        case [ast.Constant(value=own), fields] if own == name:
            pass
        case _:
            return False
    if made == "typing.NamedTuple":
        return not call.keywords and isinstance(fields, ast.List)
    options = {"collections.namedtuple": {"defaults", "rename"}}
    allowed = options.get(made, {"start"} if made in _ENUMS else None)
    if allowed is None or not {k.arg for k in call.keywords} <= allowed:
        return False
    return all(_is_literal(each) for each in (fields, *(k.value for k in call.keywords)))


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, RecursionError, MemoryError, SyntaxError):
        return False
    return True
