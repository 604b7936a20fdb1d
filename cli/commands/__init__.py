"""One file a command. What a command needs is imported when it runs: ``--help`` stays quick."""
