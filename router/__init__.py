"""The gateway: from HTTP down to the servers that compute, in floors that import downwards only.

| floor                        | question it answers                                            |
|------------------------------|----------------------------------------------------------------|
| `server`, `__main__`         | how it is run on a port                                        |
| `alone`, `workers/`          | in one process, or in several that serve as one                |
| `banner`, `listening`        | how it greets and listens                                      |
| `http/`                      | what may be said over HTTP                                     |
| `batch`, `service`           | several prompts of one request; what is started, and ends      |
| `drift`                      | what was expected of requests, and what came (`observations`)  |
| `configuration/`             | what the settings name, as values                              |
| `gateway`, `preparing/`      | what happens to a request: policy and models, then the plan    |
| `verifier/`, `metrics`       | what is asked of a verifier; what an operator watches          |
| `plan/`                      | how a plan is driven, paid for and judged                      |
| `errors`, `settings`         | what can go wrong at the edge; what may be set (`sections/`)   |
| `upstream/`, `embedded/`     | how servers are spoken to; the engine of our own               |
| `catalogue/`, `artifact/`    | which models there are; the file of a calibrated policy        |
| `request`                    | what a request is, once understood                             |
| `concurrent`, `hearing`      | several things, a few at a time; the listener where none is    |
| `process/`                   | what any process of ours does: its loop, its log, its end      |

What decides is in `policies`, what runs programs in `sandbox`.
"""
