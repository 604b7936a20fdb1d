"""What several remediators share: judging endpoints and restarts, and the units that replace them.

Pure like the remediators themselves: nothing here reads, writes or knows the time. A piece is here
only because two remediators need it; what one alone needs stays in its own file.
"""
