"""One address on the network: the time of a call is that of all of it, however many places its name stands for."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.rooms import endpoint as mock

from concord.endpoints.wire import Passing, Secret, Wire

ASKED = {"messages": [{"role": "user", "content": "hi"}]}


@contextmanager
def silent(port: int) -> Iterator[str]:
    """An address of this machine at whose port nobody answers, not even to connect."""
    with socket.socket() as hole:
        hole.bind(("127.0.0.2", port))
        hole.listen(0)
        full = [socket.socket() for _ in range(4)]
        try:
            for one in full:
                one.setblocking(False)
                one.connect_ex(("127.0.0.2", port))
            yield "127.0.0.2"
        finally:
            for one in full:
                one.close()


def cut_off(wire: Wire) -> bool:
    """Whether a call ends soon after its second, as one that took too long."""
    begin = time.monotonic()
    with pytest.raises(Passing, match="took longer than 1 s"):
        wire.post("/chat/completions", ASKED)
    return time.monotonic() - begin < 2.5


@pytest.mark.slow
def test_a_silent_address_leaves_time_for_the_next_and_the_whole_call_has_one_limit() -> None:
    with mock.running() as there, silent(there.port) as first:
        wire = Wire(f"http://two.test:{there.port}/v1", Secret(), 1.0)
        wire._addresses = [first, "127.0.0.1"]
        assert wire.post("/chat/completions", ASKED)["object"] == "chat.completion"
        there.raw = mock.drip
        assert cut_off(wire)
        wire._addresses = [first, first]
        assert cut_off(wire)
