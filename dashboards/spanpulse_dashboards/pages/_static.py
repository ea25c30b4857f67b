"""The files that pages load: kept in memory, under an address that carries the digest of them all.

A file's address changes with the content, so a browser may keep it for ever and never shows a page with the script of
another version; relative imports between modules work as the digest is a folder. Not guaranteed: files that appear
after the start.
"""

import hashlib
import mimetypes
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

__all__ = ["StaticFiles"]

FOR_EVER = "public, max-age=31536000, immutable"
# What the registry of a machine says about these differs.
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class StaticFiles:
    """All static files of the package, read once."""

    def __init__(self) -> None:
        root = files("spanpulse_dashboards") / "static"
        self._files = dict(sorted(_under(root, "")))
        content = hashlib.sha256()
        for name, data in self._files.items():
            content.update(f"{name}\0{len(data)}\0".encode() + data)
        self.digest = content.hexdigest()[:16]

    def path(self, name: str) -> str:
        """Return the address of a file below the root of the page. Raises KeyError where there is none."""
        if name not in self._files:
            raise KeyError(f"no static file {name!r}")
        return f"/static/{self.digest}/{name}"

    async def serve(self, request: Request) -> Response:
        """Answer `/static/{digest}/{name:path}`; the address of another version leads to this one's."""
        name = request.path_params["name"]
        data = self._files.get(name)
        if data is None:
            return Response("no such file\n", 404, media_type="text/plain")
        if request.path_params["digest"] != self.digest:
            return RedirectResponse(
                request.scope.get("root_path", "") + self.path(name), 307, {"cache-control": "no-store"}
            )
        return Response(data, media_type=_type(name), headers={"cache-control": FOR_EVER})


def _under(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _under(entry, f"{prefix}{entry.name}/")
        else:
            found.append((prefix + entry.name, entry.read_bytes()))
    return found


def _type(name: str) -> str:
    suffix = name[name.rfind(".") :]
    return TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "text/plain"
