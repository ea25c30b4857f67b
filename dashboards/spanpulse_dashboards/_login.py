"""Signing in: a form for the token, and the cookie it gives.

The right token is taken at once; a wrong one waits, and many of them are sent away, all senders together, as a proxy
shows them under one address. Not guaranteed: that a browser keeps the cookie, which links from other sites do not bring
(SameSite=Strict).
"""

from http import HTTPStatus
from urllib.parse import parse_qs

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from spanpulse_dashboards._access import COOKIE_S, Access

__all__ = ["login_routes"]

MOST_BYTES = 64 * 1024  # the address to go on to may be long
FORM = "application/x-www-form-urlencoded"
# The form is sent with its origin, which `no-referrer` would hide; other hosts learn nothing all the same.
OWN_REFERRER = {"referrer-policy": "same-origin", "cache-control": "no-store"}


def login_routes(access: Access, style: str) -> list[Route]:
    """Return the routes of the form; ``style`` is the address of the style sheet below the root path."""
    environment = Environment(
        loader=PackageLoader("spanpulse_dashboards"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    template = environment.get_template("login.html")

    def form(request: Request, wanted: str, error: str = "", status: int = HTTPStatus.OK) -> Response:
        root = request.scope.get("root_path", "")
        text = template.render(root=root, style=root + style, next=wanted, error=error, open=access.open)
        return HTMLResponse(text, status, OWN_REFERRER)

    async def show(request: Request) -> Response:
        return form(request, request.query_params.get("next", "/"))

    async def sign_in(request: Request) -> Response:
        given = await _fields(request)
        if given is None:
            return form(request, "/", "The form is not understood: send it from this page.", HTTPStatus.BAD_REQUEST)
        wanted = given.get("next", "/")
        cookie = access.sign_in(given.get("token", ""))
        if cookie is None:
            return await refused(request, wanted)
        root = request.scope.get("root_path", "")
        response = RedirectResponse(root + _inside(wanted), HTTPStatus.SEE_OTHER, OWN_REFERRER)
        secure = request.headers.get("origin", "").startswith("https://")
        response.set_cookie(
            access.cookie, cookie, max_age=COOKIE_S, path=root or "/", secure=secure, httponly=True, samesite="strict"
        )
        return response

    async def refused(request: Request, wanted: str) -> Response:
        if await access.delay():
            return form(request, wanted, "This is not the token of this page.", HTTPStatus.FORBIDDEN)
        response = form(request, wanted, "Too many send a wrong token: try again.", HTTPStatus.TOO_MANY_REQUESTS)
        response.headers["retry-after"] = "1"
        return response

    async def sign_out(request: Request) -> Response:
        root = request.scope.get("root_path", "")
        response = RedirectResponse(f"{root}/login", HTTPStatus.SEE_OTHER, OWN_REFERRER)
        response.delete_cookie(access.cookie, path=root or "/", httponly=True, samesite="strict")
        return response

    return [
        Route("/login", show, methods=["GET"]),
        Route("/login", sign_in, methods=["POST"]),
        Route("/login/out", sign_out, methods=["POST"]),
    ]


async def _fields(request: Request) -> dict[str, str] | None:
    """Return the fields of a form, None for anything else."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return None
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            return None
    try:
        return {name: values[-1] for name, values in parse_qs(body.decode()).items()}
    except ValueError:
        return None


def _inside(wanted: str) -> str:
    """Return an address of this page; for what a browser would take for one of another host, the first page."""
    fine = wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted and wanted.isprintable()
    return wanted if fine else "/"
