"""Which program is tested, and what a prompt says that its tests, or nobody's, can use.

| module       | question it answers                                                          |
|--------------|------------------------------------------------------------------------------|
| `source`     | which program does an answer make?                                           |
| `prelude`    | what of a completion's prompt do the tests have, trusted, on their own side? |
| `classes`    | which classes of a prompt are plain values, which the tests have as well?    |
| `gap`        | what of an answer belongs between prompt and suffix, and how well?           |
| `leaving`    | where does an answer leave the block that its gap is in?                     |
| `seams`      | does a program hang together around lines that were put into it?             |
| `asked`      | which function is an answer to define?                                       |
| `examples`   | what does a prompt say that its function gives?                              |
| `forms`      | how do people write what a call gives? `described`: without the call?        |
| `sessions`   | what do names stand for in a doctest, and what of its output is a value?     |
| `denials`    | does what stands before a call take back what is said of it?                 |
| `statements` | is what they write meant as it stands, or as an error or a count?            |
| `inputs`     | what else can candidates be run on?                                          |
| `description`| what is an answer to do, in words?                                           |
| `asserts`    | what do tests say that a model wrote, and how is it asked for them?          |
| `mutations`  | which values are near a value? `typed`: which are of a type?                 |
| `blocks`     | which fenced blocks does a message have, and what of it was only thought?    |
| `signatures` | which functions does a text define, and what do they take?                   |
| `literals`   | which value, or call of values, begins at a place in a text?                 |
| `lexing`     | is a place in source inside a string or a comment?                           |
| `reading`    | what does Python source define, and what does it use?                        |

Nothing of an answer is run here, and none is too odd to have a program. All of it runs on the event
loop, so that every module bounds how much it reads.
"""

from router.plan.programs.asked import entry_point_of, texts_of
from router.plan.programs.description import description_of
from router.plan.programs.examples import examples_of
from router.plan.programs.gap import Gap
from router.plan.programs.inputs import inputs_of
from router.plan.programs.prelude import with_prompt_prelude
from router.plan.programs.source import program_source

__all__ = [
    "Gap",
    "description_of",
    "entry_point_of",
    "examples_of",
    "inputs_of",
    "program_source",
    "texts_of",
    "with_prompt_prelude",
]
