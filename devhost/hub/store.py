"""The hub's SQLite file: rows in, rows out.

Owns the schema and that one call of `save` is one transaction. Refuses to know what the rows mean.
Bodies are protobuf, never pickle: whoever can write the file must not be able to run code.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import durabletask.internal.orchestrator_service_pb2 as pb
from durabletask.testing.in_memory_backend import (
    EntityState,
    OrchestrationInstance,
    PendingLockRequest,
)

from devhost.errors import StartError, StateLostError

SCHEMA = 1

_TABLES = """
create table instance(
    id text primary key, name text not null, status integer not null, version text, input text,
    output text, custom_status text, created text not null, updated text not null, completed text,
    failure blob, tags text, inbox blob not null);
create table history(
    instance text not null, seq integer not null, event blob not null,
    primary key(instance, seq)) without rowid;
create table entity(
    id text primary key, state text, modified text not null, locked_by text, lock_owner text,
    inbox blob not null);
create table delayed(id integer primary key, due text not null, entity text not null, event blob not null);
create table lock_request(section text primary key, parent text not null, entities text not null);
"""

# What is acknowledged must survive a power cut as well, which in WAL mode takes FULL: one fsync a
# commit, under 1 ms where this was measured. NORMAL would survive the death of the process only.
_PRAGMAS = "pragma journal_mode=wal; pragma synchronous=full; pragma busy_timeout=1000;"


@dataclass(frozen=True, slots=True)
class Delayed:
    """An entity operation that is to be queued at `due`."""

    id: int
    due: datetime
    entity: str
    event: pb.HistoryEvent


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that was stored. `owners` maps a locked entity to the orchestration that locked it."""

    instances: list[OrchestrationInstance]
    entities: list[EntityState]
    owners: dict[str, str]
    delayed: list[Delayed]
    locks: list[PendingLockRequest]


@dataclass(slots=True)
class Changes:
    """What one transaction writes. A None value deletes the row."""

    instances: dict[str, OrchestrationInstance | None] = field(default_factory=dict)
    entities: dict[str, tuple[EntityState, str | None] | None] = field(default_factory=dict)
    delayed: dict[int, Delayed | None] = field(default_factory=dict)
    locks: list[PendingLockRequest] | None = None


