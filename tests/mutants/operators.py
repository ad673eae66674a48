"""Small faults of the kind that people make in formulas: where one can be put into a file, and what it then reads."""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SIGNS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.FloorDiv: ast.Div,
    ast.Pow: ast.Mult,
}
BOUNDS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
NAMES = {
    "minimum": "maximum",
    "maximum": "minimum",
    "min": "max",
    "max": "min",
    "amin": "amax",
    "amax": "amin",
    "cummin": "cummax",
    "mean": "sum",
    "logsigmoid": "sigmoid",
    "rsqrt": "sqrt",
    "exp": "expm1",
    "expm1": "exp",
}
KEYWORDS = {"min": "max", "max": "min"}
DROPPED = {"detach", "abs", "clamp", "clone", "flip", "square", "no_grad"}
"""Methods whose call may be left out: x.detach() becomes x."""
FIRST = {"where": 1, "masked_fill": 0, "relu": 0}
"""Functions whose call may be replaced by one of their arguments."""
MASKS = ("mask", "live", "scored", "sound")


@dataclass(frozen=True)
class Mutant:
    """One fault: in which file and function, of what kind, and the text before and after."""

    file: str
    function: str
    kind: str
    line: int
    column: int
    end: tuple[int, int]
    before: str
    after: str

    @property
    def name(self) -> str:
        """What it is called in the table."""
        return f"{self.file}:{self.line} {self.function}"

    def applied(self, text: str) -> str:
        """The file with the fault in it."""
        lines = text.encode("utf-8").split(b"\n")  # an AST counts columns in bytes
        start = sum(len(line) + 1 for line in lines[: self.line - 1]) + self.column
        stop = sum(len(line) + 1 for line in lines[: self.end[0] - 1]) + self.end[1]
        whole = text.encode("utf-8")
        assert whole[start:stop].decode("utf-8") == self.before, f"{self.name} has moved"
        return (whole[:start] + self.after.encode("utf-8") + whole[stop:]).decode("utf-8")


def faults(node: ast.AST) -> Iterator[tuple[str, str]]:
    """What one expression could wrongly be, by kind."""
    if isinstance(node, ast.BinOp) and type(node.op) in SIGNS:
        other = ast.BinOp(node.left, SIGNS[type(node.op)](), node.right)
        yield "sign", f"({ast.unparse(other)})"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
        yield "constant", "0" if node.operand.value == 1 else "(-1)"  # -1 is 1 where there are two dimensions
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Invert | ast.Not):
        yield "negation", f"({ast.unparse(node.operand)})"
    elif isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in BOUNDS:
        other = ast.Compare(node.left, [BOUNDS[type(node.ops[0])]()], node.comparators)
        yield "bound", f"({ast.unparse(other)})"
    elif isinstance(node, ast.BoolOp):
        swapped = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "logic", f"({ast.unparse(ast.BoolOp(swapped, node.values))})"
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield "constant", repr(node.value + 1 if isinstance(node.value, int) else node.value * 2 + 0.1)
    elif isinstance(node, ast.Call):
        yield from called(node)


def called(node: ast.Call) -> Iterator[tuple[str, str]]:
    """What one call could wrongly be."""
    function = node.func
    name = getattr(function, "attr", None) or getattr(function, "id", "")
    if name in NAMES:
        other = (
            ast.Attribute(function.value, NAMES[name], ast.Load())
            if isinstance(function, ast.Attribute)
            else ast.Name(NAMES[name], ast.Load())
        )
        yield "swap", ast.unparse(ast.Call(other, node.args, node.keywords))
    if name in DROPPED and isinstance(function, ast.Attribute):
        yield "dropped", ast.unparse(function.value)
    if name in FIRST and len(node.args) > FIRST[name]:
        method = name == "masked_fill" and isinstance(function, ast.Attribute)
        kept = function.value if method else node.args[FIRST[name]]  # type: ignore[attr-defined]
        yield "unmasked", ast.unparse(kept)
    for number, word in enumerate(node.keywords):
        if name == "clamp" and word.arg in KEYWORDS:
            words = [*node.keywords]
            words[number] = ast.keyword(KEYWORDS[word.arg], word.value)
            yield "bound", ast.unparse(ast.Call(function, node.args, words))
    for number, given in enumerate(node.args):
        if isinstance(given, ast.Name) and given.id in MASKS and name != "len":  # as many as before
            moved = [*node.args]
            moved[number] = ast.parse(f"{given.id}.roll(1, -1)", mode="eval").body
            yield "shifted mask", ast.unparse(ast.Call(function, moved, node.keywords))


def mutants_of(path: Path, root: Path) -> list[Mutant]:
    """Every fault that the operators above can put into a file's functions."""
    text = path.read_text(encoding="utf-8")
    tree, found = ast.parse(text), []
    hints = set(annotations(tree))
    for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
        inner = [node for line in function.body for node in ast.walk(line)]
        signed = [node.operand for node in inner if isinstance(node, ast.UnaryOp)]
        parts = {id(part) for part in signed if isinstance(part, ast.Constant)}  # -1 is one number
        for node in inner:
            if id(node) in hints | parts or not isinstance(node, ast.expr):
                continue
            before = ast.get_source_segment(text, node)
            for kind, after in faults(node):
                assert before is not None and node.end_lineno and node.end_col_offset is not None
                end = (node.end_lineno, node.end_col_offset)
                place = (str(path.relative_to(root)), function.name, kind, node.lineno, node.col_offset)
                found.append(Mutant(*place, end, before, after))
    return list(dict.fromkeys(found))


def annotations(tree: ast.AST) -> Iterator[int]:
    """The nodes of all type hints and of messages: a fault there changes nothing that is computed."""
    for node in ast.walk(tree):
        hints = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        hints += [node] if isinstance(node, ast.JoinedStr | ast.Raise) else []
        for hint in hints:
            if isinstance(hint, ast.AST):
                yield from (id(inner) for inner in ast.walk(hint))


def lot(one: Mutant, seed: int) -> str:
    """What a fault draws, wherever in its function it stands."""
    said = f"{seed}\n{one.file}\n{one.function}\n{one.kind}\n{one.before}\n{one.after}"
    return hashlib.sha256(said.encode()).hexdigest()


def drawn(found: list[Mutant], count: int, seed: int) -> list[Mutant]:
    """So many of them, every function and every kind in its turn before any comes again.

    Whose turn it is hangs on the seed and the fault itself, so that a change elsewhere leaves most of a draw as it was.
    """
    order = sorted(found, key=lambda one: (lot(one, seed), one.line, one.column))
    taken: list[Mutant] = []
    times: dict[tuple[str, str], int] = {}
    while order and len(taken) < count:
        one = min(
            order, key=lambda each: times.get((each.file, each.function), 0) + times.get(("", each.kind), 0)
        )
        order.remove(one)
        taken.append(one)
        for mark in ((one.file, one.function), ("", one.kind)):
            times[mark] = times.get(mark, 0) + 1
    return taken
