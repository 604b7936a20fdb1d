"""How fast and how sparing Relink is: measured on the real parts, written to ``results.json``."""
