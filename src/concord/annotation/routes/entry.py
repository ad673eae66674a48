"""Coming in and going out."""

from fastapi import APIRouter, Request, Response

from concord.annotation import asked, entry, told
from concord.annotation.desk import At

router = APIRouter(tags=["entry"])


@router.get("/health")
def health() -> told.Health:
    """Tell that the server is there."""
    return told.Health()


@router.post("/login")
def login(body: asked.Login, request: Request, response: Response) -> told.Me:
    """Come in by a link, which then serves no more."""
    return entry.login(request, response, body.token)


@router.post("/logout")
def logout(desk: At, request: Request, response: Response) -> told.Done:
    """Go out: the session ends here, not only in the browser."""
    entry.logout(desk, request, response)
    return told.Done()


@router.get("/me")
def me(desk: At) -> told.Me:
    """Tell who asks."""
    return entry.me(desk)
