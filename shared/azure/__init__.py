"""The only room that speaks to Azure: it reads and carries out, and decides nothing."""
