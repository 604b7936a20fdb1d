"""Owns the answer of Resource Graph: pages, skip tokens and quota. What it does not understand it refuses.

Tables are in `tables`, changes in `changes`, the query language in `queries`, `expressions`, `values`, `lexing`.
"""

from simulator.call import Call
from simulator.graph.lexing import refused
from simulator.graph.queries import Query
from simulator.graph.tables import COLUMNS, TABLES, is_tracked, rows
from simulator.wire import Json, Reply

__all__ = ["answer", "is_tracked"]

MOST = 1000


def answer(call: Call) -> Reply:
    """Answer a query with a page of rows and the quota headers; raises ArmError BadRequest or 429."""
    headers = call.context.state.limits.query(call.caller.object_id, call.context)
    options: Json = call.body.get("options") or {}
    wanted = {str(s).lower() for s in call.body.get("subscriptions") or []}
    tables = {name: lambda name=name: rows(call, name, wanted) for name in TABLES}
    query = Query(str(call.body.get("query", "")), call.context.now(), tables, COLUMNS)
    found, columns = query.run()
    top = min(int(options.get("$top") or MOST), MOST)
    try:
        skip = int(options.get("$skipToken") or options.get("$skip") or 0)
    except ValueError as error:
        raise refused("the $skipToken is invalid") from error
    page = found[skip : skip + top]
    more = skip + top < len(found)
    paged = more and "id" in columns
    body: Json = {
        "totalRecords": len(found),
        "count": len(page),
        "data": page,
        "facets": [],
        "resultTruncated": "true" if more and not paged else "false",
    }
    if paged:
        body["$skipToken"] = str(skip + top)
    return Reply(200, body, headers)