class Store:
    """The file. Its caller serialises the calls."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        # Per instance: how many history rows are stored, and the last event among them.
        self._stored: dict[str, tuple[int, Any]] = {}
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise StartError(f"{path} is not a task hub: {error}") from error

    def _open(self) -> None:
        self._db.executescript(_PRAGMAS)
        version = self._db.execute("pragma user_version").fetchone()[0]
        if version == 0:
            self._db.executescript(f"begin; {_TABLES} pragma user_version={SCHEMA}; commit;")
        elif version != SCHEMA:
            self._db.close()
            raise StartError(
                f"the state was written with schema {version}, this host knows {SCHEMA}: "
                "use the version that wrote it, or another state directory"
            )

    def close(self) -> None:
        """Fold the log into the file and close it."""
        self._db.execute("pragma wal_checkpoint(truncate)")
        self._db.close()

    def load(self) -> Snapshot:
        """Read everything."""
        histories: dict[str, list[pb.HistoryEvent]] = {}
        for instance, event in self._db.execute(
            "select instance, event from history order by instance, seq"
        ):
            histories.setdefault(instance, []).append(pb.HistoryEvent.FromString(event))
        instances = [
            _instance(row, histories.get(row[0], []))
            for row in self._db.execute("select * from instance order by created")
        ]
        for found in instances:
            self._remember(found)
        rows = self._db.execute("select * from entity").fetchall()
        return Snapshot(
            instances=instances,
            entities=[_entity(row) for row in rows],
            owners={row[0]: row[4] for row in rows if row[4]},
            delayed=[
                Delayed(row[0], _time(row[1]), row[2], pb.HistoryEvent.FromString(row[3]))
                for row in self._db.execute("select * from delayed")
            ],
            locks=[
                PendingLockRequest(row[0], row[1], json.loads(row[2]))
                for row in self._db.execute("select * from lock_request order by rowid")
            ],
        )

    def save(self, changes: Changes) -> None:
        """Write the changes in one transaction.

        Raises:
            StateLostError: they could not be written; none of them was.
        """
        try:
            self._db.execute("begin immediate")
            self._write(changes)
            self._db.execute("commit")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("rollback")
            raise StateLostError(f"the task hub could not be written: {error}") from error
        for key, instance in changes.instances.items():
            if instance is None:
                self._stored.pop(key, None)
            else:
                self._remember(instance)

    def _write(self, changes: Changes) -> None:
        for key, instance in changes.instances.items():
            self._write_instance(key, instance)
        for key, entity in changes.entities.items():
            if entity is None:
                self._db.execute("delete from entity where id=?", (key,))
            else:
                self._insert("entity", _entity_row(*entity))
        for number, delayed in changes.delayed.items():
            self._db.execute("delete from delayed where id=?", (number,))
            if delayed:
                row = (
                    number,
                    delayed.due.isoformat(),
                    delayed.entity,
                    delayed.event.SerializeToString(),
                )
                self._insert("delayed", row)
        if changes.locks is not None:
            self._db.execute("delete from lock_request")
            for lock in changes.locks:
                lock_row = (
                    lock.critical_section_id,
                    lock.parent_instance_id,
                    json.dumps(lock.lock_set),
                )
                self._insert("lock_request", lock_row)

    def _write_instance(self, key: str, instance: OrchestrationInstance | None) -> None:
        if instance is None:
            self._db.execute("delete from instance where id=?", (key,))
            self._db.execute("delete from history where instance=?", (key,))
            return
        self._insert("instance", _instance_row(instance))
        self._db.executemany("insert into history values(?,?,?)", self._new_history(instance))

    def _new_history(self, instance: OrchestrationInstance) -> Iterator[tuple[str, int, bytes]]:
        """The rows that are not stored yet.

        A history only ever grows, except when the instance continues as new, is rewound or made
        again: then the last stored event is no longer where it was, and all rows are replaced.
        """
        count, last = self._stored.get(instance.instance_id, (0, None))
        events = instance.history
        if count > len(events) or (count and events[count - 1] is not last):
            self._db.execute("delete from history where instance=?", (instance.instance_id,))
            count = 0
        for seq in range(count, len(events)):
            yield instance.instance_id, seq, events[seq].SerializeToString()

    def _remember(self, instance: OrchestrationInstance) -> None:
        events = instance.history
        self._stored[instance.instance_id] = (len(events), events[-1] if events else None)

    def _insert(self, table: str, row: tuple[object, ...]) -> None:
        marks = ",".join("?" * len(row))
        self._db.execute(f"insert or replace into {table} values({marks})", row)


def _instance_row(found: OrchestrationInstance) -> tuple[object, ...]:
    return (
        found.instance_id,
        found.name,
        int(found.status),
        found.version,
        found.input,
        found.output,
        found.custom_status,
        found.created_at.isoformat(),
        found.last_updated_at.isoformat(),
        found.completed_at.isoformat() if found.completed_at else None,
        found.failure_details.SerializeToString() if found.failure_details else None,
        json.dumps(found.tags) if found.tags else None,
        # What a worker holds is still to be done: a start after a kill finds it in the inbox.
        _pack([*found.dispatched_events, *found.pending_events]),
    )


def _instance(row: tuple[Any, ...], history: list[pb.HistoryEvent]) -> OrchestrationInstance:
    names = ("instance_id", "name", "status", "version", "input", "output", "custom_status")
    return OrchestrationInstance(
        **dict(zip(names, row, strict=False)),
        created_at=_time(row[7]),
        last_updated_at=_time(row[8]),
        completed_at=_time(row[9]) if row[9] else None,
        failure_details=pb.TaskFailureDetails.FromString(row[10]) if row[10] is not None else None,
        tags=json.loads(row[11]) if row[11] else None,
        pending_events=_unpack(row[12]),
        history=history,
    )


def _entity_row(found: EntityState, owner: str | None) -> tuple[object, ...]:
    inbox = _pack([*found.dispatched_operations, *found.pending_operations])
    modified = found.last_modified_at.isoformat()
    return found.instance_id, found.serialized_state, modified, found.locked_by, owner, inbox


def _entity(row: tuple[Any, ...]) -> EntityState:
    return EntityState(
        row[0],
        serialized_state=row[1],
        last_modified_at=_time(row[2]),
        locked_by=row[3],
        pending_operations=_unpack(row[5]),
    )


def _pack(events: Iterable[pb.HistoryEvent]) -> bytes:
    body: bytes = pb.HistoryChunk(events=events).SerializeToString()
    return body


def _unpack(body: bytes) -> list[pb.HistoryEvent]:
    return list(pb.HistoryChunk.FromString(body).events)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
