"""The site in Quart. `granian --interface asgi --workers 1 after:app`: one worker for all."""

import asyncio

import pages
from quart import Quart, Response, abort

app = Quart(__name__)


async def found(show_id: int) -> pages.Show:
    return await asyncio.to_thread(pages.show, show_id) or abort(404)


@app.get("/shows/<int:show_id>")
async def show(show_id: int) -> str:
    return pages.as_page(await found(show_id))


@app.get("/api/shows/<int:show_id>")
async def api_show(show_id: int) -> Response:
    body = (await found(show_id)).model_dump_json()
    return Response(body, content_type="application/json")
