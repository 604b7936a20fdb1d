"""Owns the tags of a scope as a resource of their own (Microsoft.Resources/tags/default, 2021-04-01).

PATCH has an operation: Merge, Replace or Delete. Who may write these tags needs no write on the resource itself.
"""

from simulator.call import Call
from simulator.errors import bad_request
from simulator.kind import Kind
from simulator.store import Resource
from simulator.wire import Json, Reply


class Tags(Kind):
    """`{scope}/providers/Microsoft.Resources/tags/default`."""

    type = "Microsoft.Resources/tags"
    needs_location = False
    has_state = False

    def read(self, call: Call) -> Reply:
        """Return the tags of the scope."""
        return _shown(_target(call))

    def write(self, call: Call) -> Reply:
        """Replace the tags."""
        return self._become(call, _given(call))

    def patch(self, call: Call) -> Reply:
        """Merge, replace or delete tags."""
        held: dict[str, str] = dict(_target(call).body.get("tags") or {})
        given = _given(call)
        match str(call.body.get("operation")):
            case "Merge":
                return self._become(call, held | given)
            case "Replace":
                return self._become(call, given)
            case "Delete":
                kept = {k: v for k, v in held.items() if given.get(k) != v}
                return self._become(call, kept)
            case operation:
                raise bad_request("InvalidTagOperation", f"{operation!r} is no tag operation.")

    def delete(self, call: Call) -> Reply:
        """Remove every tag."""
        self._become(call, {})
        return Reply(200)

    def _become(self, call: Call, tags: Json) -> Reply:
        target = _target(call)
        target.body["tags"] = tags
        call.context.ended(call.begun())
        return _shown(target)


def _given(call: Call) -> Json:
    tags = call.properties().get("tags")
    if not isinstance(tags, dict):
        raise bad_request("InvalidRequestContent", "properties.tags must be an object.")
    return tags


def _target(call: Call) -> Resource:
    found = call.context.store.get(call.path.scope)
    if found is None:
        raise bad_request("ResourceNotFound", f"{call.path.scope} was not found.")
    return found


def _shown(target: Resource) -> Reply:
    body: Json = {
        "id": f"{target.id}/providers/Microsoft.Resources/tags/default",
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": {"tags": dict(target.body.get("tags") or {})},
    }
    return Reply(200, body)


KINDS: tuple[Kind, ...] = (Tags(),)
