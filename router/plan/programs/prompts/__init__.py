"""What a prompt says of its function: which it is, in which words, by which examples.

| module        | question it answers                                                         |
|---------------|-----------------------------------------------------------------------------|
| `asked`       | which function is an answer to define?                                      |
| `description` | what is an answer to do, in words?                                          |
| `examples`    | what does a prompt say that its function gives?                             |
| `forms`       | how do people write what a call gives? `described`: without the call?       |
| `sessions`    | what do names stand for in a doctest, and what of its output is a value?    |
| `denials`     | does what stands before a call take back what is said of it?                |
| `statements`  | is what they write meant as it stands, or as an error or a count?           |
| `inputs`      | what else can candidates be run on?                                         |
| `mutations`   | which values are near a value? `typed`: which are of a type?                |
| `counted`     | how much is made of a type?                                                 |
| `asserts`     | what do tests say that a model wrote, and how is it asked for them?         |
| `signatures`  | which functions does a text define, and what do they take?                  |
| `literals`    | which value, or call of values, begins at a place in a text?                |
"""
