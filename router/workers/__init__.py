"""Several processes that serve as one gateway.

    clients ──► parent: listens, hands each connection to the worker with the fewest
                │   starts and watches workers and embedded engines
                ├── a worker: a whole gateway, with an event loop of its own
                └── a worker …      all ask the same engines

`parent` is the one that starts the others, `process` a worker as the parent sees it, `worker` what
runs inside. What they must know of each other goes three ways: numbers that every request needs
stand on a `board` in shared memory, where nobody waits for anybody; what few requests need is told
in `messages` over a `wire`; and what Prometheus sees lies in files of its own client (`figures`).

A worker that dies takes the requests that it served with it, and nothing else.
"""
