"""The same worker; what one rare page needs is imported by that page."""

import os
import sqlite3

from flask import Flask, Response, abort, jsonify

app = Flask(__name__)


def database() -> sqlite3.Connection:
    return sqlite3.connect(os.environ["CATALOGUE"])


@app.get("/shows/<int:show_id>")
def show(show_id: int) -> Response:
    """What every visitor asks for."""
    query = "SELECT number, title, published FROM episode WHERE show_id = ? ORDER BY number"
    rows = database().execute(query, [show_id]).fetchall() or abort(404)
    return jsonify([dict(zip(("number", "title", "published"), row, strict=True)) for row in rows])


@app.get("/reports/hours.csv")
def hours() -> Response:
    """What the office asks for once a month: the hours of each show, also kept in S3."""
    import boto3
    import pandas

    episodes = pandas.read_sql("SELECT show_id, seconds FROM episode", database())
    report = (episodes.groupby("show_id")["seconds"].sum() / 3600).round(1).to_csv()
    if bucket := os.environ.get("REPORT_BUCKET"):
        boto3.client("s3").put_object(Bucket=bucket, Key="hours.csv", Body=report.encode())
    return Response(report, content_type="text/csv")
