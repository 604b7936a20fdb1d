"""Owns Azure's error envelope and the codes that the simulated Azure answers with.

ArmError is the only exception; it carries status, code and message as ARM would send them.
"""

from simulator.wire import Json


class ArmError(Exception):
    """A refusal in Azure's words."""

    def __init__(
        self, status: int, code: str, message: str, *, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    def envelope(self) -> Json:
        """Return the body that ARM sends."""
        return {"error": {"code": self.code, "message": self.message}}


def resource_not_found(type_and_name: str, group: str) -> ArmError:
    """Answer a read of something that does not exist."""
    return ArmError(
        404,
        "ResourceNotFound",
        f"The Resource '{type_and_name}' under resource group '{group}' was not found. For more "
        "details please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def parent_not_found(child: str, parent: str) -> ArmError:
    """Answer an operation on a child whose parent does not exist."""
    return ArmError(
        404,
        "ParentResourceNotFound",
        f"Failed to perform operation on nested resource {child}: the parent resource '{parent}' was not found.",
    )


def group_not_found(group: str) -> ArmError:
    """Answer a request into a resource group that does not exist."""
    return ArmError(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")


def authorization_failed(caller: str, object_id: str, action: str, scope: str) -> ArmError:
    """Answer a caller without the action on the scope."""
    return ArmError(
        403,
        "AuthorizationFailed",
        f"The client '{caller}' with object id '{object_id}' does not have authorization to perform action "
        f"'{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please "
        "refresh your credentials.",
    )


def linked_authorization_failed(
    caller: str, object_id: str, asked: tuple[str, str], linked: tuple[str, str]
) -> ArmError:
    """Answer a caller that may write the resource but not join what it refers to; pairs of action and scope."""
    (action, scope), (linked_action, linked_scope) = asked, linked
    return ArmError(
        403,
        "LinkedAuthorizationFailed",
        f"The client '{caller}' with object id '{object_id}' has permission to perform action '{action}' on "
        f"scope '{scope}'; however, it does not have permission to perform action(s) '{linked_action}' on the "
        f"linked scope(s) '{linked_scope}' (respectively) or the linked scope(s) are invalid.",
    )


def scope_locked(operation: str, scope: str, locked: str) -> ArmError:
    """Answer an operation that a lock forbids; `operation` is write or delete."""
    return ArmError(
        409,
        "ScopeLocked",
        f"The scope '{scope}' cannot perform {operation} operation because following scope(s) are locked: "
        f"'{locked}'. Please remove the lock and try again.",
    )


def bad_request(code: str, message: str) -> ArmError:
    """Answer a request that can never succeed as it stands."""
    return ArmError(400, code, message)


def precondition_failed(resource: str) -> ArmError:
    """Answer an If-Match or If-None-Match that does not hold."""
    return ArmError(
        412,
        "PreconditionFailed",
        f"The condition '{resource}' in the HTTP header is not satisfied.",
    )
