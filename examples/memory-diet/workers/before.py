"""The site in Flask. `gunicorn --workers 4 before:app`: a worker answers one request at a time."""

import pages
from flask import Flask, Response, abort

app = Flask(__name__)


def found(show_id: int) -> pages.Show:
    return pages.show(show_id) or abort(404)


@app.get("/shows/<int:show_id>")
def show(show_id: int) -> str:
    return pages.as_page(found(show_id))


@app.get("/api/shows/<int:show_id>")
def api_show(show_id: int) -> Response:
    return Response(found(show_id).model_dump_json(), content_type="application/json")
