"""Proxies that the environment names, and the hosts that are asked without."""

import base64

import pytest
from fake_upstream import ANSWER, FakeUpstream, answering, failing, running, sending
from http_world import eventually, world
from yarl import URL

from router.upstream.proxies import Proxies
from router.upstream.transport import Client

pytestmark = pytest.mark.anyio

NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def test_a_remote_server_is_asked_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(FakeUpstream(answering())) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("//", "//me:secret@"))
        remote = {"url": "http://models.invalid/v1", "name": "theirs", "api_key": "key"}
        async with world(models={"large": remote}) as w:
            answer = await w.complete(model="large")
            assert answer.json()["choices"][0]["text"] == "".join(ANSWER)
            (call,) = proxy.calls
            assert call.headers["host"] == "models.invalid"
            assert call.body["model"] == "theirs"
            assert call.headers["authorization"] == "Bearer key"
            mine = base64.b64encode(b"me:secret").decode()
            assert call.headers["proxy-authorization"] == f"Basic {mine}"
            await eventually(lambda: proxy.looked == ["http://models.invalid/v1/models"])
            # The small one is on this machine, and is asked as such.
            assert (await w.complete(model="small")).status_code == 200
            assert len(proxy.calls) == 1


async def test_a_proxy_that_is_away_is_an_upstream_that_cannot_be_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALL_PROXY", "127.0.0.1:1")
    async with world(models={"large": {"url": "http://models.invalid"}}) as w:
        alone = await w.complete(model="large")
        assert alone.status_code == 502
        assert (await w.complete()).headers["x-router-model"] == "small"


@pytest.mark.parametrize("status", [407, 502])
async def test_a_proxy_that_refuses_a_tunnel_is_a_502(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    refusing = sending(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)
    async with running(FakeUpstream(failing(500), tokenizer=refusing)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        async with world(models={"large": {"url": "https://models.invalid"}}) as w:
            assert (await w.complete(model="large")).status_code == 502


async def test_proxies_that_are_none_of_ours_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    monkeypatch.setenv("HTTPS_PROXY", "ftp://127.0.0.1:1")
    assert not Proxies.of_environment().by_scheme
    async with (
        running(FakeUpstream(answering())) as server,
        Client(connect_s=60, read_s=60) as http,
    ):
        answer = await http.ask("GET", f"{server.url}/v1/models")
        answer.close()
        assert answer.is_success


PAST: dict[str, tuple[str, bool]] = {
    "http://127.0.0.1:9000/v1": ("", True),
    "http://localhost/v1": ("", True),
    "http://[::1]:80/v1": ("", True),
    "http://127.8.0.1": ("", True),
    "http://10.0.0.1": ("", False),
    "http://models.example.com": ("", False),
    "http://a.example.com": ("example.com", True),
    "http://example.com": (".example.com", True),
    "http://b.example.com": ("x, *.example.com", True),
    "http://notexample.com": ("example.com", False),
    "http://c.example.com:81": ("example.com:80", False),
    "http://d.example.com": ("example.com:80", True),
    "https://e.example.com": ("example.com:443", True),
    "http://f.example.com": ("*", True),
    "http://10.1.2.3": ("10.0.0.0/8", True),
    "http://11.1.2.3": ("10.0.0.0/8", False),
    "http://12.1.2.3": ("12.1.2.3", True),
    "http://G.Example.com": ("EXAMPLE.COM", True),
}


@pytest.mark.parametrize(("url", "no_proxy", "past"), [(u, *w) for u, w in PAST.items()])
def test_which_hosts_need_no_proxy(
    monkeypatch: pytest.MonkeyPatch, url: str, no_proxy: str, past: bool
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert Proxies.of_environment().bypassed(URL(url)) == past
