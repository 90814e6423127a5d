from router.workers import board
from router.workers.board import Board


def test_a_cell_is_its_workers_and_its_column_is_everybodys() -> None:
    with board.made(3, ["served", "closed"]) as parents:
        seen = Board.at(parents.descriptor, ["served", "closed"])  # as another process maps it
        mine, yours = parents.cell(0, "served"), seen.cell(2, "served")
        mine.add(2)
        yours.add(5)
        yours.add(-1)
        parents.cell(0, "closed").add(9)
        assert mine.total == yours.total == 6
        assert [seen.value(row, "served") for row in range(4)] == [2, 0, 4, 0]
        seen.wipe(0)
        assert (mine.total, parents.cell(1, "closed").total) == (4, 0)
        mine.add(1)
        assert yours.total == 5
        assert (parents.parents, seen.parents) == (3, 3)
        parents.cell(parents.parents, "closed").put(-7)
        assert list(seen.column("closed")) == [0, 0, 0, -7]
