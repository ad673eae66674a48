"""One address on the network: looked up once, never left, never trusted to be quick, short or sane."""

import ipaddress
import json
import os
import re
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any, TypeVar
from urllib.parse import urlsplit

from concord.errors import EndpointError, SettingsError

S = TypeVar("S", bound=socket.socket)
MOST_BYTES = 16 * 2**20
"""An answer that is longer than this is not read to its end."""
WIDTH = 160
"""Characters of an endpoint's own words that a message repeats."""
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
"""Statuses after which the same call may well succeed."""
KEY = re.compile(r"[\x21-\x7e]+")


class Passing(Exception):
    """A failure that may pass: the call may be made again, after a pause if the endpoint names one."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


@dataclass(frozen=True, repr=False)
class Secret:
    """A key that shows itself in no message: only the header of a call holds it."""

    value: str = ""

    @classmethod
    def from_environment(cls, name: str) -> "Secret":
        """The key in an environment variable; no key if no variable is named."""
        if not name:
            return cls()
        value = os.environ.get(name, "").strip()
        if not KEY.fullmatch(value):
            how = "is not set" if not value else "holds signs that no header can carry"
            raise SettingsError(
                f"The environment variable {name}, which should hold the endpoint's key, {how}."
            )
        return cls(value)

    def __repr__(self) -> str:
        return "Secret()"

    def hide(self, text: str) -> str:
        """The text without the key, should an endpoint repeat it."""
        return text.replace(self.value, "[key]") if self.value else text


def addresses(host: str, port: int) -> list[str]:
    """What a name stands for, asked once; addresses that are nobody's endpoint are refused."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise EndpointError(f"{host} cannot be looked up ({error}). Check the endpoint's url.") from error
    known = list(dict.fromkeys(str(one[4][0]) for one in found))
    for address in known:
        number = ipaddress.ip_address(address.partition("%")[0])
        mapped = getattr(number, "ipv4_mapped", None) or number
        if mapped.is_link_local or mapped.is_multicast or mapped.is_unspecified:
            raise EndpointError(
                f"{host} stands for {address}, which no endpoint can have. Check the endpoint's url."
            )
    return known


