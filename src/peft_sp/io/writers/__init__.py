"""The text files of a run: the table, and those of SignalP 6."""
