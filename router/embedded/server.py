"""The child process of an embedded engine: one model behind llama.cpp's own HTTP server.

Guards against outliving the gateway, however that ends. On Linux the kernel kills this process
when the gateway dies, even while native code loads a model. Elsewhere, and where the gateway
lets go in good order, standard input ends: the gateway holds its other end and never writes.
Either alone has a hole: the first is Linux only, and a forked relative of the gateway may hold
the pipe open.

The address goes to standard output as one JSON line, once the model is loaded; whatever native
code prints there goes to standard error instead. The port is bound by the server itself
(`port = 0`), so that nobody can take it between the choice and the use.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING, Final

from router.process.orphans import die_with

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xllamacpp

# Each open request holds a thread, queued ones too, and with none left /health would not answer:
# a busy engine would look as if it hung. The gateway admits far fewer; an idle thread is cheap.
_HTTP_THREADS: Final = 512

# Tokens computed in one go, which nothing interrupts: where a client leaves while its prompt is
# read, everybody waits for the end of one. llama.cpp's own 2048 are 13 seconds of the 0.5B on two
# cores; 128 are less than one, for a twentieth more work per token of a prompt.
_BATCH: Final = 128


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until the gateway is gone."""
    options = _parse(arguments)
    die_with(options.parent)
    report = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        server = _serve(options)
    except ImportError as error:
        sys.exit(f"llama.cpp is not installed (pip install 'budget-router[embedded]'): {error}")
    except RuntimeError as error:
        sys.exit(f"llama.cpp did not load {options.model}: {error}")
    with report:
        report.write(json.dumps({"url": server.listening_address}) + "\n")
    sys.stdin.buffer.read()
    os._exit(0)  # the interpreter's own end would wait for requests that still run


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="path of the GGUF file")
    parser.add_argument("--alias", required=True, help="the model's id in /v1/models")
    parser.add_argument("--slots", type=int, required=True, help="samples decoded at once")
    parser.add_argument("--context", type=int, required=True, help="tokens per slot")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True, help="process id of the gateway")
    return parser.parse_args(arguments)


def _serve(options: argparse.Namespace) -> xllamacpp.Server:
    import xllamacpp  # noqa: PLC0415 native and heavy: only after the guard above stands

    params = xllamacpp.CommonParams()
    params.model.path = options.model
    params.model_alias = {options.alias}
    params.n_parallel = options.slots
    params.n_ctx = options.slots * options.context  # llama.cpp divides it among the slots
    params.n_batch = params.n_ubatch = max(_BATCH, options.slots)
    params.fit_params = False  # or it may lower the context to what memory it sees
    params.cpuparams.n_threads = options.threads
    params.cpuparams_batch.n_threads = options.threads
    params.cpuparams.poll = 0  # see _WAITING in router.embedded.child
    params.cpuparams_batch.poll = 0
    params.cache_ram_mib = 0  # prompts of idle slots: 8 GiB unless told; memory is to be known
    params.cache_idle_slots = False
    params.n_threads_http = _HTTP_THREADS
    params.port = 0
    params.ui = False
    params.endpoint_slots = False  # it shows prompts
    params.endpoint_metrics = True  # it shows counts alone
    params.cors_origins = ""  # no web page may ask
    params.cors_credentials = False
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
