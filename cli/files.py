"""Owns how a command writes a file: as a whole or not at all, and never over another unasked.

What is to be written is known only after Azure was read for a while, so ``check_target`` finds out
first whether the file may and can be written there.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from cli.shell import CommandError


def check_target(file: Path, option: str, *, force: bool, instead: str = "") -> None:
    """Whether ``file``, named by ``option``, may and can be written.

    ``instead`` is what to run, other than with ``--force``, where the file is there already.

    Raises:
        CommandError: when it exists and ``force`` is not given; when it is a folder; when its
            folder is missing or nothing can be written there.
    """
    if file.is_dir():
        raise CommandError(f"{option}: {file} is a folder", "give the name of a file")
    if not force and _is_there(file):
        raise CommandError(
            f"{option}: {file} exists and is left as it is",
            *([instead] if instead else []),
            "--force overwrites it",
        )
    check_folder(file.resolve().parent, option)


def check_folder(folder: Path, option: str) -> None:
    """Whether files can be made in ``folder``, by making one and taking it away again.

    Raises:
        CommandError: when they cannot.
    """
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise CommandError(f"{option}: the folder {folder} {what}", f"mkdir -p '{folder}'")
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".relink-"):
            pass
    except OSError as error:
        raise CommandError(
            f"{option}: nothing can be written in {folder}: {error.strerror}",
            "name another place, or mend the permissions of this one",
        ) from error


def make_folder(folder: Path, option: str) -> None:
    """Make ``folder``, named by ``option``, where it is not there yet, and check it.

    Raises:
        CommandError: when it cannot be made, or nothing can be written in it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = f"{folder} is a file" if folder.is_file() else f"{folder}: {error.strerror}"
        raise CommandError(f"{option} names a folder: {why}") from error
    check_folder(folder, option)


def check_empty(folder: Path, option: str) -> None:
    """Whether ``folder`` holds nothing that would be mixed with what is to be left there.

    Raises:
        CommandError: when it does, or nothing can be written in it.
    """
    make_folder(folder, option)
    if any(folder.iterdir()):
        raise CommandError(f"{option}: {folder} is not empty", "name a new or an empty folder")


def write_file(file: Path, text: str, *, option: str = "--out", force: bool = True) -> None:
    """Put ``text`` in the place of ``file``; a kill at any moment leaves the old file or the new.

    The mode of a file that is replaced stays, and a link goes on leading to it. What is no regular
    file (a pipe, /dev/null) is written to as it is.

    Raises:
        CommandError: when it appeared meanwhile and ``force`` is not given, or cannot be written.
    """
    target = file.resolve()
    draft: Path | None = None
    try:
        if target.exists() and not target.is_file():
            target.write_text(text, encoding="utf-8")
            return
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
        draft = Path(name)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        draft.chmod(target.stat().st_mode & 0o7777 if target.exists() else 0o666 & ~_umask())
        if not force and _is_there(file):
            raise CommandError(f"{option}: {file} was made meanwhile and is left as it is")
        draft.replace(target)
    except OSError as error:
        raise CommandError(f"{option}: {file} was not written: {error.strerror}") from error
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)


def _is_there(file: Path) -> bool:
    """Whether something would be lost: pipes and devices keep nothing."""
    return file.is_file() or (file.is_symlink() and not file.exists())


def _umask() -> int:
    """What new files are made without; the system tells it only by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