class Wire:
    """A place to send JSON to. The name is looked up once, so that it cannot come to mean another machine."""

    def __init__(self, url: str, secret: Secret, seconds: float) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1 or "@" in parts.netloc:
            raise SettingsError(
                f"{url.rpartition('@')[2]!r} is no endpoint. Give a url such as https://host/v1."
            )
        if parts.query or parts.fragment:
            raise SettingsError(
                "An endpoint's url has no ? and no #: a key belongs in an environment variable."
            )
        self.url, self.host = url.rstrip("/"), parts.hostname
        self.safe = parts.scheme == "https"
        self.port = port or (443 if self.safe else 80)
        self.path = parts.path.rstrip("/")
        self.secret, self.seconds = secret, seconds
        self._addresses: list[str] = []
        self._lock = threading.Lock()
        self._trust = ssl.create_default_context() if self.safe else None

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """What the endpoint answers, as JSON; Passing if it may do better next time, EndpointError if not."""
        status, pause, raw = self._send(path, json.dumps(body).encode())
        words = self.repeat(raw)
        if status in BUSY:
            raise Passing(f"answers {status}: {words}", pause)
        if 300 <= status < 400:
            raise EndpointError(
                f"{self.url} points elsewhere ({status}), and nothing is sent there. Name the real url."
            )
        if status in (401, 403):
            raise EndpointError(f"{self.url} refuses the key ({status}): {words}")
        if status != 200:
            raise EndpointError(f"{self.url}{path} answers {status}: {words}")
        try:
            return json.loads(raw, parse_constant=_refuse)
        except (ValueError, RecursionError):
            raise Passing(f"answers what is not JSON: {words}") from None

    def repeat(self, raw: bytes) -> str:
        """The beginning of an endpoint's own words, without the key and without anything a terminal would obey."""
        text = self.secret.hide(raw[: 64 * WIDTH].decode("utf-8", "replace"))
        return ascii(text[:WIDTH])

    def _send(self, path: str, body: bytes) -> tuple[int, float | None, bytes]:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Connection": "close"}
        if self.secret.value:
            headers["Authorization"] = f"Bearer {self.secret.value}"
        line = HTTPConnection(self.host, self.port, timeout=self.seconds)
        clock = Deadline(self.seconds)
        try:
            with clock:
                line.sock = self._connect(clock)
                line.request("POST", self.path + path, body, headers)
                with line.getresponse() as answer:  # it holds the line from here on
                    return self._read(answer, clock)
        except (OSError, HTTPException) as error:
            # what waited for a connection may give up a moment before the clock says that it is over
            if clock.over or isinstance(error, TimeoutError):
                raise Passing(f"took longer than {self.seconds:g} s") from None
            if isinstance(error, ssl.SSLCertVerificationError):
                raise EndpointError(f"{self.url} does not prove who it is: {error.verify_message}.") from None
            raise Passing(self.secret.hide(f"{type(error).__name__}: {error}"[:WIDTH])) from None
        finally:
            line.close()

    def _read(self, answer: HTTPResponse, clock: "Deadline") -> tuple[int, float | None, bytes]:
        raw = answer.read(MOST_BYTES + 1)
        if clock.over:
            raise TimeoutError  # a connection that we shut looks like one that ended
        if len(raw) > MOST_BYTES:
            raise EndpointError(
                f"{self.url} answers more than {MOST_BYTES // 2**20} MiB, which is no answer."
            )
        if (answer.length or 0) > 0:
            raise Passing("breaks off in the middle of an answer")
        return answer.status, _seconds(answer.getheader("Retry-After")), raw

    def _connect(self, clock: "Deadline") -> socket.socket:
        with self._lock:
            if not self._addresses:
                found = addresses(self.host, self.port)
                self._beware(found)
                self._addresses = found
        failure: OSError | None = None
        for number, address in enumerate(self._addresses):
            # each has a share of the time: one that is silent would use up all of it
            share = clock.left() / (len(self._addresses) - number)
            try:
                plain = socket.create_connection((address, self.port), share)
            except OSError as error:
                failure = error
                continue
            plain.settimeout(self.seconds)
            if self._trust is None:
                return clock.watch(plain)
            safe = self._trust.wrap_socket(plain, server_hostname=self.host, do_handshake_on_connect=False)
            clock.watch(safe)
            safe.do_handshake()
            return safe
        raise failure or OSError("no address")

    def _beware(self, found: list[str]) -> None:
        """A key goes unencrypted to no machine outside."""
        outside = [one for one in found if ipaddress.ip_address(one.partition("%")[0]).is_global]
        if self.secret.value and not self.safe and outside:
            raise EndpointError(f"{self.url} would get the key unencrypted over the open network. Use https.")


class Deadline:
    """Shuts a connection when its time is over, however busily it drips."""

    def __init__(self, seconds: float) -> None:
        self.over = False
        self.watched: socket.socket | None = None
        self._end_at = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def left(self) -> float:
        """Seconds until then; a hundredth at least, for 0 would mean no limit."""
        return max(0.01, self._end_at - time.monotonic())

    def watch(self, line: S) -> S:
        """Shut this connection when the time is over, if it is not over yet."""
        self.watched = line
        if self.over:
            raise TimeoutError
        return line

    def _end(self) -> None:
        self.over = True
        if self.watched is not None:
            with suppress(OSError):  # it may have ended by itself; beneath TLS, which another thread reads
                socket.socket.shutdown(self.watched, socket.SHUT_RDWR)

    def __enter__(self) -> "Deadline":
        self._timer.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._timer.cancel()
        if self.watched is not None:
            self.watched.close()


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _seconds(told: str | None) -> float | None:
    """A Retry-After in seconds; a date is not waited for."""
    return float(told) if told and re.fullmatch(r"\d{1,6}(\.\d+)?", told) else None
