"""Which program is tested, and what a prompt says that its tests, or nobody's, can use.

| module       | question it answers                                                          |
|--------------|------------------------------------------------------------------------------|
| `source`     | which program does an answer make?                                           |
| `wanted`     | which names do tests ask a program for?                                      |
| `prelude`    | what of a completion's prompt do the tests have, trusted, on their own side? |
| `classes`    | which classes of a prompt are plain values, which the tests have as well?    |
| `gaps/`      | what of an answer belongs between prompt and suffix, and how well?           |
| `prompts/`   | what does a prompt say of its function?                                      |
| `blocks`     | which fenced blocks does a message have, and what of it was only thought?    |
| `lexing`     | is a place in source inside a string or a comment? What is not?              |
| `reading`    | what does Python source define, and what does it use?                        |

Nothing of an answer is run here, and none is too odd to have a program. All of it runs on the event
loop, so that every module bounds how much it reads, and how much it makes of that.
"""

from router.plan.programs.gaps.gap import Gap
from router.plan.programs.prelude import with_prompt_prelude
from router.plan.programs.prompts.asked import entry_point_of, texts_of
from router.plan.programs.prompts.description import description_of
from router.plan.programs.prompts.examples import examples_of
from router.plan.programs.prompts.inputs import inputs_of
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
