import time

from router.plan.programs.reading import Reading, parse, read


def seconds(source: str) -> float:
    """What it takes to cut a source into its statements, at the least."""
    tree, none = parse(source), frozenset[str]()
    assert tree is not None

    def once() -> float:
        found = Reading(source, tree, none, none, none, none)
        began = time.process_time()
        assert {found.text_of(node) for node in tree.body} == {"0"}
        return time.process_time() - began

    return min(once() for _ in range(3))


def test_statements_on_one_line_are_cut_as_fast_as_those_on_many() -> None:
    one, many = (f"0{end}" * 120_000 for end in ";\n")
    assert seconds(one) < 4 * seconds(many)


def test_a_statement_is_as_it_is_written() -> None:
    source = "é = 'é'; x = '''é\n\n'''; y = [\r\n1]; z = 2\n@a\n\n@b(\n)\nclass C:\n  é = 1 # no\n"
    found = read(source)
    assert found is not None
    assert [found.text_of(node) for node in found.tree.body] == [
        "é = 'é'",
        "x = '''é\n\n'''",
        "y = [\r\n1]",
        "z = 2",
        "@a\n\n@b(\n)\nclass C:\n  é = 1",
    ]
