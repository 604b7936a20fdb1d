"""An app that cannot be imported."""

raise ImportError("no module named gone")
