"""Owns capture: a live environment → the text of its manifest. Pure; reads and writes nothing.

``needed`` says what must still be read, ``draw`` makes a draft of what was, ``write`` its text. Whoever
can speak to Azure asks ``needed`` until it asks for nothing. No address, principal or time gets
into the text: capturing, breaking, reconciling and capturing again gives the same one.
"""

from shared.capture.draft import Draft, Remark, draw
from shared.capture.surroundings import needed
from shared.capture.survey import Survey
from shared.capture.text import SCHEMA_FILE, name_for, write

__all__ = ["SCHEMA_FILE", "Draft", "Remark", "Survey", "draw", "name_for", "needed", "write"]
