"""The web application: its addresses, its gate, and the pages' own files."""

from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from concord.annotation.access import Gate, hostname
from concord.annotation.openapi import TITLE, include
from concord.annotation.replies import faults
from concord.annotation.store import Store
from concord.annotation.watching import Watched

STATIC = Path(__file__).with_name("static")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
UNBUILT = """\
The pages of Concord are not built in this copy of the source.

With Node.js 20 or newer, give

    cd web && npm ci && npm run build

and load this page again. A wheel of Concord has them inside. The addresses under /api/v1 work already.
"""


class Pages(StaticFiles):
    """The built pages: names with a hash in them never change, all others are asked for anew."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, with how long a browser may keep it."""
        response = await super().get_response(path, scope)
        if path.startswith("assets/") and response.status_code < 400:
            response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def create_app(
    store: Store,
    origin: str,
    names: frozenset[str] = frozenset(),
    static: Path = STATIC,
    runs: Path | None = None,
    ending: Callable[[], bool] = lambda: False,
) -> ASGIApp:
    """The application on a store: `origin` is the address that links begin with, `names` what else it goes by.

    `runs` is the folder whose runs may be watched, if any; `ending` says whether the server is about to stop.
    """
    app = FastAPI(
        title=TITLE,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.store, app.state.origin = store, origin
    app.state.watched, app.state.ending = Watched(runs), ending
    app.state.secure = origin.startswith("https://")
    include(app)
    faults(app)
    hosts = LOOPBACK | names | {hostname(origin.partition("://")[2])}
    gate = Gate(app, store, frozenset(name.lower() for name in hosts))
    built = (static / "index.html").is_file()
    app.router.routes.append(
        Mount("/", Pages(directory=static, html=True), name="pages")
        if built
        else Route("/", lambda _: PlainTextResponse(UNBUILT), name="pages")
    )
    return gate
