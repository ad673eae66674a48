"""How somebody comes into the rooms of a server: by a link that serves once; for tests alone."""

from typing import Any


def way_in(light: Any, guest: Any = None) -> str:
    """A new link's secret, for the owner or for somebody else."""
    link: str = light.owner.post(f"/people/{(guest or light.owner).id}/links", {})["link"]
    return link.rpartition("/")[2]


def come_in(light: Any, guest: Any = None) -> Any:
    """A browser that has come in by it."""
    browser = light.browser()
    reply = browser.post("/api/v1/login", json={"token": way_in(light, guest)})
    assert reply.status_code == 200, reply.text
    return browser
