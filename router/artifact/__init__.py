"""A policy artifact: the file in which a calibration travels from who made it to who serves it.

| module     | question it answers                                              |
|------------|------------------------------------------------------------------|
| `files`    | how is such a file read, and how is it written?                  |
| `artifact` | what does it hold, and which models does it hold for?            |
| `ladders`  | how do ladders by kind of task and length of prompt stand in it? |
| `courses`  | how do courses of tasks without tests?                           |
| `rates`    | how does what its models cost?                                   |
| `part`     | what is any part of it like?                                     |

JSON, versioned. It says for which models it holds and what they cost, from which pools and problems
it was made, and what was assumed; the ladders are `policies.ladder`'s. What it promises holds only
for models of the same sizes, so a reader that serves it must `check` them.
"""
